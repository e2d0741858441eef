/**
 * A connection to an endpoint as a model: random responses in random pieces, with ends, resets and sinks of all kinds, against the
 * invariants at its head. What a response holds is known here because it is put together here.
 */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { Http1Wire } from '../../../src/l7/http1/wire.ts';
import { parseRequestHead } from '../../../src/l7/http1/parser.ts';
import { DEFAULT_ENGINE_LIMITS } from '../../../src/l7/limits.ts';
import { ArenaText } from '../../../src/l7/message/arena-text.ts';
import { DateLine } from '../../../src/l7/message/date-line.ts';
import { HeadChanges } from '../../../src/l7/message/head-changes.ts';
import { HeaderNames } from '../../../src/l7/message/header-names.ts';
import type { Head } from '../../../src/l7/message/head.ts';
import { OUTCOME } from '../../../src/l7/message/outcome.ts';
import { type DetachedConnection, NOT_RAW, type ResponseSink, type StreamFailure, type Trailers } from '../../../src/l7/message/stream.ts';
import { send } from '../../../src/l7/send.ts';
import { MemoryTransport } from '../../../src/l7/transport/memory.ts';
import type { MemoryPeer } from '../../../src/l7/transport/memory-peer.ts';
import { type ClientHome, Http1Client } from '../../../src/l7/upstream/http1-client.ts';

const SERVER = { ip: '10.0.0.1', port: 80 };
const CALLER = { ip: '10.0.0.2', port: 80 };
const RELAY_BYTES = 40;

interface Answer {
  readonly hints: number;
  readonly framing: 'length' | 'chunked' | 'until close' | 'no content' | '101' | '200 to CONNECT' | 'broken head' | 'broken chunk';
  readonly body: readonly string[];
  readonly trailer: boolean;
  readonly minor: 0 | 1;
  readonly close: boolean;
  readonly extra: string;
}

interface Round {
  readonly request: 'GET' | 'HEAD' | 'CONNECT' | 'upgrade';
  /** Before the first piece, after so many of them, or never. */
  readonly endsAfter: number;
  readonly answer: Answer;
  /** The server stops after this part of its bytes. */
  readonly sent: number;
  readonly afterwards: 'nothing' | 'FIN' | 'reset';
  readonly cuts: readonly number[];
  /** Heads and the response end with a piece. */
  readonly tidy: boolean;
  readonly sink: 'reads' | 'relays' | 'refuses the head' | 'pauses' | 'gives up';
}

const answers: fc.Arbitrary<Answer> = fc.record({
  hints: fc.constantFrom(0, 0, 1, 3),
  framing: fc.constantFrom(
    ...(['length', 'length', 'length', 'chunked', 'chunked', 'until close', 'no content'] as const),
    ...(['101', '200 to CONNECT', 'broken head', 'broken chunk'] as const),
  ),
  body: fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 4 }).map((sizes) => sizes.map((size, i) => 'abcd'.charAt(i).repeat(size))),
  trailer: fc.boolean(),
  minor: fc.constantFrom(1 as const, 1 as const, 1 as const, 0 as const),
  close: fc.constantFrom(false, false, false, true),
  extra: fc.constantFrom('', '', '', 'H', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
});

/** Not `fc.double`, whose values are evenly spread over the representable numbers, and so nearly all close to 0. */
const share = fc.nat(1000).map((thousandths) => thousandths / 1000);

const rounds: fc.Arbitrary<Round> = fc.record({
  request: fc.constantFrom('GET' as const, 'GET' as const, 'GET' as const, 'HEAD' as const, 'CONNECT' as const, 'upgrade' as const),
  endsAfter: fc.constantFrom(0, 0, 0, 0, 1, 3, Infinity),
  answer: answers,
  sent: fc.oneof({ weight: 7, arbitrary: fc.constantFrom(1, 1, 1, 1, 1, 1, 0) }, { weight: 2, arbitrary: share }),
  afterwards: fc.constantFrom('nothing' as const, 'nothing' as const, 'nothing' as const, 'FIN' as const, 'reset' as const),
  cuts: fc.array(share, { maxLength: 12 }),
  tidy: fc.boolean(),
  sink: fc.constantFrom('reads', 'reads', 'relays', 'refuses the head', 'pauses', 'gives up'),
});

/** What the bytes of an answer mean to the request that they answer. */
interface Script {
  readonly bytes: string;
  /** Where the informational heads, the head, and the whole response end. */
  readonly hintEnds: readonly number[];
  readonly headEnd: number;
  readonly end: number;
  readonly content: readonly { readonly from: number; readonly text: string }[];
  readonly verdict: 'whole' | 'upgraded' | 'broken';
  readonly untilClose: boolean;
  readonly reusable: boolean;
  readonly trailers: string;
}

