/** The agent killed, stopped and started again while pods talk. Needs root. */
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { needsRoot, type Pod, PodNetwork, until } from '../pod-network.ts';
import { call, type Knock, Knocker, monotonicNow, startGreeter } from './programs.ts';
import { removePrograms, StandIn } from './stand-in.ts';

interface Stage {
  readonly network: PodNetwork;
  readonly agent: StandIn;
  /** Enrolled, open. */
  readonly client: Pod;
  /** Enrolled, open, serves at 9000. */
  readonly server: Pod;
  /** Enrolled, fails closed, serves at 9000. */
  readonly closed: Pod;
  /** Not enrolled, serves at 9000. */
  readonly stranger: Pod;
}

async function setUp(t: Test, name: string, heartbeatMs?: number): Promise<Stage> {
  const network = await PodNetwork.create(name);
  removePrograms(network);
  t.teardown(async () => {
    await network.close();
    removePrograms(network);
  });
  const [client, server, closed, stranger] = ['client', 'server', 'closed', 'stranger'].map((pod) => network.addPod(pod)) as [
    Pod,
    Pod,
    Pod,
    Pod,
  ];
  const stage = { network, client, server, closed, stranger };
  for (const pod of [server, closed, stranger]) await startGreeter(pod, 9000);
  return { ...stage, agent: await startAgent(stage, heartbeatMs) };
}

/** Its heartbeat is not what tells that it was killed. */
async function startAgent({ network, client, server, closed }: Omit<Stage, 'agent'>, heartbeatMs = 60_000): Promise<StandIn> {
  const agent = await StandIn.start(network, { heartbeatMs });
  await agent.enroll(client);
  await agent.enroll(server);
  await agent.enroll(closed, { failClosed: true });
  return agent;
}

/** Clients of all ways: out to an enrolled pod and to another, and in from elsewhere, by both families. */
function startLoad({ client, server, stranger }: Stage): Knocker[] {
  return [
    new Knocker(client, server.ipv4, 9000),
    new Knocker(client, stranger.ipv6, 9000),
    new Knocker(stranger, server.ipv4, 9000),
    new Knocker(stranger, server.ipv6, 9000),
  ];
}

const KNOCKS = 60;

async function enough(load: readonly Knocker[], since: number): Promise<void> {
  const full = (): boolean => load.every((knocker) => knocker.since(since).length >= KNOCKS);
  await until(full, `${KNOCKS} connections of each client: ${load.map((knocker) => knocker.since(since).length).join(', ')}`);
}

/** Reached, answered, and at the first try. */
function good(knock: Knock): boolean {
  return knock.error === undefined && knock.echo === 'echo' && knock.retransmits === 0;
}

t.test(
  'killed under load: what is opened afterwards goes straight, none refused; a new one captures again',
  { skip: needsRoot },
  async (t) => {
    const stage = await setUp(t, 'kill');
    const { agent, client, server, stranger } = stage;
    const load = startLoad(stage);
    await enough(load, 0);
    t.ok((await agent.accepted()).length >= 4 * KNOCKS, 'all are captured at first');
    t.same(
      load.flatMap(({ knocks }) => knocks.filter((knock) => !good(knock))),
      [],
    );

    await agent.kill();
    const killed = monotonicNow();
    await enough(load, killed);
    const direct = load.flatMap((knocker) => knocker.since(killed));
    t.same(
      direct.filter((knock) => !good(knock)),
      [],
      'each at the first try',
    );
    t.same(new Set(load[2]?.since(killed).map(({ line }) => line)), new Set([`${stranger.ipv4} ${server.ipv4}`]), 'directly');
    t.same(new Set(load[3]?.since(killed).map(({ line }) => line)), new Set([`${stranger.ipv6} ${server.ipv6}`]), 'directly');

    const heir = await startAgent(stage);
    const restarted = monotonicNow();
    await enough(load, restarted);
    for (const knocker of load) await knocker.stop();
    t.same(
      load.flatMap((knocker) => knocker.since(killed)).filter((knock) => !good(knock)),
      [],
      'the start of the new one hurts none',
    );
    const captured = await heir.accepted();
    for (const [pod, kind] of [
      ['client', 'outbound'],
      ['server', 'inbound'],
    ]) {
      t.ok(captured.filter((one) => one.pod === pod && one.kind === kind).length >= KNOCKS, `${kind} captured again`);
    }
    t.ok((await heir.counters())['outbound_passed']! >= 2 * KNOCKS, 'what went straight was counted');
    t.ok((await heir.counters())['inbound_passed']! >= 2 * KNOCKS);
    t.match(await call(client, server.ipv4, 9000), { error: undefined });
  },
);

