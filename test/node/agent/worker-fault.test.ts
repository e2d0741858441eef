/** A worker of the agent that throws is replaced, and nobody is refused meanwhile; its successor has what it had not touched. Needs root. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { monotonicNow, startNginx } from '../capture/programs.ts';
import { needsRoot, type Pod, PodNetwork, until } from '../pod-network.ts';
import { AgentProcess, podObject } from './agent-process.ts';
import { faultOnRequest } from './fault-on-request.ts';
import { Hesitant, Requester } from './load.ts';

const FAULTS = 3;
const SILENT = 12;

t.test('workers that throw under load', { skip: needsRoot }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'nwt-fault-'));
  const { trigger, preload } = faultOnRequest(directory);
  const network = await PodNetwork.create('fault');
  const agent = await AgentProcess.create(network, ['--workers', '2'], ['--import', preload]);
  t.teardown(async () => {
    if (!t.passing()) t.comment(agent.log);
    await agent.close();
    await network.close();
    rmSync(directory, { recursive: true });
  });
  const [client, web, stranger] = ['client', 'web', 'stranger'].map((pod) => network.addPod(pod)) as [Pod, Pod, Pod];
  await startNginx(web, (task) => t.teardown(task));
  await agent.apply('pods.json', podObject(client, 'client'), podObject(web, 'web'));
  await agent.start();
  const load = [client, client, stranger, stranger].map((pod) => new Requester(pod, web.ipv4, 'web'));
  const some = async (): Promise<void> => {
    const since = monotonicNow();
    await until(() => load.every((requester) => requester.since(since).length >= 20), 'requests of each client');
  };
  await some();
  const hesitant = await Promise.all([client, stranger].map((pod) => Hesitant.connect(pod, web.ipv4, SILENT)));
  await some();
  for (let fault = 1; fault <= FAULTS; fault++) {
    writeFileSync(trigger, '');
    await until(async () => (await agent.status()).workerRestarts === fault, 'the worker is replaced');
    await until(async () => (await agent.status()).ready, 'the agent is whole again');
    await some();
  }
  for (const requester of load) await requester.stop();
  for (const client of hesitant)
    t.strictSame(
      await client.ask(),
      Array.from({ length: SILENT }, () => '200'),
      'connections that had sent nothing are served',
    );
  const failed = load.flatMap((requester) => requester.failedSince(0));
  t.same(
    failed.filter(({ error }) => error?.includes('Refused') === true),
    [],
    'no connection was refused',
  );
  // A worker takes with it what it was at: at most one request of each client each time.
  t.ok(failed.length <= FAULTS * load.length, `${failed.length} requests were cut off`);
  t.equal(await agent.metric('nodeway_worker_restarts_total'), FAULTS);
  t.match(agent.log, /broken on purpose/, 'the log tells the cause');
  t.equal(await agent.metric('nodeway_datapath_verdicts_total', { reason: 'outbound_passed' }), 0, 'all went through the agent');
});
