/** What becomes of a connection, decided in the kernel by the functions that the programs use. Every combination of facts is run. Root. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { INBOUND_FACTS, LOCAL_NAME_FACTS, OUTBOUND_FACTS } from '../../../src/datapath/abi.ts';
import { REASONS } from '../../../src/datapath/reasons.ts';
import { addressBytes } from '../../../src/datapath/records.ts';

const RUNNER = fileURLToPath(new URL('../../../build/native/datapath/run-decisions', import.meta.url));
const ACTIONS = ['pass', 'refuse', 'capture', 'through'];

type Facts = Readonly<Record<string, boolean>>;
interface Case {
  readonly facts: Facts;
  readonly verdict: string;
}

function run(program: string, contexts: readonly Uint8Array[]): number[] {
  const input = contexts.map((context) => `${program} ${Buffer.from(context).toString('hex')}\n`).join('');
  return execFileSync(RUNNER, { input, encoding: 'utf8' }).trim().split('\n').map(Number);
}

/** `action reason`, or `action` alone where nothing is counted. */
function text(packed: number): string {
  if (packed < 0) return 'not run';
  return [ACTIONS[packed >> 8], REASONS[packed & 0xff]?.name].filter(Boolean).join(' ');
}

function decideAll(program: string, names: readonly string[]): Case[] {
  const all = Array.from({ length: 2 ** names.length }, (_, bits) => names.map((_name, at) => (bits >> at) & 1));
  const packed = run(
    program,
    all.map((facts) => Uint8Array.from(facts)),
  );
  return all.map((facts, at) => ({
    facts: Object.fromEntries(names.map((name, fact) => [name, facts[fact] === 1])),
    verdict: text(packed[at] ?? -1),
  }));
}

function finder(cases: readonly Case[]): (...true_: string[]) => string {
  return (...held) => {
    const found = cases.find(({ facts }) => Object.entries(facts).every(([name, value]) => value === held.includes(name)));
    return found?.verdict ?? 'no such case';
  };
}

const root = process.getuid?.() === 0;

t.test('outbound', { skip: root ? false : 'needs root' }, async (t) => {
  const cases = decideAll('outbound', OUTBOUND_FACTS);
  const decide = finder(cases);
  const served = ['tcp', 'agent_known', 'enrolled', 'alive', 'listening'];
  const but = (name: string): string[] => served.filter((fact) => fact !== name);
  t.equal(decide(...served), 'capture outbound_captured');
  t.equal(decide(...but('tcp')), 'pass');
  t.equal(decide(...but('agent_known')), 'pass');
  t.equal(decide(...but('enrolled')), 'pass');
  t.equal(decide(...but('alive')), 'pass outbound_passed', 'stuck');
  t.equal(decide(...but('listening')), 'pass outbound_passed', 'dead, or another listens there');
  t.equal(decide(...but('alive'), 'fail_closed'), 'refuse outbound_refused');
  t.equal(decide(...but('listening'), 'fail_closed'), 'refuse outbound_refused');
  t.equal(decide(...served, 'agents_own'), 'through');
  t.equal(decide(...served, 'prober'), 'through');
  t.equal(decide(...served, 'agents_onward'), 'pass', 'the callee’s side captures it');
  t.equal(decide(...but('alive'), 'agents_own', 'fail_closed'), 'through', 'a connection that is being served may still be opened');
  t.equal(decide(...served, 'to_self'), 'pass outbound_to_self');
  t.equal(decide(...served, 'to_self', 'to_agent_port'), 'refuse outbound_loop_refused');
  t.equal(decide(...but('listening'), 'to_self', 'to_agent_port'), 'pass outbound_to_self', "the application's own listener");
  t.equal(decide(...served, 'scoped'), 'pass outbound_scoped');
  t.equal(decide(...served, 'scoped', 'fail_closed'), 'refuse outbound_refused');
  t.equal(decide(...served, 'clashing'), 'pass outbound_clashing');
  t.equal(decide(...served, 'clashing', 'fail_closed'), 'refuse outbound_refused');
  t.equal(decide(...but('alive'), 'clashing'), 'pass outbound_passed');
  t.equal(decide(...served, 'to_agent_port'), 'capture outbound_captured', 'at another host it is a port like others');

  for (const { facts, verdict } of cases) {
    const loop = facts.to_self && facts.to_agent_port && facts.listening;
    if (verdict.startsWith('refuse') && !(facts.enrolled && facts.tcp && (facts.fail_closed || loop)))
      t.fail('refused without need', facts);
    if (verdict.startsWith('capture') && !served.every((name) => facts[name])) t.fail('captured without an agent', facts);
    if (facts.fail_closed && ['pass outbound_passed', 'pass outbound_clashing'].includes(verdict)) t.fail('went past the agent', facts);
  }
});

