/** What a connection sends and receives within the windows of flow control, as models. */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { DEFAULT_WINDOW, MAX_WINDOW } from '../../../src/l7/http2/frame.ts';
import { FrameWriter } from '../../../src/l7/http2/frame-writer.ts';
import { CONNECTION_WINDOW, Inflow, InStream, STREAM_WINDOW } from '../../../src/l7/http2/inflow.ts';
import { Outflow, OutStream } from '../../../src/l7/http2/outflow.ts';
import { MemoryTransport } from '../../../src/l7/transport/memory.ts';
import { splitFrames } from './peer.ts';

class TestStream extends OutStream {
  blocked = false;
  ended = false;
  /** What has been given to it. */
  given = '';

  onSendBlocked(): void {
    this.blocked = true;
  }

  onSendDrained(): void {
    this.blocked = false;
  }

  onSendEnded(): void {
    this.ended = true;
  }
}

function lab() {
  const transport = MemoryTransport.create({ clock: 'manual' });
  const peers: ReturnType<MemoryTransport['dial']>[] = [];
  transport.serve({ ip: '10.0.0.1', port: 80 }, (peer) => peers.push(peer));
  const nobody = { onConnect() {}, onData() {}, onEnd() {}, onClose() {}, onBlocked() {}, onDrained() {}, onRelayed() {} };
  const id = transport.connect({ address: '10.0.0.1', port: 80, netns: -1, mark: 0, timeoutMs: 1000 }, nobody);
  transport.run();
  const frames = new FrameWriter(transport);
  let sent = 0;
  const flow = new Outflow(
    transport,
    frames,
    id,
    (stream, lines) => frames.block(id, stream.id, lines, lines.length, true, 16_384),
    () => sent++,
  );
  const peer = peers[0] as ReturnType<MemoryTransport['dial']>;
  return { transport, flow, seen: () => splitFrames(peer.received()).frames, sent: () => sent };
}

/** A turn in which this text stands in the arena. */
function inArena(transport: MemoryTransport, text: string, task: (start: number, end: number) => void): void {
  transport.defer(() => {
    const at = transport.reserve(text.length);
    transport.arena.set(Buffer.from(text), at);
    task(at, at + text.length);
  });
  transport.run();
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('data' as const), stream: fc.nat(2), size: fc.integer({ min: 1, max: 40_000 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('window' as const), stream: fc.nat(3), size: fc.integer({ min: 1, max: 70_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('end' as const), stream: fc.nat(2), size: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('socket' as const), stream: fc.constant(0), size: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('turn' as const), stream: fc.constant(0), size: fc.constant(0) }) },
);

t.test('sending: no window is exceeded, bytes are in order, ends come last, nobody waits for another', async () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { transport, flow, seen } = lab();
      const streams = [1, 3, 5].map((id) => new TestStream(id, DEFAULT_WINDOW));
      const windows = new Map([0, 1, 3, 5].map((id) => [id, DEFAULT_WINDOW]));
      const ended = new Map<number, string>();
      let letter = 0;
      for (const { kind, stream, size } of steps) {
        const one = streams[stream] as TestStream;
        if (kind === 'data' && !ended.has(one.id)) {
          const text = String.fromCharCode(97 + (letter++ % 26)).repeat(size);
          one.given += text;
          if (size % 2 === 0) inArena(transport, text, (start, end) => flow.data(one, transport.arena, start, end));
          else flow.data(one, Buffer.from(text), 0, size);
        } else if (kind === 'window') {
          const id = stream === 3 ? 0 : (streams[stream] as TestStream).id;
          windows.set(id, (windows.get(id) as number) + size);
          if (stream === 3) flow.widen(size);
          else flow.widenStream(one, size);
        } else if (kind === 'end' && !ended.has(one.id)) {
          ended.set(one.id, size === 0 ? '' : 'trailers');
          flow.end(one, size === 0 ? null : Buffer.from('trailers'));
        } else if (kind === 'socket') {
          flow.blocked = size === 1;
          flow.pump();
        } else if (kind === 'turn') {
          transport.run();
        }
      }
      flow.blocked = false;
      flow.pump();
      transport.run();
      check(seen(), streams, windows, ended);
    }),
  );
});

