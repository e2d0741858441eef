/** The agent dies, comes back, and is removed; and who is not enrolled is served all the same. */
import { existsSync } from 'node:fs';
import { PINS } from '../agent.ts';
import { output } from '../command.ts';
import type { Pod } from '../pod.ts';
import type { Reply } from '../traffic.ts';
import { analysis, times } from '../calls.ts';
import { same } from '../checks.ts';
import { outcomes } from '../replies.ts';
import type { Walk } from '../walk.ts';
import type { Step } from './step.ts';

export const killed: Step = {
  title: 'The agent is killed: the application goes on',
  why: 'SIGKILL under load. In the kernel every connection that is opened from then on goes straight to its service; a restarted agent captures again.',
  prepare: async (walk) => {
    await walk.delete('telemetry');
  },
  async walk(walk) {
    const pod = enrolledPod(walk);
    walk.report.sent(
      `from pod ${pod.place.name}: 300 sentences, 100 a second, each on a new connection; the agent is killed on the way, and 100 follow`,
    );
    const halfway = new Milestone(100);
    const pace = { perSecond: 100, fresh: true, onReply: () => halfway.pass() };
    const load = walk.fromPod(
      pod,
      times(300, () => analysis('http://sa-web-app')),
      pace,
    );
    await Promise.race([halfway.reached, load]);
    const killedAt = performance.timeOrigin + performance.now();
    const goneAt = await walk.agent.kill('SIGKILL');
    // However many of them were sent in time.
    const late = times(100, () => analysis('http://sa-web-app'));
    const replies = [...(await load), ...(await walk.fromPod(pod, late, { perSecond: 100, fresh: true }))];
    const before = replies.filter(({ startedAt, seconds }) => startedAt + seconds * 1000 < killedAt);
    const after = replies.filter(({ startedAt }) => startedAt > goneAt);
    const between = replies.filter((reply) => !before.includes(reply) && !after.includes(reply));
    await walk.check(
      same('answered before', `200 × ${before.length}`, outcomes(before)),
      same('opened after its death, first attempt', `200 × ${after.length}`, outcomes(after)),
      { what: 'in flight at that moment', expected: 'may be lost', seen: outcomes(between) || 'none', held: true },
      { what: 'connections opened after its death', expected: '≥ 50', seen: String(after.length), held: after.length >= 50 },
    );
    walk.report.command(walk.agent.command);
    await walk.report.during(() => 'starting', walk.agent.start());
    await walk.report.during(() => 'waiting for the capture of the pods', walk.agent.settled(0));
    await capturedAgain(walk, pod);
  },
};

async function capturedAgain(walk: Walk, pod: Pod): Promise<void> {
  const before = await requests(walk, 'source', 'sa-web-app');
  const replies = await walk.fromPod(
    pod,
    times(20, () => analysis('http://sa-web-app')),
    { perSecond: 100, fresh: true },
  );
  const counted = (await requests(walk, 'source', 'sa-web-app')) - before;
  await walk.check(same('after the restart', '200 × 20', outcomes(replies)), same('of these captured, by /metrics', 20, counted));
}

export const outsider: Step = {
  title: 'A caller outside of the mesh',
  why: 'Its own traffic is nobody’s business, but what it sends to a pod of the mesh passes the agent on arrival, and is counted there.',
  prepare: () => Promise.resolve(),
  async walk(walk) {
    const before = await requests(walk, 'destination', 'sa-web-app');
    walk.report.sent(`20 sentences from pod ${walk.client.place.name}, which is not enrolled`);
    const replies = await walk.fromPod(
      walk.client,
      times(20, () => analysis('http://sa-web-app.default')),
      { perSecond: 100, fresh: true },
    );
    const counted = (await requests(walk, 'destination', 'sa-web-app')) - before;
    const seen = callersSeen(walk);
    await walk.check(
      same('answers', '200 × 20', outcomes(replies)),
      same('counted on arrival, by /metrics', 20, counted),
      same('x-request-id given on arrival', 'yes', seen ? 'yes' : 'no'),
    );
  },
};

export const removed: Step = {
  title: 'Everything is removed: the application goes on',
  why: 'The agent is asked to stop, and cleans up after itself.',
  prepare: () => Promise.resolve(),
  async walk(walk) {
    const pod = enrolledPod(walk);
    walk.report.command('kill -TERM AGENT; scripts/nodeway cleanup');
    const started = new Milestone(50);
    const pace = { perSecond: 100, fresh: true, onReply: () => started.pass() };
    const load = walk.fromPod(
      pod,
      times(200, () => analysis('http://sa-web-app')),
      pace,
    );
    await Promise.race([started.reached, load]);
    await walk.agent.kill('SIGTERM');
    await walk.agent.cleanup();
    const during: Reply[] = await load;
    const after = await walk.fromPod(
      walk.client,
      times(20, () => analysis('http://sa-web-app.default')),
      { perSecond: 100, fresh: true },
    );
    await walk.check(
      same('from pod to pod, meanwhile', '200 × 200', outcomes(during)),
      same('from outside of the mesh, afterwards', '200 × 20', outcomes(after)),
      same('listeners left in pods', 0, await listenersLeft(walk)),
      same('kernel objects left', 'none', existsSync(PINS) ? PINS : 'none'),
    );
  },
};

/** Reached when it was passed so many times. */
class Milestone {
  readonly reached: Promise<void>;
  #left: number;
  #reach: () => void = () => {};

  constructor(count: number) {
    this.#left = count;
    this.reached = new Promise((resolve) => (this.#reach = resolve));
  }

  pass(): void {
    if (--this.#left === 0) this.#reach();
  }
}

function enrolledPod(walk: Walk): Pod {
  const [pod] = walk.cluster.podsOf('sa-frontend');
  if (pod === undefined) throw new Error('there is no pod of sa-frontend');
  return pod;
}

/** Requests to a service by one reporter, of all series in /metrics. */
async function requests(walk: Walk, reporter: string, service: string): Promise<number> {
  const lines = (await walk.agent.metrics()).split('\n').filter((line) => line.startsWith('istio_requests_total{'));
  const counted = lines.filter((line) => line.includes(`reporter="${reporter}"`) && line.includes(`destination_service_name="${service}"`));
  return counted.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

function callersSeen(walk: Walk): boolean {
  const [webApp] = walk.cluster.podsOf('sa-web-app');
  const entry = webApp?.log.findLast(({ event }) => event === 'received');
  return entry?.event === 'received' && entry.headers['x-request-id'] !== undefined;
}

async function listenersLeft(walk: Walk): Promise<number> {
  const listed = await Promise.all(walk.cluster.pods.map(({ place }) => output(['ip', 'netns', 'exec', place.netns, 'ss', '-tlnH'])));
  return listed.flatMap((text) => text.split('\n')).filter((line) => /:(15001|15006|15008)\s/.test(line)).length;
}
