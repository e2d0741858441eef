/** The agent killed, stopped, started again and asked to stop while applications talk by a service's address. Needs root. */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { monotonicNow, startNginx } from '../capture/programs.ts';
import { needsRoot, type Pod, PodNetwork, PYTHON, until } from '../pod-network.ts';
import { AgentProcess, podObject, serviceObject } from './agent-process.ts';
import { Requester, translateService } from './load.ts';

const WEB = '10.96.0.10';
const REQUESTS = 40;

interface Stage {
  readonly agent: AgentProcess;
  readonly client: Pod;
  readonly web: Pod;
  readonly load: readonly Requester[];
}

/** An enrolled client and one that is not, both at a service with one enrolled pod. */
async function setUp(t: Test, name: string, flags: readonly string[] = []): Promise<Stage> {
  const network = await PodNetwork.create(name);
  const agent = await AgentProcess.create(network, ['--drain-timeout', '60s', ...flags]);
  t.teardown(async () => {
    if (!t.passing()) t.comment(agent.log);
    await agent.close();
    await network.close();
  });
  const [client, web, stranger] = ['client', 'web', 'stranger'].map((pod) => network.addPod(pod)) as [Pod, Pod, Pod];
  await startNginx(web, (task) => t.teardown(task));
  for (const pod of [client, stranger]) await translateService(pod, WEB, 80, web);
  await agent.apply('all.json', podObject(client, 'client'), podObject(web, 'web'), serviceObject('web', WEB, { http: 80 }));
  const load = [new Requester(client, WEB, 'web.shop'), new Requester(stranger, WEB, 'web.shop')];
  await agent.start();
  return { agent, client, web, load };
}

async function enough(load: readonly Requester[], since: number): Promise<void> {
  await until(() => load.every((requester) => requester.since(since).length >= REQUESTS), `${REQUESTS} requests of each client`);
}

const answered = (agent: AgentProcess, reporter: string): Promise<number> =>
  agent.metric('istio_requests_total', { reporter, response_code: '200' });

t.test('killed under load and started again', { skip: needsRoot }, async (t) => {
  const { agent, load } = await setUp(t, 'agentkill');
  const ready = monotonicNow();
  await enough(load, ready);
  t.same(
    load.flatMap((requester) => requester.failedSince(0)),
    [],
    'its first start fails no request',
  );
  t.ok((await answered(agent, 'source')) >= REQUESTS, 'captured on the way out');
  t.ok((await answered(agent, 'destination')) >= 2 * REQUESTS, 'captured on the way in');

  await agent.kill();
  const killed = monotonicNow();
  await enough(load, killed);
  await agent.start();
  const again = monotonicNow();
  await enough(load, again);
  for (const requester of load) await requester.stop();
  t.same(
    load.flatMap((requester) => requester.failedSince(killed)),
    [],
    'every request after the kill is answered at the first try',
  );
  t.ok((await answered(agent, 'source')) >= REQUESTS - 1, 'captured again');
});

t.test('stopped under load: after the heartbeat connections pass it', { skip: needsRoot }, async (t) => {
  const { agent, client, load } = await setUp(t, 'agentstop', ['--heartbeat-timeout', '1s']);
  await enough(load, monotonicNow());
  for (const requester of load) await requester.stop();
  const before = await answered(agent, 'source');
  agent.signal('SIGSTOP');
  // Longer than its heartbeat, and longer than it waits for a worker's.
  await delay(4000);
  const fresh = new Requester(client, WEB, 'web.shop');
  await enough([fresh], 0);
  t.same(fresh.failedSince(0), []);
  const continued = monotonicNow();
  agent.signal('SIGCONT');
  await until(async () => (await answered(agent, 'source')) > before + 10, 'it captures again');
  await fresh.stop();
  t.same(fresh.failedSince(0), []);
  // Besides those that were told, one was under way at either end, and one when the load before ended.
  t.ok((await answered(agent, 'source')) - before <= fresh.since(continued).length + 3, 'what passed it was not counted');
  t.equal((await agent.status()).workerRestarts, 0, 'that its workers stood still with it is not their fault');
});

t.test('asked to stop under load: no request fails, the slow one is finished, exit 0', { skip: needsRoot }, async (t) => {
  const { agent, client, web, load } = await setUp(t, 'agentterm');
  const slow = `import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self): print('asked', flush=True); sys.stdin.readline(); self.send_response(200); self.end_headers(); self.wfile.write(b'slow')
    def log_message(self, *_): pass
s = http.server.ThreadingHTTPServer(('', 8080), H); print('ready', flush=True); s.serve_forever()`;
  const server = await web.serve([PYTHON, '-c', slow], { stdio: ['pipe', 'pipe', 'inherit'] });
  await enough(load, monotonicNow());
  const before = await answered(agent, 'source');
  t.ok(before > 0);
  const asked = once(server.stdout!, 'data');
  const slowly = client.run(['curl', '-sS', '-m', '60', `http://${web.ipv4}:8080/`]);
  await asked;
  const stopped = agent.stop();
  await until(() => agent.log.includes('draining'), 'it drains');
  server.stdin?.write('answer\n');
  t.equal(await stopped, 0);
  t.match(await slowly, { code: 0, stdout: 'slow' });
  await enough(load, monotonicNow());
  for (const requester of load) await requester.stop();
  t.same(
    load.flatMap((requester) => requester.failedSince(0)),
    [],
  );
});
