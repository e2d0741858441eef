/** Ports for programs that have to be told theirs, as an agent's endpoints and Gateways. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';

const LOWEST = 10_000;
/** tap numbers the files that run at a time (`TAP_JOB_ID`), and each has ports of its own. */
const SHARES = 16;
/** To which `fetch` does not connect, whoever listens (https://fetch.spec.whatwg.org/#port-blocking). */
const BLOCKED = 10_080;
/** A port that was given out may not be used yet. */
const given = new Set<number>([BLOCKED]);

/**
 * Different ports of 127.0.0.1 at which nobody listens, below those that the kernel gives to connections: of these another test's connection
 * may take one between its choice and its use, and a client that asks whether somebody listens there may be connected to itself. Nor are
 * they those of another file that runs meanwhile, or of an earlier call.
 */
export async function freePorts(count: number): Promise<number[]> {
  const [connections = 0] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split('\t').map(Number);
  const share = Math.floor(((connections > LOWEST ? connections : 65_536) - LOWEST) / SHARES);
  const first = LOWEST + share * (Number(process.env['TAP_JOB_ID'] ?? 0) % SHARES);
  const servers: Server[] = [];
  while (servers.length < count) {
    const port = first + Math.floor(Math.random() * share);
    const server = given.has(port) ? null : await listening(port);
    if (server === null) continue;
    given.add(port);
    servers.push(server);
  }
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  for (const server of servers) {
    server.close();
    await once(server, 'close');
  }
  return ports;
}

/** Null: the port is taken. */
async function listening(port: number): Promise<Server | null> {
  const server = createServer().listen(port, '127.0.0.1');
  return once(server, 'listening').then(
    () => server,
    () => null,
  );
}
