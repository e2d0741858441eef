/**
 * Whatever a peer sends, on either side: nothing throws, nothing is left behind, and a connection that is not concerned is served. Frames are
 * drawn with their fields near what means something, then bytes are changed.
 */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { HpackEncoder } from '../../../src/l7/http2/hpack-encoder.ts';
import { blockOf, frame, get, parameters, request, TYPES, word } from '../http2/peer.ts';
import { dialHttp2, http1Gateway, http2Gateway, leftSockets, serveHttp2 } from './http2-rig.ts';
import { ok, type Rig } from './rig.ts';

const stream = fc.constantFrom(0, 1, 1, 3, 3, 5, 2, 2 ** 31 - 1);
const blocks = [
  blockOf(new HpackEncoder(), get('/')),
  blockOf(new HpackEncoder(), [...request('POST', '/x'), ['content-length', '3'], ['te', 'trailers']]),
  blockOf(new HpackEncoder(), [...request('CONNECT', '/ws'), [':protocol', 'websocket']]),
  blockOf(new HpackEncoder(), [[':status', '200'], ['content-length', '5']]), // prettier-ignore
  blockOf(new HpackEncoder(), [[':status', '103']]),
  blockOf(new HpackEncoder(), [['grpc-status', '0'], ['x', 'y']]), // prettier-ignore
  Buffer.from([0xbe]),
];
const flags = fc.constantFrom(0, 1, 4, 5, 5, 5, 12, 13, 44, 255);

const anyFrame = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(flags, stream, fc.constantFrom(...blocks)).map(([flag, id, block]) => frame('HEADERS', flag, id, block)),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(flags, stream, fc.uint8Array({ maxLength: 40 })).map(([flag, id, bytes]) => frame('DATA', flag, id, bytes)),
  },
  { weight: 1, arbitrary: fc.tuple(stream, fc.constantFrom(0, 1, 7, 8, 99)).map(([id, code]) => frame('RST_STREAM', 0, id, word(code))) },
  {
    weight: 1,
    arbitrary: fc.tuple(stream, fc.constantFrom(0, 1, 65_535, 2 ** 31 - 1)).map(([id, by]) => frame('WINDOW_UPDATE', 0, id, word(by))),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(1, 2, 3, 4, 5, 6, 8, 99), fc.constantFrom(0, 1, 100, 16_384, 70_000))
      .map((entry) => frame('SETTINGS', 0, 0, parameters(entry))),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(stream, fc.nat(14)).map(([last, code]) => frame('GOAWAY', 0, 0, Buffer.concat([word(last), word(code)]))),
  },
  { weight: 1, arbitrary: fc.constant(frame('PING', 0, 0, Buffer.alloc(8))) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(...TYPES, '42'), flags, stream, fc.uint8Array({ maxLength: 20 }))
      .map(([type, flag, id, bytes]) => frame(type, flag, id, bytes)),
  },
);

interface Attack {
  readonly frames: readonly Buffer[];
  /** Bytes that are changed: where, and to what. */
  readonly changes: readonly (readonly [at: number, to: number])[];
  /** How many bytes arrive at a time. */
  readonly step: number;
}

const attack: fc.Arbitrary<Attack> = fc.record({
  frames: fc.array(anyFrame, { maxLength: 14 }),
  changes: fc.oneof(fc.constant([]), fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 3 })),
  step: fc.constantFrom(1, 7, 100_000),
});

function bytesOf({ frames, changes }: Attack): Buffer {
  const bytes = Buffer.concat(frames);
  for (const [at, to] of changes) if (at < bytes.length) bytes[at] = to;
  return bytes;
}

function deliver(rig: Rig, write: (bytes: Buffer) => void, { step, ...rest }: Attack): void {
  const bytes = bytesOf({ step, ...rest });
  for (let from = 0; from < bytes.length; from += step) {
    write(bytes.subarray(from, from + step));
    if (step < bytes.length) rig.transport.run();
  }
  rig.run();
}

function check(rig: Rig): void {
  if (rig.count('nodeway_worker_faults_total') > 0) throw new Error(`it throws: ${JSON.stringify(rig.log)}`);
  const other = dialHttp2(rig);
  other.request(1, '/');
  rig.run();
  if (other.stream(1).reset !== null || other.goAway.length > 0) throw new Error('another connection is concerned');
}

t.test('a client', async () => {
  fc.assert(
    fc.property(attack, (attack) => {
      const rig = http1Gateway();
      rig.serve('10.0.0.1:80', () => ok('fine'));
      const client = dialHttp2(rig);
      deliver(rig, (bytes) => client.peer.write(bytes), attack);
      client.peer.reset();
      rig.run();
      check(rig);
      if (rig.count('nodeway_downstream_connections') !== 1 || leftSockets(rig) !== 0) throw new Error('its connection is left behind');
    }),
    { numRuns: 150 },
  );
});

t.test('a server', async () => {
  fc.assert(
    fc.property(attack, (attack) => {
      const rig = http2Gateway();
      const servers = serveHttp2(rig);
      const client = dialHttp2(rig);
      client.request(1, '/').headers(3, request('POST', '/'));
      client.headers(5, [...request('CONNECT', '/ws'), [':protocol', 'websocket']]);
      rig.run();
      deliver(rig, (bytes) => servers[0]?.peer.write(bytes), attack);
      servers[0]?.peer.reset();
      rig.run();
      if (client.goAway.length > 0) throw new Error('the client is blamed');
      client.peer.reset();
      rig.run();
      check(rig);
      if (leftSockets(rig) !== 0) throw new Error('its connection is left behind');
    }),
    { numRuns: 150 },
  );
});
