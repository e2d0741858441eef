import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { ErrorCode } from '../../../src/l7/http2/frame.ts';
import { FrameReader } from '../../../src/l7/http2/frame-reader.ts';
import { Heard } from './heard.ts';
import { frame, parameters, TYPES, word } from './peer.ts';

/** What is heard of bytes that are cut at these places, and the error that follows. */
function read(bytes: Buffer, cuts: readonly number[] = []): { readonly events: readonly string[]; readonly code: number } {
  const heard = new Heard();
  const reader = new FrameReader(heard, 16_384);
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    const padded = Buffer.concat([Buffer.from('##'), bytes.subarray(from, cut), Buffer.from('##')]);
    const code = reader.receive(padded, 2, 2 + cut - from);
    if (code !== 0) return { events: heard.events, code };
    from = cut;
  }
  return { events: heard.events, code: 0 };
}

const SAMPLE = Buffer.concat([
  frame('SETTINGS', 0, 0, parameters([3, 100])),
  frame('HEADERS', 4 | 8 | 32, 1, Buffer.concat([Buffer.from([2]), word(0), Buffer.from([16]), Buffer.from('BLOCK'), Buffer.alloc(2)])),
  frame('HEADERS', 1, 3, 'one'),
  frame('CONTINUATION', 0, 3, ''),
  frame('CONTINUATION', 4, 3, 'two'),
  frame('DATA', 8, 1, Buffer.concat([Buffer.from([3]), Buffer.from('content'), Buffer.alloc(3)])),
  frame('DATA', 8, 1, Buffer.from([0])),
  frame('DATA', 1, 1, 'end'),
  frame('DATA', 0, 3, ''),
  frame('PRIORITY', 0, 9, Buffer.alloc(5)),
  frame('200', 7, 5, 'unknown'),
  frame('PING', 0, 0, 'pingpong'),
  frame('PING', 1, 0, 'pingpong'),
  frame('SETTINGS', 1, 0),
  frame('WINDOW_UPDATE', 0, 3, word(0x80000005)),
  frame('RST_STREAM', 0, 3, word(0xffffffff)),
  frame('GOAWAY', 0, 0, Buffer.concat([word(7), word(11), Buffer.from('why')])),
]);

t.test('what is heard of each frame', async (t) => {
  const events = read(SAMPLE).events.filter((event) => !event.startsWith('frame'));
  t.same(events, [
    'settings 000300000064',
    'block 1 424c4f434b false',
    'block 3 6f6e6574776f true',
    'data 1 636f6e74656e74 false',
    'data 1  false',
    'data 1 656e64 true',
    'data 3  false',
    'ping 70696e67706f6e67 false',
    'ping 70696e67706f6e67 true',
    'settings ack',
    'window 3 5',
    'reset 3 4294967295',
    'goaway 7 11',
  ]);
});

t.test('at every split, and in pieces of any size', async (t) => {
  const whole = read(SAMPLE);
  t.equal(whole.code, 0);
  for (let cut = 0; cut <= SAMPLE.length; cut++) t.same(read(SAMPLE, [cut]), whole, `cut at ${cut}`);
  t.same(
    read(
      SAMPLE,
      Array.from(SAMPLE.keys()).map((at) => at + 1),
    ),
    whole,
    'byte by byte',
  );
});

const anyFrame = fc
  .tuple(fc.constantFrom(...TYPES, '11'), fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 1, 3), fc.uint8Array({ maxLength: 20 }))
  .map(([type, flags, stream, payload]) => frame(type, flags, stream, payload));

t.test('whatever comes, the way it was cut does not matter', async () => {
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 8 }), fc.array(fc.nat(400), { maxLength: 8 }), (frames, places) => {
      const bytes = Buffer.concat(frames);
      const cuts = [...new Set(places.map((place) => Math.min(place, bytes.length)))].sort((a, b) => a - b);
      const whole = JSON.stringify(read(bytes));
      const cut = JSON.stringify(read(bytes, cuts));
      if (whole !== cut) throw new Error(`whole ${whole}, cut ${cut}`);
    }),
  );
});

