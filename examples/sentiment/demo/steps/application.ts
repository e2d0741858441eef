/** The application by itself, and what the mesh changes for visitors from outside: nothing, then 404, then routes. */
import { setTimeout as delay } from 'node:timers/promises';
import { connectionsIn } from '../network.ts';
import type { Reply } from '../traffic.ts';
import { analysis, times } from '../calls.ts';
import { same } from '../checks.ts';
import { outcomes } from '../replies.ts';
import type { Walk } from '../walk.ts';
import type { Step } from './step.ts';

export const withoutAgent: Step = {
  title: 'The application, without any agent',
  why: 'Four services in pods, found by name and balanced by the cluster alone. This is what must keep working whatever happens to the agent.',
  prepare: (walk) => walk.apply('application'),
  async walk(walk) {
    walk.report.sent(
      `from pod ${walk.client.place.name}: the page, a sentence, a feedback, and the list of feedbacks, by each form of the name`,
    );
    const names = ['sa-web-app.default', 'sa-web-app.default.svc', 'sa-web-app.default.svc.cluster.local'];
    const feedback = { url: 'http://sa-feedback.default/feedback' };
    const given = JSON.stringify({ sentence: 'It works', polarity: 0.3, correct: true });
    const ask = (calls: Parameters<Walk['fromPod']>[1]): Promise<Reply[]> =>
      walk.fromPod(walk.client, calls, { perSecond: 100, fresh: true });
    const [page] = await ask([{ url: 'http://sa-frontend.default/' }]);
    const answers = await ask(names.map((name) => analysis(`http://${name}`)));
    const [stored] = await ask([{ ...feedback, method: 'POST', headers: { 'content-type': 'application/json' }, body: given }]);
    const [list] = await ask([feedback]);
    await walk.check(
      same('GET sa-frontend/', '200 text/html', `${page?.status} ${page?.headers['content-type']?.split(';', 1)[0] ?? ''}`),
      same('POST sa-web-app/sentiment, three names', '200 × 3', outcomes(answers)),
      { what: 'polarity of the sentence', expected: 'positive', seen: polarity(answers[0]), held: Number(polarity(answers[0])) > 0 },
      same('POST sa-feedback/feedback', '201, empty', `${stored?.status}, ${stored?.body === '' ? 'empty' : 'a body'}`),
      same(
        'GET sa-feedback/feedback',
        '200 with It works',
        `${list?.status} ${list?.body.includes('It works') === true ? 'with' : 'without'} It works`,
      ),
    );
  },
};

export const blocked: Step = {
  title: 'The agent starts: nothing changes inside, nothing opens outside',
  why: 'The pods are captured while they run, without a restart: new connections are, those from before go on until they end. No Gateway exists yet, so no port is open.',
  async prepare(walk) {
    await walk.apply('enrolment');
    if (!walk.quiet) walk.report.command(walk.agent.command);
    await walk.report.during(() => 'starting', walk.agent.start());
    await walk.report.during(() => 'waiting for the capture of the pods', walk.agent.settled(0));
    await walk.report.during(() => 'waiting for idle connections from before to end', connectionsEnd(walk));
  },
  async walk(walk) {
    const [frontend] = walk.cluster.podsOf('sa-frontend');
    if (frontend === undefined) throw new Error('there is no pod of sa-frontend');
    const before = await requestsCounted(walk);
    walk.report.sent('GET / at the gateway address, and 20 sentences from pod to pod');
    const [outside] = await walk.fromOutside([{ url: walk.gateway }], { perSecond: 1, fresh: true });
    const inside = await walk.fromPod(
      frontend,
      times(20, () => analysis('http://sa-web-app')),
      { perSecond: 100, fresh: true },
    );
    const { pods } = await walk.agent.status();
    const enrolled = pods.filter((pod) => pod.enrolled);
    const captured = enrolled.filter(({ phase }) => phase === 'captured');
    const counted = (await requestsCounted(walk)) - before;
    await walk.check(
      same('the gateway address', 'ECONNREFUSED', outside?.error || String(outside?.status)),
      same('pods captured', walk.cluster.pods.length - 1, captured.length),
      same('from pod to pod', '200 × 20', outcomes(inside)),
      // Two hops, page to web-app to logic, each recorded for its caller and for who is called.
      same('recorded in /metrics: 2 hops, 2 reporters', 80, counted),
    );
  },
};

