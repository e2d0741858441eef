/** The contracts of the example's services, over real sockets. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { feedback, FeedbackStore } from '../../examples/sentiment/services/feedback/feedback.ts';
import { frontend } from '../../examples/sentiment/services/frontend/frontend.ts';
import { type Build, site } from '../../examples/sentiment/services/frontend/site.ts';
import { logic } from '../../examples/sentiment/services/logic/logic.ts';
import { type Answer, type LogEntry, type Received, serve, type ServiceOptions } from '../../examples/sentiment/services/service.ts';
import { webApp } from '../../examples/sentiment/services/web-app/web-app.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const SENTENCE = JSON.stringify({ sentence: 'I love yogobella' });

interface Running {
  readonly url: string;
  readonly log: LogEntry[];
  heads(): Record<string, unknown>[];
}

async function start(test: Test, handle: ServiceOptions['handle'], pod = 'pod-1'): Promise<Running> {
  const log: LogEntry[] = [];
  const service = await serve({ name: 'test', pod, port: 0, address: '127.0.0.1', handle, log: (entry) => log.push(entry) });
  test.teardown(() => service.close());
  const heads = (): Record<string, unknown>[] => log.flatMap((entry) => (entry.event === 'received' ? [{ ...entry.headers }] : []));
  return { url: `http://127.0.0.1:${service.port}`, log, heads };
}

function post(url: string, body: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { ...JSON_TYPE, ...headers }, body });
}

t.test('every service says which pod answered and logs what it received', async (t) => {
  const { url, log } = await start(t, logic(null), 'sa-logic-7');
  const response = await post(`${url}/analyse/sentiment?x=1`, SENTENCE, { 'x-request-id': 'abc' });
  await response.text();
  t.equal(response.headers.get('x-served-by'), 'sa-logic-7');
  const received = log.find((entry) => entry.event === 'received');
  t.match(received, { pod: 'sa-logic-7', method: 'POST', url: '/analyse/sentiment?x=1', headers: { 'x-request-id': 'abc' } });
  t.match(log.at(-1), { event: 'answered', status: 200 });
});

t.test('a body without a bound is refused', async (t) => {
  const { url } = await start(t, logic(null));
  const response = await post(`${url}/analyse/sentiment`, JSON.stringify({ sentence: 'x'.repeat(100_000) }));
  t.equal(response.status, 413);
});

t.test('logic: the polarity of the first sentence', async (t) => {
  const { url } = await start(t, logic(null));
  const ask = async (sentence: string): Promise<number> => {
    const response = await post(`${url}/analyse/sentiment`, JSON.stringify({ sentence }));
    const answer = (await response.json()) as { sentence: string; polarity: number };
    t.equal(answer.sentence, sentence);
    t.ok(answer.polarity >= -1 && answer.polarity <= 1);
    return answer.polarity;
  };
  t.ok((await ask('I love yogobella')) > 0);
  t.ok((await ask('This is a terrible disaster!')) < 0);
  t.equal(await ask('The box is on the table.'), 0);
  t.ok((await ask('I love it. The rest was awful, horrible and the worst.')) > 0);
  t.ok((await ask('This is not good')) < 0);
  t.ok((await ask('really absolutely extremely perfect')) <= 1);
});

t.test('logic: refusals', async (t) => {
  const { url } = await start(t, logic(null));
  t.equal((await fetch(`${url}/analyse/sentiment`)).status, 405);
  t.equal((await post(`${url}/analyse`, SENTENCE)).status, 404);
  for (const body of ['', '{', '[]', '"text"', '{"sentence":5}', 'null']) {
    t.equal((await post(`${url}/analyse/sentiment`, body)).status, 400, body);
  }
});

t.test('logic v2: fails at once, fails late, or answers, as drawn', async (t) => {
  const draws = [1, 66, 34, 33, 101, 65];
  const { url } = await start(t, logic({ draw: () => draws.shift() as number, sleepMs: 60 }));
  const seen: [number, boolean][] = [];
  while (draws.length > 0) {
    const started = performance.now();
    const response = await post(`${url}/analyse/sentiment`, SENTENCE);
    await response.text();
    seen.push([response.status, performance.now() - started >= 59]);
  }
  t.strictSame(
    seen.map(([status]) => status),
    [500, 200, 500, 500, 200, 500],
  );
  t.ok(seen[2]?.[1] === true && seen[5]?.[1] === true, 'the slow ones slept');
});

t.test('logic v2: who sleeps keeps nobody waiting, and a caller that left ends the sleep', async (t) => {
  const draws = [40, 70];
  const { url, log } = await start(t, logic({ draw: () => draws.shift() as number, sleepMs: 60_000 }));
  const impatient = new AbortController();
  const slow = fetch(`${url}/analyse/sentiment`, { method: 'POST', body: SENTENCE, signal: impatient.signal });
  while (draws.length === 2) await new Promise(setImmediate);
  t.equal((await post(`${url}/analyse/sentiment`, SENTENCE)).status, 200);
  impatient.abort();
  await t.rejects(slow);
  while (!log.some(({ event }) => event === 'abandoned')) await new Promise(setImmediate);
});

t.test('web-app: asks the logic and answers with the sentence and its polarity', async (t) => {
  const backend = await start(t, logic(null), 'sa-logic-1');
  const { url } = await start(t, webApp(backend.url));
  const response = await post(`${url}/sentiment`, SENTENCE);
  t.equal(response.status, 200);
  t.match(response.headers.get('content-type'), /^application\/json/);
  t.equal(response.headers.get('x-analysed-by'), 'sa-logic-1');
  t.match(await response.json(), { sentence: 'I love yogobella', polarity: Number });
  t.match(backend.log[1], { method: 'POST', url: '/analyse/sentiment' });
});

t.test('web-app: carries the headers of a trace, and no others', async (t) => {
  const backend = await start(t, logic(null));
  const { url } = await start(t, webApp(backend.url));
  const traced = {
    'x-request-id': 'r1',
    'x-b3-traceid': '463ac35c9f6413ad48485a3953bb6124',
    'x-b3-spanid': 'a2fb4a1d1a96d312',
    'x-b3-sampled': '1',
    traceparent: '00-463ac35c9f6413ad48485a3953bb6124-a2fb4a1d1a96d312-01',
  };
  await (await post(`${url}/sentiment`, SENTENCE, { ...traced, authorization: 'secret' })).text();
  const [head] = backend.heads();
  t.match(head, traced);
  t.notOk(head && 'authorization' in head);
});

t.test('web-app: every failure of the logic is a 500 with a JSON body', async (t) => {
  const answers: Answer[] = [
    { status: 500, body: 'broken' },
    { status: 503 },
    { status: 404 },
    { status: 200, body: 'not json' },
    { status: 200, body: '{"sentence":"x"}' },
  ];
  const backend = await start(t, () => answers.shift() as Answer);
  const { url } = await start(t, webApp(backend.url));
  while (answers.length > 0) {
    const response = await post(`${url}/sentiment`, SENTENCE);
    t.equal(response.status, 500);
    t.match(await response.json(), { status: 500, error: 'Internal Server Error', path: '/sentiment', message: String, timestamp: String });
  }
  const { url: alone } = await start(t, webApp('http://127.0.0.1:1'));
  t.equal((await post(`${alone}/sentiment`, SENTENCE)).status, 500, 'nobody there');
});

t.test('web-app: methods, paths, bodies and CORS', async (t) => {
  const backend = await start(t, logic(null));
  const { url } = await start(t, webApp(backend.url));
  const wrongMethod = await fetch(`${url}/sentiment`);
  t.equal(wrongMethod.status, 405);
  t.equal(wrongMethod.headers.get('allow'), 'POST');
  t.match(await wrongMethod.json(), { status: 405, error: 'Method Not Allowed', path: '/sentiment' });
  t.equal((await post(`${url}/sentimentality`, SENTENCE)).status, 404);
  t.equal((await post(`${url}/sentiment`, '{')).status, 400);
  const preflight = await fetch(`${url}/sentiment`, {
    method: 'OPTIONS',
    headers: { origin: 'http://elsewhere', 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
  });
  t.equal(preflight.status, 200);
  t.equal(preflight.headers.get('access-control-allow-origin'), '*');
  t.equal(preflight.headers.get('access-control-allow-headers'), 'content-type');
  const cross = await post(`${url}/sentiment`, SENTENCE, { origin: 'http://elsewhere' });
  t.equal(cross.headers.get('access-control-allow-origin'), '*');
  const plain = await post(`${url}/sentiment`, SENTENCE);
  t.equal(plain.headers.get('access-control-allow-origin'), null);
});

t.test('feedback: kept in a database that outlives the service', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'nodeway-feedback-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'Feedback.db');
  const given = { sentence: 'I love yogobella', polarity: 0.5, correct: true };
  await t.test('stored and listed', async (t) => {
    const store = new FeedbackStore(file);
    t.teardown(() => store.close());
    const { url } = await start(t, feedback(store));
    t.strictSame(await (await fetch(`${url}/feedback`)).json(), []);
    const created = await post(`${url}/feedback`, JSON.stringify(given));
    t.equal(created.status, 201);
    t.equal(await created.text(), '');
    await post(`${url}/Feedback`, JSON.stringify({ ...given, polarity: -1, correct: false }));
    t.strictSame(await (await fetch(`${url}/feedback`)).json(), [
      { id: 1, ...given },
      { id: 2, ...given, polarity: -1, correct: false },
    ]);
  });
  await t.test('still there', async (t) => {
    const store = new FeedbackStore(file);
    t.teardown(() => store.close());
    t.equal(store.all().length, 2);
  });
});

t.test('feedback: refusals and CORS', async (t) => {
  const store = new FeedbackStore(':memory:');
  t.teardown(() => store.close());
  const { url } = await start(t, feedback(store));
  for (const body of ['', '{', '[]', '{"sentence":"x"}', '{"sentence":"x","polarity":"0","correct":true}']) {
    t.equal((await post(`${url}/feedback`, body)).status, 400, body);
  }
  t.equal(store.all().length, 0);
  t.equal((await fetch(`${url}/feedback`, { method: 'DELETE' })).status, 405);
  t.equal((await fetch(`${url}/feedbacks`)).status, 404);
  const preflight = await fetch(`${url}/feedback`, {
    method: 'OPTIONS',
    headers: { origin: 'http://elsewhere', 'access-control-request-method': 'POST' },
  });
  t.equal(preflight.status, 204);
  t.equal(preflight.headers.get('access-control-allow-origin'), '*');
});

async function assetsOf(url: string): Promise<string[]> {
  const page = await (await fetch(`${url}/`)).text();
  return [...page.matchAll(/(?:href|src)="(\/[^"]+)"/g)].map(([, path]) => path as string);
}

t.test('frontend: a page whose files are all there, in both builds', async (t) => {
  for (const build of ['white', 'green'] satisfies Build[]) {
    const { url } = await start(t, frontend(await site(build, 'pod-1')));
    const page = await fetch(`${url}/`);
    t.match(page.headers.get('content-type'), /^text\/html/);
    t.match(await page.text(), `<strong id="build">${build}</strong>`);
    const assets = await assetsOf(url);
    t.ok(assets.length >= 3, 'stylesheet, script and icons');
    for (const path of assets) {
      const response = await fetch(url + path);
      t.equal(response.status, 200, path);
      t.notMatch(await response.text(), /\{\{\w+\}\}/, `${path}: every placeholder is filled`);
    }
  }
});

t.test('frontend: a build does not know the assets of the other', async (t) => {
  const white = await start(t, frontend(await site('white', 'pod-1')));
  const green = await start(t, frontend(await site('green', 'pod-1')));
  const hashed = (await assetsOf(green.url)).filter((path) => path.startsWith('/static/'));
  t.equal(hashed.length, 2);
  for (const path of hashed) t.equal((await fetch(white.url + path)).status, 404, path);
});

t.test('frontend: icons are images, other things are refused', async (t) => {
  const { url } = await start(t, frontend(await site('white', 'pod-1')));
  const png = Buffer.from(await (await fetch(`${url}/sa-icon.png`)).arrayBuffer());
  t.strictSame([...png.subarray(1, 4)], [...Buffer.from('PNG')]);
  const ico = Buffer.from(await (await fetch(`${url}/sa-icon.ico`)).arrayBuffer());
  t.strictSame(ico.subarray(ico.readUInt32LE(18)), png, 'the icon file holds the PNG where it says');
  t.equal((await fetch(`${url}/nothing`)).status, 404);
  t.equal((await fetch(`${url}/`, { method: 'POST' })).status, 405);
  const head = await fetch(`${url}/`, { method: 'HEAD' });
  t.equal(head.status, 200);
  t.ok(Number(head.headers.get('content-length')) > 0);
});

t.test('a handler that breaks is a 500, not the end of the service', async (t) => {
  const { url } = await start(t, ({ path }: Received) => {
    if (path === '/broken') throw new Error('on purpose');
    return { status: 204 };
  });
  t.equal((await fetch(`${url}/broken`)).status, 500);
  t.equal((await fetch(`${url}/fine`)).status, 204);
});
