import t from 'tap';
import { ChunkedScanner } from '../../../src/l7/http1/chunked.ts';
import { persistent, requestFraming, responseFraming } from '../../../src/l7/http1/framing.ts';
import { DEFAULT_LIMITS, Framing, Head } from '../../../src/l7/message/head.ts';
import { HeaderNames } from '../../../src/l7/message/header-names.ts';
import { parseError } from '../../../src/l7/http1/parse-error.ts';
import { parseRequestHead, parseResponseHead } from '../../../src/l7/http1/parser.ts';
import type { Sender } from '../../../src/l7/http1/trailer-section.ts';
import { readFixtures } from './fixtures.ts';

type Parse = typeof parseRequestHead;
type Outcome = ReadonlyMap<string, string>;

const head = new Head(new HeaderNames());

function outcome(parse: Parse, bytes: Uint8Array, end: number): Outcome {
  const next = parse(bytes, 0, end, head, DEFAULT_LIMITS);
  if (next === 0) return new Map([['more', '']]);
  if (next < 0) return new Map([['error', parseError(next).name]]);
  return new Map([...common(), ...(parse === parseRequestHead ? ofRequest() : ofResponse()), ['end', String(next)]]);
}

function common(): [string, string][] {
  return [
    ['fields', String(head.count)],
    ['persistent', persistent(head) ? 'yes' : 'no'],
    ['upgrade', head.upgrade ? 'yes' : 'no'],
  ];
}

function ofRequest(): [string, string][] {
  const query = Buffer.from(head.bytes.subarray(head.queryStart, head.queryEnd)).toString('latin1');
  return [
    ['method', head.method()],
    ['path', head.path()],
    ['query', query],
    ['authority', head.authority()],
    ['framing', framingName(requestFraming(head))],
  ];
}

function ofResponse(): [string, string][] {
  return [
    ['status', String(head.status)],
    ['framing', framingName(responseFraming(head, false, false))],
    ['head', framingName(responseFraming(head, true, false))],
    ['connect', framingName(responseFraming(head, false, true))],
    ['clean', Buffer.from(head.bytes.subarray(head.start, head.end)).toString('latin1')],
  ];
}

function framingName(framing: Framing): string {
  if (framing === Framing.Length) return `length ${head.contentLength}`;
  return framing === Framing.None ? 'none' : framing === Framing.Chunked ? 'chunked' : 'until-close';
}

for (const [file, parse] of [
  ['requests', parseRequestHead],
  ['smuggling', parseRequestHead],
  ['responses', parseResponseHead],
] as const) {
  t.test(file, async (t) => {
    for (const { title, bytes, expect } of readFixtures(file)) {
      const whole = outcome(parse, bytes, bytes.length);
      for (const [key, value] of expect) t.equal(whole.get(key), value, `${title}: ${key}`);
      t.equal(whole.has('error'), expect.has('error'), `${title}: refused or not`);
      // A prefix is either incomplete or already refused for what the whole is refused for; what follows the head changes nothing.
      const headEnd = Number(whole.get('end') ?? bytes.length);
      const wrong = [];
      for (let end = 0; end < bytes.length; end++) {
        const part = outcome(parse, bytes, end);
        const same = JSON.stringify([...part]) === JSON.stringify([...whole]);
        if (end < headEnd ? !part.has('more') && !(same && part.has('error')) : !same) wrong.push([end, [...part]]);
      }
      t.same(wrong, [], `${title}: at every split`);
    }
  });
}

function scan(pieces: readonly Uint8Array[], sender: Sender): Outcome {
  const scanner = new ChunkedScanner(sender);
  let data = '';
  let rest = '';
  for (const piece of pieces) {
    let at = 0;
    while (at < piece.length && !scanner.done) {
      at = scanner.nextData(piece, at, piece.length);
      if (at < 0) return new Map([['error', parseError(at).name]]);
      data += Buffer.from(piece.subarray(scanner.dataStart, scanner.dataEnd)).toString('latin1');
    }
    rest += Buffer.from(piece.subarray(at)).toString('latin1');
  }
  if (!scanner.done) return new Map([['more', '']]);
  const trailers = scanner.trailers === null ? 'none' : Buffer.from(scanner.trailers).toString('latin1');
  return new Map([['data', data], ['rest', rest], ['trailers', trailers]]); // prettier-ignore
}

for (const [file, sender] of [
  ['chunked', 'client'],
  ['server-trailers', 'server'],
] as const) {
  t.test(file, async (t) => {
    for (const { title, bytes, expect } of readFixtures(file)) {
      const whole = scan([bytes], sender);
      for (const [key, value] of expect) t.equal(whole.get(key), value, `${title}: ${key}`);
      t.equal(whole.has('error'), expect.has('error'), `${title}: refused or not`);
      for (let cut = 1; cut < bytes.length; cut++) {
        t.same(scan([bytes.subarray(0, cut), bytes.subarray(cut)], sender), whole, `${title}: cut at ${cut}`);
      }
      t.same(scan(Array.from(bytes, (byte) => Uint8Array.of(byte)), sender), whole, `${title}: byte by byte`); // prettier-ignore
      t.equal(new ChunkedScanner(sender).scan(bytes, 0, bytes.length) < 0, whole.has('error'), `${title}: scan says the same`);
    }
  });
}