t.test('stopped: after the heartbeat as if killed; what it had accepted by then waits for it', { skip: needsRoot }, async (t) => {
  const stage = await setUp(t, 'stop', 1000);
  const { agent, client, closed, server, stranger } = stage;
  agent.child.kill('SIGSTOP');
  const held = call(client, server.ipv4, 9000);
  await delay(1300);
  const stopped = monotonicNow();
  const load = startLoad(stage);
  await enough(load, stopped);
  t.same(
    load.flatMap(({ knocks }) => knocks).filter((knock) => !good(knock)),
    [],
    'each at the first try',
  );
  t.equal(load[2]?.knocks[0]?.line, `${stranger.ipv4} ${server.ipv4}`, 'directly');
  t.equal((await call(closed, server.ipv4, 9000)).error, 'EPERM', 'a pod that fails closed is refused');
  t.equal((await call(stranger, closed.ipv4, 9000)).error, 'ECONNREFUSED');

  agent.child.kill('SIGCONT');
  t.match(await held, { line: `${client.ipv4} ${server.ipv4}`, error: undefined }, 'the one that was held is served');
  await agent.accepted();
  // Each beat may be late on a busy machine; the clients then go straight again.
  const captured = { outbound: 0, inbound: 0 };
  const enoughCaptured = async (): Promise<boolean> => {
    for (const { kind } of await agent.accepted()) captured[kind]++;
    return Math.min(captured.outbound, captured.inbound) >= KNOCKS;
  };
  await until(enoughCaptured, 'it captures again');
  for (const knocker of load) await knocker.stop();
  t.same(
    load.flatMap(({ knocks }) => knocks).filter((knock) => !good(knock)),
    [],
  );
  t.match(await call(closed, server.ipv4, 9000), { error: undefined });
});

t.test('a pod that fails closed is refused without an agent, out and in, and talks to itself', { skip: needsRoot }, async (t) => {
  const stage = await setUp(t, 'closed');
  const { agent, closed, server, stranger } = stage;
  const attempts = (): Promise<(string | undefined)[]> =>
    Promise.all(
      [
        call(closed, server.ipv4, 9000),
        call(closed, server.ipv6, 9000),
        call(closed, `::ffff:${server.ipv4}`, 9000),
        call(stranger, closed.ipv4, 9000),
        call(stranger, closed.ipv6, 9000),
      ].map(async (conversation) => (await conversation).error),
    );
  t.same(await attempts(), [undefined, undefined, undefined, undefined, undefined]);
  await agent.kill();
  t.same(await attempts(), ['EPERM', 'EPERM', 'EPERM', 'ECONNREFUSED', 'ECONNREFUSED']);
  t.match(await call(closed, closed.ipv4, 9000), { line: `${closed.ipv4} ${closed.ipv4}` });
  t.match(await call(closed, '127.0.0.1', 9000), { line: '127.0.0.1 127.0.0.1' });
  const heir = await startAgent(stage);
  t.same(await attempts(), [undefined, undefined, undefined, undefined, undefined]);
  t.match(await heir.counters(), { outbound_refused: 3, inbound_refused: 2 });
});