function scriptOf({ request, answer }: Round): Script {
  const { framing, body } = answer;
  const success = !['no content', '101', 'broken head'].includes(framing);
  const tunnel = (framing === '101' && request === 'upgrade') || (request === 'CONNECT' && success);
  const bodiless = tunnel || request === 'HEAD' || framing === '101' || framing === 'no content' || framing === 'broken head';
  const chunked = !bodiless && (framing === 'chunked' || framing === 'broken chunk');
  const untilClose = !bodiless && framing === 'until close';
  const hintEnds: number[] = [];
  let bytes = '';
  for (let i = 0; i < answer.hints; i++) hintEnds.push((bytes += 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n').length);
  const headEnd = (bytes += headOf(answer)).length;
  const content: { from: number; text: string }[] = [];
  for (const text of bodiless || framing === '200 to CONNECT' ? [] : body) {
    if (chunked) bytes += `${text.length.toString(16)};x=y\r\n`;
    content.push({ from: bytes.length, text });
    bytes += chunked ? `${text}\r\n` : text;
  }
  const trailers = chunked && framing === 'chunked' && answer.trailer ? 'X-Sum: 1\r\n' : '';
  if (chunked) bytes += framing === 'chunked' ? `0\r\n${trailers}\r\n` : 'zz\r\n';
  const end = bytes.length;
  if (!untilClose) bytes += answer.extra;
  const refused = framing === 'broken head' || (framing === '101' && !tunnel) || (chunked && framing === 'broken chunk');
  const lasting = framing === 'chunked' || framing === 'broken chunk' || answer.minor === 1;
  return {
    ...{ bytes, hintEnds, headEnd, end, content, untilClose, trailers },
    verdict: refused ? 'broken' : tunnel ? 'upgraded' : 'whole',
    reusable: lasting && !answer.close && !untilClose,
  };
}

function headOf({ framing, minor, body, close }: Answer): string {
  const lines = close ? 'Connection: close\r\n' : '';
  switch (framing) {
    case 'length':
      return `HTTP/1.${minor} 200 OK\r\n${lines}Content-Length: ${body.join('').length}\r\n\r\n`;
    case 'chunked':
    case 'broken chunk':
      return `HTTP/1.1 200 OK\r\n${lines}Transfer-Encoding: chunked\r\n\r\n`;
    case 'until close':
      return `HTTP/1.${minor} 200 OK\r\n${lines}X: y\r\n\r\n`;
    case 'no content':
      return `HTTP/1.${minor} 304 Not Modified\r\n${lines}X: y\r\n\r\n`;
    case '101':
      return 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
    case '200 to CONNECT':
      return `HTTP/1.${minor} 200 OK\r\n${lines}Content-Length: 0\r\n\r\n`;
    case 'broken head':
      return 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n';
  }
}

type End = 'whole' | 'upgraded' | 'refused' | 'given up' | StreamFailure;

/** Who asked: hears the response, and checks that nothing comes twice, late or out of order. */
class Sink implements ResponseSink {
  hints = 0;
  heads = 0;
  content = '';
  moved = 0;
  trailers = '';
  early = '';
  paused = false;
  end: End | null = null;
  readonly #bench: Bench;
  readonly #manner: Round['sink'];
  readonly #target: number;

  constructor(bench: Bench, manner: Round['sink'], target: number) {
    this.#bench = bench;
    this.#manner = manner;
    this.#target = target;
  }

  onInformational(): void {
    this.#hear(this.heads === 0);
    this.hints++;
  }

  onHead(head: Head, length: number): boolean {
    this.#hear(this.heads === 0 && length >= -1 && head.status >= 200);
    this.heads++;
    if (this.#manner === 'refuses the head') this.end = 'refused';
    if (this.#manner === 'pauses') this.#pause();
    return this.#manner !== 'refuses the head';
  }

  onData(bytes: Uint8Array, start: number, end: number): void {
    this.#hear(this.heads === 1 && end > start);
    this.content += Buffer.from(bytes.subarray(start, end)).toString('latin1');
    if (this.#manner === 'relays') send(this.#bench.transport, this.#target, bytes, start, end);
    if (this.#manner === 'pauses') this.#pause();
    if (this.#manner !== 'gives up') return;
    this.end = 'given up';
    this.#bench.client.reset();
  }

  onMoved(bytes: number): void {
    this.#hear(this.heads === 1);
    this.moved += bytes;
  }

  onEnd(trailers: Trailers): void {
    this.#hear(this.heads === 1);
    this.trailers = trailers === null ? '' : Buffer.from(trailers).toString('latin1');
    this.end = 'whole';
  }

  onUpgraded(_head: Head, connection: DetachedConnection | null): void {
    this.#hear(this.heads === 0);
    this.early = Buffer.from(connection?.early ?? []).toString('latin1');
    this.end = 'upgraded';
    if (connection !== null) this.#bench.transport.close(connection.id);
  }

  onFailed(failure: StreamFailure): void {
    this.#hear(true);
    this.end = failure;
  }

  onBlocked(): void {}
  onDrained(): void {}
  rawTarget(): number {
    return this.#manner === 'relays' ? this.#target : NOT_RAW;
  }

  #hear(expected: boolean): void {
    if (this.end !== null) this.#bench.fail(`heard something after ${JSON.stringify(this.end)}`);
    if (!expected) this.#bench.fail('heard something out of order');
  }

  /** As an exchange whose client takes no more: it resumes what it still has. */
  #pause(): void {
    this.paused = true;
    this.#bench.client.pause();
  }
}

class Bench implements ClientHome {
  readonly transport = MemoryTransport.create({ clock: 'manual' });
  readonly wire = new Http1Wire(
    this.transport,
    { ...DEFAULT_ENGINE_LIMITS, relayBytes: RELAY_BYTES },
    new HeaderNames(),
    new ArenaText(this.transport),
    new DateLine(() => 0),
  );
  readonly faults: string[] = [];
  readonly servers: MemoryPeer[] = [];
  readonly client: Http1Client;
  idle = true;
  gone = false;
  served = 0;
  /** Why a release would be wrong now; null: it would not. */
  objection: () => string | null = () => 'nothing was asked';

  constructor() {
    for (const address of [SERVER, CALLER]) this.transport.serve(address, (peer) => this.servers.push(peer));
    this.client = new Http1Client(this.wire, this, this.#to(SERVER));
  }

  fail(message: string): void {
    this.faults.push(message);
  }

  release(): void {
    const objection = this.objection();
    if (objection !== null || this.gone || this.idle) this.fail(`released: ${objection ?? 'again'}`);
    this.idle = true;
  }

  established(): void {}

  forget(): null {
    if (this.gone) this.fail('forgotten twice');
    this.gone = true;
    this.idle = false;
    return null;
  }

  play(round: Round): void {
    const { transport, client } = this;
    const script = scriptOf(round);
    const bytes = round.sent === 1 ? script.bytes : script.bytes.slice(0, Math.floor(script.bytes.length * round.sent));
    const server = this.servers[0] as MemoryPeer;
    const sink = new Sink(this, round.sink, transport.connect(this.#to(CALLER), { ...NOBODY }));
    const caller = this.servers.at(-1) as MemoryPeer;
    let written = 0;
    let requested = false;
    this.objection = () => {
      const read = written - server.outgoing.length;
      if (!requested) return 'the request is not complete';
      if (read !== script.end) return `the response has ${script.end} bytes, ${read} were read`;
      return script.reusable && script.verdict === 'whole' ? null : 'it is not to be kept';
    };
    this.idle = false;
    this.#ask(sink, round);
    const pieces = piecesOf(bytes, cutsOf(round, script));
    for (let i = 0; i <= pieces.length; i++) {
      if (i === Math.min(round.endsAfter, pieces.length + (round.endsAfter === Infinity ? 1 : 0)) && sink.end === null) {
        requested = true;
        client.end(null);
      }
      const piece = pieces[i] ?? '';
      written += server.discards ? 0 : piece.length;
      server.write(piece);
      transport.run();
      if (i % 3 === 2) this.#resume(sink);
    }
    if (round.afterwards === 'FIN') server.end();
    if (round.afterwards === 'reset') server.reset();
    transport.run();
    this.#resume(sink);
    transport.run();
    this.#judge(round, script, bytes, sink, requested, caller);
    if (sink.end === null) client.reset();
    if (sink.end === null || !this.idle) return;
    this.served++;
  }

  #resume(sink: Sink): void {
    for (; sink.paused && sink.end === null; this.transport.run()) {
      sink.paused = false;
      this.client.resume();
    }
  }

  #ask(sink: Sink, { request, endsAfter }: Round): void {
    const { wire, client } = this;
    const head = Buffer.from('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    parseRequestHead(head, 0, head.length, wire.requestHead, wire.limits.heads);
    const changes = new HeadChanges(this.transport);
    changes.begin(wire.requestHead, 64);
    const kind = { isHead: request === 'HEAD', isConnect: request === 'CONNECT', upgrade: request === 'upgrade' };
    client.head(sink, wire.requestHead, changes, endsAfter === 0 ? 0 : -1, kind);
  }

  #judge(round: Round, script: Script, bytes: string, sink: Sink, requested: boolean, caller: MemoryPeer): void {
    const kind = endKind(sink.end);
    const expected = expectedEnds(round, script, bytes.length, sink.content !== '');
    if (!expected.includes(kind)) this.fail(`ended as ${kind}, expected ${expected.join(' or ')}`);
    if (sink.hints !== script.hintEnds.filter((end) => end <= bytes.length).length) this.fail(`${sink.hints} informational heads`);
    const content = script.content.map(({ from, text }) => text.slice(0, Math.max(0, bytes.length - from))).join('');
    const heard = round.sink === 'relays' ? caller.text() : sink.content;
    const whole = round.sink !== 'refuses the head' && round.sink !== 'gives up';
    if (whole ? heard !== content : !content.startsWith(heard)) this.fail(`heard ${heard} of ${content}`);
    if (sink.content.length + sink.moved !== heard.length && kind !== 'nothing') this.fail(`counted ${sink.moved} of ${heard.length}`);
    if (kind === 'whole' && sink.trailers !== script.trailers) this.fail(`trailers ${sink.trailers}`);
    if (kind === 'upgraded' && sink.early !== earlyBytes(round, script, bytes)) this.fail(`early bytes ${sink.early}`);
    if (typeof sink.end === 'object' && sink.end !== null) this.#judgeFailure(sink.end, bytes.length);
    const unasked = bytes.length > script.end || round.afterwards !== 'nothing';
    const kept = kind === 'whole' && script.reusable && requested && !unasked;
    if (kind === 'whole' && !kept && !this.gone && unasked) this.fail('it is kept although more came');
    if (kind === 'whole' && !unasked && requested && script.reusable && !this.idle) this.fail('it is not kept');
    if (kind !== 'nothing' && kind !== 'whole' && !this.gone) this.fail(`it is kept after ${kind}`);
  }

  #judgeFailure({ outcome, stale }: StreamFailure, received: number): void {
    const expected = this.served > 0 && received === 0 && outcome !== OUTCOME.protocolError;
    if (stale !== expected) this.fail(`stale: ${stale}`);
  }

  #to({ ip, port }: typeof SERVER): ConstructorParameters<typeof Http1Client>[2] {
    return { address: ip, port, netns: -1, mark: 0, timeoutMs: 1000 };
  }
}

const NOBODY = {
  onConnect: (): void => {},
  onData: (): void => {},
  onEnd: (): void => {},
  onClose: (): void => {},
  onBlocked: (): void => {},
  onDrained: (): void => {},
  onRelayed: (): void => {},
};

function endKind(end: End | null): string {
  if (end === null) return 'nothing';
  if (typeof end === 'string') return end;
  return end.outcome === OUTCOME.protocolError ? 'broken' : end.outcome === OUTCOME.terminated ? 'terminated' : end.outcome.details;
}

/** How a request may have ended after these bytes. */
function expectedEnds({ sink, afterwards, answer }: Round, script: Script, sent: number, hadContent: boolean): string[] {
  const { verdict, headEnd, end, untilClose } = script;
  const cut = afterwards === 'nothing' ? 'nothing' : 'terminated';
  if (answer.framing === 'broken head') return sent >= end ? ['broken'] : [cut, 'broken'];
  if (verdict === 'upgraded') return [sent >= headEnd ? 'upgraded' : cut];
  if (sent < headEnd) return [cut];
  if (answer.framing === '101') return ['broken'];
  if (sink === 'refuses the head') return ['refused'];
  if (sink === 'gives up' && hadContent) return ['given up'];
  if (untilClose) return [afterwards === 'FIN' ? 'whole' : cut];
  if (verdict === 'broken') return sent >= end ? ['broken'] : [cut, 'broken'];
  return [sent >= end ? 'whole' : cut];
}

/** What stands behind the head in its piece. */
function earlyBytes(round: Round, script: Script, bytes: string): string {
  const ends = [...cutsOf(round, script), bytes.length].filter((cut) => cut >= script.headEnd);
  return bytes.slice(script.headEnd, Math.min(...ends));
}

function cutsOf({ cuts, tidy }: Round, { bytes, headEnd, end }: Script): number[] {
  const all = cuts.map((cut) => Math.floor(cut * bytes.length));
  return tidy ? [...all, headEnd, end] : all;
}

function piecesOf(bytes: string, cuts: readonly number[]): string[] {
  const at = [0, ...cuts, bytes.length].filter((cut) => cut <= bytes.length).toSorted((a, b) => a - b);
  return at.slice(1).flatMap((end, i) => (end > (at[i] as number) ? [bytes.slice(at[i], end)] : []));
}

t.test('whatever a server sends, in whatever pieces: the sink hears it once, and only a clean connection is kept', async () => {
  fc.assert(
    fc.property(fc.array(rounds, { minLength: 1, maxLength: 5 }), (all) => {
      const bench = new Bench();
      for (const round of all) {
        if (!bench.gone) bench.play(round);
        if (bench.faults.length > 0) throw new Error(bench.faults.join('; '));
      }
      bench.client.close();
      bench.transport.run();
      if (!bench.gone) throw new Error('closed, and not forgotten');
    }),
    { numRuns: 600 },
  );
});
