import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parseAllDocuments } from 'yaml';
import { parseConfigOptions } from '../../bench/config/options.ts';
import type { ConfigRun } from '../../bench/config/run.ts';
import { configTable, configTargets, earlyEnds } from '../../bench/config/table.ts';
import { judgeRun } from '../../bench/config/targets.ts';
import { type ManifestFile, World, portOf, rarePorts } from '../../bench/config/world.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const CLIENTS = Array.from({ length: 20 }, (_, index) => ({ netns: `nwb-${index}`, address: `10.78.0.${index + 1}` }));

interface Doc {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly endpoints?: readonly { readonly addresses: readonly string[] }[];
}

function documents({ text }: ManifestFile): Doc[] {
  return parseAllDocuments(text).map((document) => document.toJS() as Doc);
}

t.test('each Service has a rule and two endpoints, in files of the size that was asked for', async (t) => {
  const files = [...new World(100, 30, CLIENTS).files()];
  const all = files.flatMap(documents);
  const count = (kind: string): number => all.filter((document) => document.kind === kind).length;
  t.same([count('Service'), count('VirtualService'), count('EndpointSlice'), count('Namespace')], [100, 100, 100, 20]);
  t.ok(all.filter(({ endpoints }) => endpoints !== undefined).every(({ endpoints }) => endpoints?.length === 2));
  t.same(
    files.filter(({ name }) => name.startsWith('rules-')).map((file) => documents(file).length),
    [30, 30, 30, 10],
  );
  t.equal(new Set(all.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).size > 400, true);
});

t.test('the manifests are correct', async (t) => {
  const world = new World(40, 20, CLIENTS);
  const directory = join(t.testdir(), 'manifests');
  mkdirSync(directory);
  const files = [...world.files(), world.changeRule(7, 'next', 'x-new'), world.moveEndpoints(5), world.bulk(20_000, 'last').file];
  for (const { name, text } of files) writeFileSync(join(directory, name), text);
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'validate', directory], { encoding: 'utf8' });
  t.equal(status, 0, `${stdout}${stderr}`);
});

t.test('a change touches one object, and a second move leads back', async (t) => {
  const world = new World(100, 30, CLIENTS);
  const before = [...world.files()];
  const differing = (file: ManifestFile): string[] => {
    const old = documents(before.find(({ name }) => name === file.name)!);
    return documents(file).flatMap((document, index) =>
      JSON.stringify(document) === JSON.stringify(old[index]) ? [] : [document.metadata.name],
    );
  };
  t.same(differing(world.changeRule(42, 'next', null)), ['svc-00042']);
  const addresses = world.addresses(42);
  t.same(differing(world.moveEndpoints(42)), ['svc-00042-1']);
  t.equal(
    world.addresses(42).some((address) => addresses.includes(address)),
    false,
    'both are others',
  );
  t.same(differing(world.moveEndpoints(42)), []);
});

t.test('rare ports have eight Services each, the others are at port 80', async (t) => {
  const rare = rarePorts(1000);
  for (const { port, first } of rare) t.equal(portOf(first), port);
  const numbers = Array.from({ length: 1000 }, (_, number) => portOf(number)).filter((port) => port !== 80);
  t.equal(numbers.length, 8 * rare.length);
  t.same(
    [...new Set(numbers)],
    rare.map(({ port }) => port),
  );
});

function finished(values: Partial<ConfigRun>): ConfigRun {
  const quiet = { p99Ms: 1, failed: 0, longestProbeMs: 1.5, ownLatenessMs: 0.1 };
  const changes = { made: 200, wanted: 200, p50Ms: 10, p99Ms: 20, longestMs: 30, controlCpuMs: 1, waitedForCoreMs: 5 };
  const first = { samples: 20, medianExcessMs: 0.2, longestExcessMs: 0.9, failed: 0 };
  return {
    build: 'nodeway',
    services: 20_000,
    workers: 2,
    documentsPerFile: 200,
    manifestMb: 30,
    readyMs: 9000,
    residentMbReady: 300,
    residentMbAfter: 390,
    firstRequests: { port80: first, rare: first },
    quiet,
    rules: changes,
    duringRules: quiet,
    endpoints: changes,
    duringEndpoints: quiet,
    bulk: { megabytes: 10, readMs: 1900, inForceMs: 4000, otherChangeMs: 50, traffic: quiet },
    pausesMs: { start: null, quiet: null, rules: null, endpoints: null, bulk: null },
    worksMs: { start: null, quiet: null, rules: 0.9, endpoints: 0.8, bulk: null },
    workerRestarts: 0,
    lostConnections: 0,
    ended: null,
    complaints: [],
    ...values,
  };
}

t.test('a run that is fast enough meets all targets, one that ended early is not judged on what it never did', async (t) => {
  t.same(
    judgeRun(finished({})).map(({ met }) => met),
    Array(8).fill(true),
  );
  t.match(
    judgeRun(finished({ pausesMs: { start: 9, quiet: 1, rules: 2.5, endpoints: 1, bulk: 9 } })).find(({ target }) =>
      target.startsWith('pause'),
    ),
    { measured: 2.5, met: false },
  );
  const dead = finished({
    readyMs: 11_000,
    firstRequests: null,
    rules: null,
    duringRules: null,
    endpoints: null,
    bulk: null,
    worksMs: { start: 0.9, quiet: null, rules: null, endpoints: null, bulk: null },
    residentMbAfter: null,
    ended: 'no answer',
  });
  t.same(
    judgeRun(dead).map(({ met }) => met),
    [false, null, null, null, null, true, null, null],
  );
  t.match(configTargets([finished({ readyMs: null, ended: 'not ready' })]), 'never MISSED');
  t.match(configTable([finished({}), dead]), 'yes, see below');
  t.match(configTargets([finished({}), dead]), 'not measured');
  t.match(earlyEnds([finished({}), dead]), [/no answer/]);
});

t.test('options of the suite', async (t) => {
  t.equal(parseConfigOptions(['--suite', 'config', '--help']), null);
  t.match(parseConfigOptions(['--sizes', 'many']), '--sizes many');
  t.match(parseConfigOptions(['--workers', '0']), '--workers 0');
  t.match(parseConfigOptions(['--sizes', '100000']), '--sizes 100000');
  t.match(parseConfigOptions(['--no-such-option']), '--no-such-option');
  t.match(parseConfigOptions(['--build', t.testdir()]), 'no build there');
});
