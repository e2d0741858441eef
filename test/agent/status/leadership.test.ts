/** Agents that vote, against a Lease that is kept as the API server keeps one. */
import { setImmediate } from 'node:timers/promises';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import type { ApiAnswer, ApiCall } from '../../../src/agent/sources/kubernetes/api-client.ts';
import { ApiFailure } from '../../../src/agent/sources/kubernetes/failure.ts';
import { Leadership } from '../../../src/agent/status/leadership.ts';
import { ManualClock } from '../../base/manual-clock.ts';

interface Lease {
  readonly metadata: { readonly resourceVersion?: string };
  readonly spec: { readonly holderIdentity: string; readonly leaseTransitions: number };
}

class LeaseServer {
  lease: Lease | null = null;
  readonly asked: string[] = [];
  readonly #cut = new Set<string>();
  #version = 0;

  cut(who: string): void {
    this.#cut.add(who);
  }

  as(who: string): { call(call: ApiCall): Promise<ApiAnswer> } {
    return {
      call: async ({ method, body }) => {
        if (this.#cut.has(who)) throw new ApiFailure('unreachable', 'away');
        this.asked.push(`${who} ${method}`);
        if (method === 'GET') return this.lease === null ? answer(404) : answer(200, this.lease);
        const given = body as Lease;
        const isStale = method === 'POST' ? this.lease !== null : given.metadata.resourceVersion !== this.lease?.metadata.resourceVersion;
        if (isStale) return answer(409);
        this.lease = { ...given, metadata: { ...given.metadata, resourceVersion: String(++this.#version) } };
        return answer(200, this.lease);
      },
    };
  }
}

const answer = (status: number, body: unknown = {}): ApiAnswer => ({ status, body, retryAfterMs: 0 });

function set(t: Test) {
  const server = new LeaseServer();
  const clock = new ManualClock();
  const led: string[] = [];
  const agent = (identity: string, epochOffset = 0): Leadership => {
    const own = { now: () => clock.now() + epochOffset, monotonic: () => clock.monotonic() };
    const leadership = new Leadership({
      ...{ api: server.as(identity), random: () => 0, namespace: 'n', name: 'l', identity, log: pino({ level: 'silent' }) },
      clock: { ...own, after: (ms, task) => clock.after(ms, task), every: (ms, task) => clock.every(ms, task) },
      onLead: () => void led.push(identity),
    });
    leadership.start();
    t.teardown(() => leadership.stop());
    return leadership;
  };
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 1000) {
      for (let turn = 0; turn < 5; turn++) await setImmediate();
      clock.advance(1000);
    }
    for (let turn = 0; turn < 5; turn++) await setImmediate();
  };
  return { server, clock, led, agent, pass };
}

t.test('one of them leads, and goes on leading', async (t) => {
  const { led, agent, pass, server } = set(t);
  const agents = ['a', 'b', 'c'].map((name) => agent(name));
  await pass(300_000);
  t.strictSame(led, ['a']);
  t.strictSame(
    agents.map(({ leads }) => leads),
    [true, false, false],
  );
  t.equal(server.lease?.spec.leaseTransitions, 0);
});

t.test('a leader that is cut off stops before another leads', async (t) => {
  const { led, agent, pass, server } = set(t);
  const [a, b] = [agent('a'), agent('b')];
  await pass(20_000);
  server.cut('a');
  let both = 0;
  for (let second = 0; second < 90; second++) {
    await pass(1000);
    if (a.leads && b.leads) both++;
  }
  t.equal(both, 0);
  t.strictSame([led, a.leads, b.leads], [['a', 'b'], false, true]);
  t.equal(server.lease?.spec.leaseTransitions, 1);
});

t.test('clocks that differ change nothing', async (t) => {
  const { led, agent, pass } = set(t);
  const [, b] = [agent('a'), agent('b', 3_600_000), agent('c', -3_600_000)];
  await pass(300_000);
  t.strictSame(led, ['a']);
  t.equal(b.leads, false);
});

t.test('the next one takes over from one that stops', async (t) => {
  const { led, agent, pass, server } = set(t);
  const [a, b] = [agent('a'), agent('b')];
  await pass(10_000);
  await a.stop();
  t.equal(server.lease?.spec.holderIdentity, '');
  t.equal(a.leads, false);
  await pass(15_000);
  t.strictSame([led, b.leads], [['a', 'b'], true]);
});
