/** The attacks on HTTP/2 over real sockets, between pods, on one worker, and what they cost the agent in memory and descriptors. Needs root. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { CLIENT_ATTACKS } from '../../l7/http2/client-attacks.ts';
import { SERVER_ATTACKS } from '../../l7/http2/server-attacks.ts';
import { needsRoot, type Pod, PodNetwork, until } from '../pod-network.ts';
import { AgentProcess, istioObject, podObject, serviceObject } from './agent-process.ts';
import type { AttackResult } from './http2-attacks-process.ts';

const SCRIPT = fileURLToPath(new URL('http2-attacks-process.ts', import.meta.url));
const APP = '10.96.0.10';
const PORT = 8080;
const HOSTILE_PORT = 8081;
/** More than all attacks together keep at a time, and less than any one would that had no bound. */
const MOST_MEGABYTES = 100;

/** Of connections that are kept, and the last attacks' that still linger. */
const MOST_DESCRIPTORS = 15;

const BY_CLIENTS = CLIENT_ATTACKS.filter(({ atStandstill }) => atStandstill !== true);

t.test('attacks on HTTP/2', { skip: needsRoot }, async (t) => {
  const network = await PodNetwork.create('h2attacks');
  const agent = await AgentProcess.create(network, ['--workers', '1']);
  t.teardown(async () => {
    if (!t.passing()) t.comment(agent.log);
    await agent.close();
    await network.close();
  });
  const [client, app] = ['client', 'app'].map((name) => network.addPod(name)) as [Pod, Pod];
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', SCRIPT];
  await app.serve([...command, 'serve', String(PORT), String(HOSTILE_PORT)]);
  // The name that the attackers ask for.
  const service = serviceObject('shop', APP, { http: PORT, grpc: HOSTILE_PORT });
  await agent.apply('pods.json', podObject(client, 'client'), podObject(app, 'shop'), service);
  // Heads of two kilobytes that no server has to make.
  const redirect = { match: [{ uri: { exact: '/head' } }], redirect: { uri: `/${'x'.repeat(2000)}` } };
  const rest = { route: [{ destination: { host: 'shop' } }] };
  await agent.apply('routes.json', istioObject('VirtualService', 'shop', { hosts: ['shop'], http: [redirect, rest] }));
  await agent.start();
  const descriptors = (): number => readdirSync(`/proc/${agent.pid}/fd`).length;
  const megabytes = (): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${agent.pid}/status`, 'utf8'))?.[1]) / 1024;
  const counts = async (attacks: readonly { readonly reason: string }[]): Promise<Record<string, number>> => {
    const reasons = [...new Set(attacks.map(({ reason }) => reason))];
    const values = reasons.map(async (reason) => [reason, await agent.metric('nodeway_refused_connections_total', { reason })] as const);
    return Object.fromEntries(await Promise.all(values));
  };
  const run = async (mode: string, port: number): Promise<AttackResult[]> => {
    const { stdout, stderr } = await client.run([...command, mode, APP, String(port)]);
    t.equal(stderr, '');
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as AttackResult);
  };
  const counted = (attacks: readonly { readonly reason: string }[], before: Record<string, number>): Record<string, number> => {
    const sums = { ...before };
    for (const { reason } of attacks) sums[reason] = (sums[reason] ?? 0) + 1;
    return sums;
  };

  await t.test('by clients', async (t) => {
    const before = [megabytes(), await counts(BY_CLIENTS), descriptors()] as const;
    const results = await run('clients', PORT);
    for (const [index, { name, code }] of BY_CLIENTS.entries()) t.same(results[index], { name, code, closed: true, honest: 200 }, name);
    t.same(await counts(BY_CLIENTS), counted(BY_CLIENTS, before[1]), 'each is counted by its reason');
    t.ok(megabytes() - before[0] < MOST_MEGABYTES, `from ${before[0]} to ${megabytes()} MiB`);
    await until(() => descriptors() - before[2] < MOST_DESCRIPTORS, `at most ${MOST_DESCRIPTORS} descriptors more than ${before[2]}`);
  });

  await t.test('by servers', async (t) => {
    const before = [megabytes(), await counts(SERVER_ATTACKS), descriptors()] as const;
    const results = await run('victim', HOSTILE_PORT);
    for (const [index, { name, code }] of SERVER_ATTACKS.entries()) {
      t.match(results[index], { name, code, closed: true, honest: 200 }, name);
      t.match(results[index]?.victim, /^(200|502|503|ERR_HTTP2_STREAM_ERROR)$/, `${name}: what its client gets`);
    }
    t.same(await counts(SERVER_ATTACKS), counted(SERVER_ATTACKS, before[1]), 'each is counted by its reason');
    t.ok(megabytes() - before[0] < MOST_MEGABYTES, `from ${before[0]} to ${megabytes()} MiB`);
    await until(() => descriptors() - before[2] < MOST_DESCRIPTORS, `at most ${MOST_DESCRIPTORS} descriptors more than ${before[2]}`);
  });
});