export const gatewayAlone: Step = {
  title: 'A Gateway alone: the door is open, and there is nothing behind it',
  why: 'The port answers now, and says 404 to everything.',
  prepare: (walk) => walk.apply('gateway'),
  async walk(walk) {
    const paths = ['/', '/sentiment', '/feedback', '/static/js/main.js'];
    walk.report.sent(`GET ${paths.join(', ')}`);
    const replies = await walk.fromOutside(
      paths.map((path) => ({ url: walk.gateway + path })),
      { perSecond: 50 },
    );
    const fromPods = replies.filter(({ headers }) => headers['x-served-by'] !== undefined).length;
    await walk.check(same('answers', `404 × ${paths.length}`, outcomes(replies)), same('answers that came from a pod', 0, fromPods));
  },
};

const IDLE_LIMIT_MS = 60_000;

/** Method, path, and who answers with what; the gateway itself where nobody does. */
const ROUTES = [
  ['GET', '/', 'sa-frontend', 200, 'exact'],
  ['GET', '/index.html', 'gateway', 404, 'exact is not prefix'],
  ['GET', '/logout', 'sa-frontend', 404, 'exact'],
  ['GET', '/callback?code=1', 'sa-frontend', 404, 'prefix'],
  ['GET', '/static/none.css', 'sa-frontend', 404, 'prefix'],
  ['GET', '/sa-icon.ico', 'sa-frontend', 200, 'regex'],
  ['GET', '/a/b.png?size=1', 'sa-frontend', 404, 'regex, not the query'],
  ['GET', '/a.png.txt', 'gateway', 404, 'regex is whole'],
  ['GET', '/A.PNG', 'gateway', 404, 'regex minds case'],
  ['GET', '/manifest.json', 'gateway', 404, 'no route'],
  ['POST', '/sentiment', 'sa-web-app', 200, 'prefix'],
  ['GET', '/sentiment', 'sa-web-app', 405, 'prefix'],
  ['GET', '/sentimentality', 'sa-web-app', 404, 'prefix of text'],
  ['GET', '/feedback', 'sa-feedback', 200, 'prefix'],
  ['POST', '/feedback', 'sa-feedback', 201, 'prefix'],
] as const;

export const routes: Step = {
  title: 'Routes: which service answers which path',
  why: 'The VirtualService sends exact paths, prefixes and regular expressions to three services. All else stays 404.',
  prepare: (walk) => walk.apply('routes'),
  async walk(walk) {
    walk.report.sent(`${ROUTES.length} requests`);
    const body = JSON.stringify({ sentence: 'What a nice day', polarity: 0.6, correct: true });
    const calls = ROUTES.map(([method, path]) => ({
      url: walk.gateway + path,
      method,
      ...(method === 'POST' ? { body, headers: { 'content-type': 'application/json' } } : {}),
    }));
    const replies = await walk.fromOutside(calls, { perSecond: 50 });
    await walk.check(
      ...ROUTES.map(([method, path, service, status, why], index) => {
        const reply = replies[index] as Reply;
        return same(`${method} ${path}  (${why})`, `${status} ${service}`, `${reply.error || reply.status} ${serviceOf(reply)}`);
      }),
    );
  },
};

/** What was opened before the agent started is not captured, however long it is used. */
async function connectionsEnd({ cluster }: Walk): Promise<void> {
  const deadline = performance.now() + IDLE_LIMIT_MS;
  while (performance.now() < deadline) {
    const open = await Promise.all(cluster.pods.map(({ place }) => connectionsIn(place.netns)));
    if (open.every((count) => count === 0)) return;
    await delay(100);
  }
}

function serviceOf({ headers }: Reply): string {
  return headers['x-served-by']?.replace(/(-green)?-\d+$/, '') ?? 'gateway';
}

function polarity(reply: Reply | undefined): string {
  return /"polarity":(-?[\d.]+)/.exec(reply?.body ?? '')?.[1] ?? 'none';
}

async function requestsCounted(walk: Walk): Promise<number> {
  const lines = (await walk.agent.metrics()).matchAll(/^istio_requests_total\{.*\} (\d+)/gm);
  return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
}
