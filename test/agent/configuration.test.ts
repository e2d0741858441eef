import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import t from 'tap';
import { type CompiledConfiguration, Configuration, type LocalPod, type Outcome } from '../../src/agent/configuration.ts';
import type { ProblemReport } from '../../src/agent/model/report.ts';
import type { Snapshot } from '../../src/l7/snapshot.ts';

const POD: LocalPod = { key: 'a/b', uid: '', netns: null, addresses: [], failClosed: false, enrolled: true, reason: 'annotation' };
const PROBLEM: ProblemReport = {
  severity: 'error',
  object: 'VirtualService a/b',
  path: 'spec.http',
  message: 'is wrong',
  where: 'f.yaml:3:1',
};
const EMPTY: Snapshot = {
  version: 1,
  mesh: { outboundTrafficPolicy: 'ALLOW_ANY', connectTimeoutMs: 1 },
  workloads: {},
  scopes: {},
  gateways: {},
  clusters: {},
};

function set() {
  const lines: { message: string; level: number; where?: string }[] = [];
  const outcomes: Outcome[] = [];
  const input = {
    change: () => {},
    result: { snapshot: EMPTY, pods: [POD, { ...POD, key: 'a/c', enrolled: false }], problems: [] } as CompiledConfiguration,
    found: [] as ProblemReport[],
    compiled: 0,
    broken: false,
    async start(changed: () => void) {
      this.change = changed;
      changed();
    },
    async stop() {},
    compile() {
      this.compiled++;
      if (this.broken) throw new Error('fault of the compiler');
      return this.result;
    },
    problems() {
      return this.found;
    },
  };
  const log = pino({}, { write: (line: string) => void lines.push({ ...JSON.parse(line), message: JSON.parse(line).msg }) });
  return { input, lines, outcomes, configuration: new Configuration(input, log, (outcome) => outcomes.push(outcome)) };
}

const settle = () => delay(60);

t.test('changes that come together are compiled once, and only enrolled pods are wanted', async (t) => {
  const { input, outcomes, configuration } = set();
  await configuration.start();
  for (let i = 0; i < 100; i++) input.change();
  await settle();
  t.equal(input.compiled, 1);
  t.strictSame(
    outcomes[0]?.wanted.map((pod) => pod.key),
    ['a/b'],
  );
  t.equal(configuration.localPods().length, 2);
  input.change();
  await settle();
  t.equal(input.compiled, 2);
  await configuration.stop();
  input.change();
  await settle();
  t.equal(input.compiled, 2);
});

t.test('a problem is logged when it appears and when it is gone, with its place', async (t) => {
  const { input, lines, configuration } = set();
  input.found = [PROBLEM];
  await configuration.start();
  await settle();
  input.change();
  await settle();
  t.match(lines, [{ message: 'is wrong', level: 50, where: 'f.yaml:3:1' }]);
  t.equal(lines.length, 1, 'once');
  t.strictSame(configuration.problems(), [PROBLEM]);
  input.found = [];
  input.change();
  await settle();
  t.match(lines[1], { message: 'resolved: is wrong', level: 30 });
});

t.test('a fault of the compiler leaves in force what was', async (t) => {
  const { input, lines, outcomes, configuration } = set();
  await configuration.start();
  await settle();
  input.broken = true;
  input.change();
  await settle();
  t.equal(outcomes.length, 1);
  t.match(lines, [{ level: 50, message: /the one before stays in force/ }]);
  input.broken = false;
  input.change();
  await settle();
  t.equal(outcomes.length, 2);
});
