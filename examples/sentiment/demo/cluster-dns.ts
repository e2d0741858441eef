/**
 * The cluster's DNS, as a program in the switch's namespace: A records of services, read as JSON lines ({"name": "address"}) from standard
 * input, each line the whole table. RFC 1035 as far as the resolvers of the C library and curl ask for.
 */
import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';

const TYPE_A = 1;
const TYPE_ANY = 255;
const TTL_SECONDS = 5;
const HEADER_BYTES = 12;

export type Records = ReadonlyMap<string, string>;

/** The answer to one question, or null for a message that is none. */
export function answer(query: Buffer, records: Records): Buffer | null {
  if (query.length < HEADER_BYTES || query.readUInt16BE(4) !== 1 || (query.readUInt8(2) & 0x80) !== 0) return null;
  const question = readQuestion(query);
  if (question === null) return null;
  const address = records.get(question.name);
  const wanted = question.type === TYPE_A || question.type === TYPE_ANY;
  const resource = address !== undefined && wanted ? record(address) : Buffer.alloc(0);
  const header = Buffer.from(query.subarray(0, HEADER_BYTES));
  // QR and AA, with the client's RD; a name that exists without an address of the asked family is no error (RFC 2308 2.2).
  header.writeUInt8(0x84 | (query.readUInt8(2) & 0x01), 2);
  header.writeUInt8(0x80 | (address === undefined ? 3 : 0), 3);
  header.writeUInt16BE(resource.length === 0 ? 0 : 1, 6);
  header.fill(0, 8);
  return Buffer.concat([header, query.subarray(HEADER_BYTES, question.end), resource]);
}

function readQuestion(query: Buffer): { name: string; type: number; end: number } | null {
  const labels: string[] = [];
  let offset = HEADER_BYTES;
  for (;;) {
    const length = query[offset];
    if (length === undefined || length > 63) return null;
    if (length === 0) break;
    labels.push(query.toString('latin1', offset + 1, offset + 1 + length));
    offset += 1 + length;
  }
  if (offset + 5 > query.length) return null;
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(offset + 1), end: offset + 5 };
}

/** NAME is a pointer to the question's. */
function record(address: string): Buffer {
  const resource = Buffer.from([0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, TTL_SECONDS, 0, 4, 0, 0, 0, 0]);
  resource.set(address.split('.').map(Number), 12);
  return resource;
}

function main(listen: string): void {
  let records: Records = new Map();
  const socket = createSocket('udp4');
  socket.on('message', (query, peer) => {
    const reply = answer(query, records);
    if (reply !== null) socket.send(reply, peer.port, peer.address);
  });
  socket.bind(53, listen, () => process.stdout.write('listening\n'));
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    records = new Map(Object.entries(JSON.parse(line) as Record<string, string>));
    process.stdout.write('updated\n');
  });
  lines.once('close', () => process.exit(0));
}

if (import.meta.main) main(process.argv[2] ?? '127.0.0.1');