function check(
  frames: ReturnType<typeof splitFrames>['frames'],
  streams: readonly TestStream[],
  windows: ReadonlyMap<number, number>,
  ended: ReadonlyMap<number, string>,
): void {
  const total = frames.reduce((sum, { type, payload }) => sum + (type === 'DATA' ? payload.length : 0), 0);
  if (total > (windows.get(0) as number)) throw new Error('the connection sent more than its window');
  for (const one of streams) {
    const own = frames.filter(({ stream }) => stream === one.id);
    const content = Buffer.concat(own.filter(({ type }) => type === 'DATA').map(({ payload }) => payload)).toString();
    if (!one.given.startsWith(content)) throw new Error(`stream ${one.id} sent something else than it was given`);
    const most = windows.get(one.id) as number;
    if (content.length > most) throw new Error(`stream ${one.id} sent more than its window`);
    const room = Math.min(most - content.length, (windows.get(0) as number) - total);
    if (content.length < one.given.length && room > 0) throw new Error(`stream ${one.id} waits for nothing`);
    const whole = content.length === one.given.length;
    const ends = own.filter(({ flags, type }) => (flags & 1) === 1 && (type === 'DATA' || type === 'HEADERS'));
    if (ends.length !== (ended.has(one.id) && whole ? 1 : 0)) throw new Error(`stream ${one.id} has ${ends.length} ends`);
    if (ends.length === 1 && own.at(-1) !== ends[0]) throw new Error('something follows the end');
    if (ends.length === 1 && ended.get(one.id) === 'trailers' && ends[0]?.type !== 'HEADERS') throw new Error('the trailers are lost');
    if (one.blocked && one.queued === 0 && !ended.has(one.id)) throw new Error('its producer is never resumed');
    if (!one.blocked && one.queued > 32 * 1024) throw new Error('its producer is not paused');
  }
}

t.test('the last frame of a turn carries the end of its stream', async (t) => {
  const { transport, flow, seen, sent } = lab();
  const stream = new TestStream(1, DEFAULT_WINDOW);
  inArena(transport, 'text', (start, end) => {
    flow.data(stream, transport.arena, start, end);
    flow.end(stream, null);
  });
  t.same(
    seen().map(({ type, flags, payload }) => [type, flags, payload.toString()]),
    [['DATA', 1, 'text']],
  );
  t.equal(sent(), 1);
});

t.test('streams with content take turns, a frame each', async (t) => {
  const { transport, flow, seen } = lab();
  const streams = [1, 3].map((id) => new TestStream(id, MAX_WINDOW / 2));
  flow.widen(1_000_000);
  flow.blocked = true;
  for (const one of streams) flow.data(one, new Uint8Array(40_000), 0, 40_000);
  t.ok(streams.every(({ blocked }) => blocked));
  flow.blocked = false;
  flow.pump();
  transport.run();
  t.same(
    seen().map(({ stream }) => stream),
    [1, 3, 1, 3, 1, 3],
  );
  t.notOk(streams.some(({ blocked }) => blocked));
});

t.test('a window may not grow beyond 2^31 − 1', async (t) => {
  const { flow } = lab();
  t.ok(flow.widen(MAX_WINDOW - DEFAULT_WINDOW));
  t.notOk(flow.widen(1));
  t.notOk(flow.widenStream(new TestStream(1, MAX_WINDOW), 1));
});

t.test('receiving: what is passed on is given back, what is held is not, and a stream that goes gives back what it holds', async (t) => {
  const given = new Map<number, number>();
  const inflow = new Inflow({ window: (stream, increment) => void given.set(stream, (given.get(stream) ?? 0) + increment) });
  inflow.open();
  t.equal(given.get(0), CONNECTION_WINDOW - DEFAULT_WINDOW);
  given.clear();
  const quick = new InStream();
  const slow = new InStream();
  const receive = (id: number, stream: InStream, length: number): boolean => {
    const taken = inflow.takes(length);
    stream.window -= length;
    inflow.passed(id, stream, length, false);
    return taken;
  };
  for (let i = 0; i < 100; i++) t.ok(receive(1, quick, 16_384));
  t.ok((given.get(1) ?? 0) >= 100 * 16_384 - STREAM_WINDOW / 2, 'the quick one goes on');
  inflow.pause(slow);
  const before = given.get(0) ?? 0;
  for (let i = 0; i < STREAM_WINDOW / 16_384; i++) receive(3, slow, 16_384);
  t.equal(slow.window, 0);
  t.equal(given.get(3), undefined, 'the slow one gets nothing');
  t.equal(given.get(0) ?? 0, before, 'and holds its part of the window of the connection');
  inflow.resume(3, slow, false);
  t.equal(given.get(3), STREAM_WINDOW);
  t.equal(slow.window, STREAM_WINDOW);
  inflow.pause(slow);
  receive(3, slow, STREAM_WINDOW);
  inflow.forget(slow);
  for (let i = 0; i < 40; i++) receive(1, quick, 16_384 * 8);
  const all = 100 * 16_384 + 2 * STREAM_WINDOW + 40 * 16_384 * 8;
  t.ok((given.get(0) ?? 0) > all - CONNECTION_WINDOW / 4, 'nothing of the window of the connection is lost');
});

t.test('receiving: more than the window of the connection', async (t) => {
  const inflow = new Inflow({ window: () => undefined });
  inflow.open();
  t.ok(inflow.takes(CONNECTION_WINDOW));
  t.notOk(inflow.takes(1));
});
