/** An agent in this process, with real workers, on a configuration given by hand: gateways, endpoints, readiness, draining. */
import { get } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import type { AgentStatus } from '../../src/agent/admin/status.ts';
import type { Origin, RawObject } from '../../src/agent/model/sink.ts';
import { Disposal } from '../../src/base/disposal.ts';
import { freePorts } from '../base/free-ports.ts';
import { startByHand } from './agent-by-hand.ts';

interface Answer {
  readonly status: number;
  readonly body: string;
}

function ask(port: number, path: string): Promise<Answer> {
  return new Promise((done, failed) => {
    get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => done({ status: response.statusCode ?? 0, body }));
    }).on('error', failed);
  });
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await condition().catch(() => false))) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await delay(10);
  }
}

/** A Gateway for this node with these ports. */
function gateway(ports: readonly number[]): RawObject {
  const servers = ports.map((number) => ({ port: { number, name: `p${number}`, protocol: 'HTTP' }, hosts: ['*'] }));
  const metadata = { name: 'gw', namespace: 'default' };
  const spec = { selector: { istio: 'ingressgateway' }, servers };
  return { apiVersion: 'networking.istio.io/v1', kind: 'Gateway', metadata, spec } as RawObject;
}

t.test('the life of an agent', async (t) => {
  const [metrics, admin, first, second] = (await freePorts(4)) as [number, number, number, number];
  const disposal = new Disposal();
  t.teardown(() => disposal.dispose());
  const { agent, sink } = await startByHand(disposal, { metrics, admin }, ['--workers', '1', '--drain-timeout', '3s']);
  const origin: Origin = { trusted: true, locate: () => null };
  const serve = (...ports: readonly number[]): void => sink.upsert(gateway(ports), origin);
  t.strictSame(await ask(metrics, '/healthz'), { status: 200, body: 'ok\n' });
  t.match(await ask(metrics, '/readyz'), { status: 503, body: /^\[-\] configured: the first complete configuration/ });

  sink.synced();
  await until('ready', async () => (await ask(metrics, '/readyz')).status === 200);
  await t.rejects(ask(first, '/'), { code: 'ECONNREFUSED' }, 'nothing listens before the first Gateway');

  serve(first);
  await until('the first gateway answers', async () => (await ask(first, '/')).status === 404);
  const status = JSON.parse((await ask(admin, '/status')).body) as AgentStatus;
  t.match(status, { ready: true, workers: [{ phase: 'running' }], gateways: [{ port: first, listening: true }] });
  t.match((await ask(metrics, '/metrics')).body, /^istio_requests_total\{.*response_code="404".*\} [1-9]/m);

  const kept = connect({ host: '127.0.0.1', port: first });
  await new Promise((done) => kept.once('connect', done));
  serve(second);
  await until('the second gateway answers', async () => (await ask(second, '/')).status === 404);
  await until('the first is gone', () =>
    ask(first, '/').then(
      () => false,
      () => true,
    ),
  );
  kept.destroy();

  const drained = agent.drain();
  t.equal((await ask(metrics, '/readyz')).status, 503, 'not ready while it drains');
  await drained;
  await t.rejects(ask(second, '/'), { code: 'ECONNREFUSED' });
  t.strictSame(await disposal.dispose(), []);
  await t.rejects(ask(metrics, '/healthz'), { code: 'ECONNREFUSED' });
});