t.test('frames that are malformed by themselves', async (t) => {
  const { Protocol, FrameSize, EnhanceYourCalm } = ErrorCode;
  const open = frame('HEADERS', 0, 1, 'begun');
  for (const [why, bytes, code] of [
    ['DATA without a stream', frame('DATA', 0, 0, 'x'), Protocol],
    ['HEADERS without a stream', frame('HEADERS', 4, 0, 'x'), Protocol],
    ['PRIORITY without a stream', frame('PRIORITY', 0, 0, Buffer.alloc(5)), Protocol],
    ['RST_STREAM without a stream', frame('RST_STREAM', 0, 0, word(1)), Protocol],
    ['SETTINGS on a stream', frame('SETTINGS', 0, 1), Protocol],
    ['PING on a stream', frame('PING', 0, 1, Buffer.alloc(8)), Protocol],
    ['GOAWAY on a stream', frame('GOAWAY', 0, 1, Buffer.alloc(8)), Protocol],
    ['PUSH_PROMISE', frame('PUSH_PROMISE', 4, 1, word(2)), Protocol],
    ['CONTINUATION of nothing', frame('CONTINUATION', 4, 1, 'x'), Protocol],
    ['CONTINUATION of another stream', Buffer.concat([open, frame('CONTINUATION', 4, 3, 'x')]), Protocol],
    ['a frame within a header block', Buffer.concat([open, frame('PING', 0, 0, Buffer.alloc(8))]), Protocol],
    ['an unknown frame within a header block', Buffer.concat([open, frame('77', 0, 0)]), Protocol],
    ['padding that is as long as DATA', frame('DATA', 8, 1, Buffer.from([5, 0, 0, 0, 0])), Protocol],
    ['padding that is longer than HEADERS', frame('HEADERS', 12, 1, Buffer.from([5, 0, 0, 0, 0])), Protocol],
    ['DATA without the length of its padding', frame('DATA', 8, 1), FrameSize],
    ['HEADERS without its priority', frame('HEADERS', 36, 1, 'abc'), FrameSize],
    ['PRIORITY of 4 bytes', frame('PRIORITY', 0, 1, Buffer.alloc(4)), FrameSize],
    ['RST_STREAM of 3 bytes', frame('RST_STREAM', 0, 1, Buffer.alloc(3)), FrameSize],
    ['SETTINGS of 5 bytes', frame('SETTINGS', 0, 0, Buffer.alloc(5)), FrameSize],
    ['an acknowledgement with parameters', frame('SETTINGS', 1, 0, Buffer.alloc(6)), FrameSize],
    ['PING of 7 bytes', frame('PING', 0, 0, Buffer.alloc(7)), FrameSize],
    ['GOAWAY of 7 bytes', frame('GOAWAY', 0, 0, Buffer.alloc(7)), FrameSize],
    ['WINDOW_UPDATE of 5 bytes', frame('WINDOW_UPDATE', 0, 1, Buffer.alloc(5)), FrameSize],
    ['a frame that is too long', frame('DATA', 0, 1, Buffer.alloc(16_385)), FrameSize],
    ['too many continuations', Buffer.concat([open, ...Array.from({ length: 10 }, () => frame('CONTINUATION', 0, 1))]), EnhanceYourCalm],
    [
      'too long a header block',
      Buffer.concat([open, ...Array.from({ length: 5 }, () => frame('CONTINUATION', 0, 1, Buffer.alloc(16_384)))]),
      EnhanceYourCalm,
    ],
  ] as const) {
    t.equal(read(bytes).code, code, why);
    t.equal(read(bytes, [5]).code, code, `${why}, cut`);
  }
});

t.test('after a fault, or when it is stopped, nothing more is heard', async (t) => {
  const heard = new Heard();
  const reader = new FrameReader(heard, 16_384);
  t.equal(reader.receive(frame('PING', 0, 1, Buffer.alloc(8)), 0, 17), ErrorCode.Protocol);
  reader.receive(frame('SETTINGS', 1, 0), 0, 9);
  t.same(heard.events, []);
  const stopped = new FrameReader(heard, 16_384);
  heard.onSettingsAck = () => stopped.stop();
  stopped.receive(frame('SETTINGS', 1, 0), 0, 9);
  // The first bytes after it might be taken for the end of what was under way.
  for (let i = 0; i < 3; i++) stopped.receive(frame('PING', 0, 0, Buffer.alloc(8)), 0, 17);
  t.same(heard.events, ['frame 4 1 0 0']);
});

t.test('it knows whether something is incomplete', async (t) => {
  const reader = new FrameReader(new Heard(), 16_384);
  const bytes = Buffer.concat([frame('HEADERS', 0, 1, 'ab'), frame('CONTINUATION', 4, 1, 'c')]);
  t.notOk(reader.amid);
  for (let at = 0; at < bytes.length; at++) {
    reader.receive(bytes, at, at + 1);
    t.equal(reader.amid, at < bytes.length - 1, `after ${at + 1} bytes`);
  }
});