t.test('inbound', { skip: root ? false : 'needs root' }, async (t) => {
  const cases = decideAll('inbound', INBOUND_FACTS);
  const decide = finder(cases);
  const served = ['tcp', 'enrolled', 'alive', 'listening'];
  const but = (name: string): string[] => served.filter((fact) => fact !== name);
  t.equal(decide(...served), 'capture inbound_captured');
  t.equal(decide(...but('tcp')), 'pass');
  t.equal(decide(...but('enrolled')), 'pass');
  t.equal(decide(...but('alive')), 'pass inbound_passed', 'stuck');
  t.equal(decide(...but('listening')), 'pass inbound_passed', 'dead, or not listening for this family');
  t.equal(decide(...but('alive'), 'fail_closed'), 'refuse inbound_refused');
  t.equal(decide(...but('listening'), 'fail_closed'), 'refuse inbound_refused');
  t.equal(decide(...served, 'through'), 'pass inbound_through');
  t.equal(decide(...served, 'from_self'), 'pass');
  t.equal(decide(...served, 'to_loopback', 'to_agent_port'), 'pass', 'captured outbound connections come so');
  t.equal(decide(...served, 'to_agent_port'), 'refuse inbound_loop_refused');
  t.equal(decide(...served, 'to_agent_port', 'through'), 'refuse inbound_loop_refused', "the agent's second leg to the agent");

  for (const { facts, verdict } of cases) {
    const loop = facts.alive && facts.to_agent_port;
    if (verdict.startsWith('refuse') && !(facts.enrolled && facts.tcp && (facts.fail_closed || loop)))
      t.fail('refused without need', facts);
    if (verdict.startsWith('capture') && !served.every((name) => facts[name])) t.fail('captured without an agent', facts);
    if (facts.fail_closed && verdict === 'pass inbound_passed') t.fail('went past the agent', facts);
  }
});

t.test('local name', { skip: root ? false : 'needs root' }, async (t) => {
  const combinations = Array.from({ length: 2 ** LOCAL_NAME_FACTS.length }, (_, bits) =>
    LOCAL_NAME_FACTS.filter((_name, at) => (bits >> at) & 1),
  );
  const answers = run(
    'local_name',
    combinations.map((held) => Uint8Array.from(LOCAL_NAME_FACTS, (name) => Number(held.includes(name)))),
  );
  t.strictSame(
    combinations.filter((_held, at) => answers[at] !== 0),
    [['captured', 'known', 'at_loopback']],
    "the pod's address in this case alone",
  );
});

t.test('addresses', { skip: root ? false : 'needs root' }, async (t) => {
  const KINDS = ['v4', 'loopback', 'unspecified', 'same', 'link-local'];
  const rows = [
    ['127.0.0.1', '127.0.0.1', ['v4', 'loopback', 'same']],
    ['127.255.0.9', '127.0.0.1', ['v4', 'loopback']],
    ['128.0.0.1', '127.0.0.1', ['v4']],
    ['0.0.0.0', '0.0.0.1', ['v4', 'unspecified']],
    ['::', '::1', ['unspecified']],
    ['::1', '::1', ['loopback', 'same']],
    ['::127.0.0.1', '127.0.0.1', []],
    ['fd00::1', '::1', []],
    ['::2', '1::2', []],
    ['1::', '::', []],
    ['fe80::1', 'fe80::2', ['link-local']],
    ['febf::1', '::1', ['link-local']],
    ['fec0::1', '::1', []],
    ['169.254.169.254', '::1', ['v4']],
    ['0:0:1::', '::', []],
    ['::ffff:10.0.0.1', '10.0.0.1', ['v4', 'same']],
  ] as const;
  const packed = run(
    'addresses',
    rows.map(([a, b]) => Buffer.concat([addressBytes(a), addressBytes(b)])),
  );
  for (const [at, [a, b, expected]] of rows.entries()) {
    const kinds = KINDS.filter((_kind, bit) => ((packed[at] ?? 0) >> bit) & 1);
    t.strictSame(kinds, expected, `${a}, compared with ${b}`);
  }
});
