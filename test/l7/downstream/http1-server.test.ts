/**
 * A client's connection as a model: random requests one behind the other, cut anywhere, against the invariants at the head of
 * http1-server.ts. What the client gets is read by a parser of its own, which takes nothing that the grammar does not have.
 */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { GATEWAY, ok, Rig, route } from '../engine/rig.ts';

interface Request {
  readonly text: string;
  /** Of the answer; 0: what comes behind an end has none. */
  readonly status: number;
  readonly body: string;
  readonly head: boolean;
  /** The connection ends after its answer. */
  readonly last: boolean;
}

const plain = { head: false, last: false };

function request(kind: string, number: number, size: number): Request {
  const line = (method: string, path: string, version = '1.1'): string => `${method} ${path} HTTP/${version}\r\nHost: shop\r\n`;
  const path = `/echo/${number}`;
  const content = 'z'.repeat(size);
  const chunks = size === 0 ? '' : `${Math.ceil(size / 2).toString(16)}\r\n${content.slice(0, Math.ceil(size / 2))}\r\n`;
  const rest = content.slice(Math.ceil(size / 2));
  const more = rest === '' ? '' : `${rest.length.toString(16)};ext=1\r\n${rest}\r\n`;
  const answer = (of: string, length: number): string => `${of} ${length}`;
  switch (kind) {
    case 'POST':
      return { ...plain, text: `${line('POST', path)}Content-Length: ${size}\r\n\r\n${content}`, status: 200, body: answer(path, size) };
    case 'chunked':
      return {
        ...plain,
        text: `${line('POST', path)}Transfer-Encoding: chunked\r\n\r\n${chunks}${more}0\r\nX-Trailer: 1\r\n\r\n`,
        status: 200,
        body: answer(path, size),
      };
    case 'HEAD':
      return { ...plain, text: `${line('HEAD', path)}\r\n`, status: 200, body: '', head: true };
    case 'nowhere':
      return { ...plain, text: `${line('GET', '/nowhere')}\r\n`, status: 404, body: '' };
    case 'closing':
      return { ...plain, text: `${line('GET', path)}Connection: close\r\n\r\n`, status: 200, body: answer(path, 0), last: true };
    case 'HTTP/1.0':
      return { ...plain, text: `${line('GET', path, '1.0')}\r\n`, status: 200, body: answer(path, 0), last: true };
    case 'two lengths':
      return { ...plain, text: `${line('POST', path)}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`, status: 400, body: '', last: true };
    case 'length and chunks':
      return {
        ...plain,
        text: `${line('POST', path)}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
        status: 400,
        body: '',
        last: true,
      };
    case 'blank before colon':
      return { ...plain, text: `${line('GET', path)}X-A : 1\r\n\r\n`, status: 400, body: '', last: true };
    case 'no request':
      return { ...plain, text: '\x16\x03\x01 hello\r\n\r\n', status: 400, body: '', last: true };
    default:
      return { ...plain, text: `${line('GET', path)}\r\n`, status: 200, body: answer(path, 0) };
  }
}

const KINDS = [
  ...['GET', 'GET', 'POST', 'POST', 'chunked', 'chunked', 'HEAD', 'nowhere', 'nowhere'],
  ...['closing', 'HTTP/1.0', 'two lengths', 'length and chunks', 'blank before colon', 'no request'],
] as const;

const wishes = fc.array(fc.record({ kind: fc.constantFrom(...KINDS), size: fc.constantFrom(0, 1, 7, 300) }), {
  minLength: 1,
  maxLength: 10,
});

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** @throws Error for what is no sequence of whole responses with a length. */
function answersOf(text: string, requests: readonly Request[]): Answer[] {
  const answers: Answer[] = [];
  for (let at = 0; at < text.length;) {
    const asked = requests[answers.length];
    if (asked === undefined) throw new Error(`more answers than requests: ${JSON.stringify(text.slice(at))}`);
    const head = /^HTTP\/1\.1 (\d{3}) [ -~]*\r\n((?:[!#$%&'*+.^_`|~\w-]+:[ \t]*[ -~]*\r\n)*)\r\n/.exec(text.slice(at));
    if (head === null) throw new Error(`no head of a response: ${JSON.stringify(text.slice(at, at + 200))}`);
    const lengths = [...(head[2] ?? '').matchAll(/^content-length:[ \t]*(\d+)\r$/gim)];
    if (lengths.length !== 1) throw new Error(`${lengths.length} lengths: ${JSON.stringify(head[0])}`);
    const start = at + head[0].length;
    const stop = start + (asked.head ? 0 : Number(lengths[0]?.[1]));
    if (stop > text.length) throw new Error('a body is cut off');
    const status = Number(head[1]);
    answers.push({ status, body: status === 200 ? text.slice(start, stop) : '' });
    at = stop;
  }
  return answers;
}

t.test('whatever requests come, in whatever pieces: each is answered once, in order, up to the one that ends the connection', async (t) => {
  const seen = new Map<number, number>();
  fc.assert(
    fc.property(wishes, fc.array(fc.nat(1000), { maxLength: 12 }), fc.boolean(), (list, cuts, prompt) => {
      const requests = list.map(({ kind, size }, number) => request(kind, number, size));
      const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway(route('/echo', 'a'));
      const up = rig.serve('10.0.0.1:80', (asked) => {
        const [head = '', ...body] = asked.split('\r\n\r\n');
        const path = /^\w+ (\S+)/.exec(head)?.[1] ?? '';
        const content = body.join('\r\n\r\n').match(/z/g)?.length ?? 0;
        return head.startsWith('HEAD') ? 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n' : ok(`${path} ${content}`);
      });
      const client = rig.transport.dial(GATEWAY);
      const text = requests.map((one) => one.text).join('');
      const places = [...new Set([0, ...cuts.map((cut) => Math.floor((cut * text.length) / 1000)), text.length])].sort((a, b) => a - b);
      for (const [index, place] of places.slice(1).entries()) {
        client.write(text.slice(places[index], place));
        if (prompt) rig.transport.run();
        else rig.run();
      }
      for (let i = 0; i < 2 * requests.length + 5; i++) rig.run();
      const end = requests.findIndex(({ last }) => last);
      const expected = end < 0 ? requests : requests.slice(0, end + 1);
      const answers = answersOf(client.text(), requests);
      const wanted = expected.map(({ status, body }) => ({ status, body }));
      if (JSON.stringify(answers) !== JSON.stringify(wanted)) {
        throw new Error(`got ${JSON.stringify(answers)}\ninstead of ${JSON.stringify(wanted)}`);
      }
      const asked = expected.filter(({ status }) => status === 200).length;
      if (up.requests.length !== asked) throw new Error(`${up.requests.length} requests reached the server, not ${asked}`);
      if (end >= 0 !== (client.ended || client.wasReset)) throw new Error(end < 0 ? 'the connection was ended' : 'the connection goes on');
      for (const { status } of answers) seen.set(status, (seen.get(status) ?? 0) + 1);
    }),
    { numRuns: 400 },
  );
  for (const status of [200, 400, 404]) t.ok((seen.get(status) ?? 0) > 30, `${status}: ${seen.get(status)} times`);
});
