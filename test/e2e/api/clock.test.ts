/** The wall clock of the agent's process jumps, as after a correction or a suspended machine; time that passes goes on as it is. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { freePorts } from '../../base/free-ports.ts';
import { AGENT_NAMESPACE, agentRights, customResources } from '../agent-rights.ts';
import { ApiServer } from '../api-server.ts';
import { type KubeObject, RULES } from '../kube-api.ts';
import { LocalAgent } from '../local-agent.ts';
import { Relay } from '../relay.ts';

const NAMESPACE = 'clock';
const HOUR_S = 3600;
/** Hours: the certificates of the API server are good for a day before now, and thirty after it. */
const JUMPS = [20 * 24, -20, 0];

const api = await ApiServer.start();
t.teardown(() => api.close());
const { kube } = api;
const relay = await Relay.open(kube.server);
t.teardown(() => relay.close());

/** Seconds by which the agent's clock is off. A time namespace has no wall clock of its own, and the machine's belongs to everybody. */
const offset = openSync(join(api.directory, 'clock-offset'), 'w+');
const library = join(api.directory, 'clock-offset.so');
execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, 'test/e2e/workloads/clock-offset.c']);
const env = { LD_PRELOAD: library, CLOCK_OFFSET_FILE: join(api.directory, 'clock-offset') };

/** In place: the agent has the file mapped. */
function turnClock(seconds: number): void {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(seconds));
  writeSync(offset, bytes, 0, bytes.length, 0);
}
turnClock(0);

/** Answers that wait for the test's word. */
const held: (() => void)[] = [];
const upstream = createServer((request, response) => {
  if (request.url?.endsWith('?fails') === true) response.statusCode = 500;
  const answer = (): void => void response.end(request.headers['x-edit']);
  if (request.url?.includes('?held') === true) held.push(answer);
  else answer();
}).listen(0, '127.0.0.1');
await once(upstream, 'listening');
t.teardown(() => upstream.close());
const [port = 0] = await freePorts(1);

const object = (kind: string, name: string, spec: object): KubeObject => ({
  ...{ apiVersion: 'networking.istio.io/v1', kind, metadata: { name, namespace: NAMESPACE }, spec },
});
const host = 'upstream.test';
/** Of an endpoint that has failed once, seconds. */
const EJECTED_S = 3;
const fragile = 'fragile.test';
const entry = object('ServiceEntry', 'upstream', {
  ...{ hosts: [host, fragile], location: 'MESH_EXTERNAL', resolution: 'STATIC', ports: [{ number: 80, name: 'http', protocol: 'HTTP' }] },
  endpoints: [{ address: '127.0.0.1', ports: { http: (upstream.address() as AddressInfo).port } }],
});
const ejection = { consecutive5xxErrors: 1, interval: '1s', baseEjectionTime: `${EJECTED_S}s`, maxEjectionPercent: 100 };
const outliers = object('DestinationRule', 'fragile', { host: fragile, trafficPolicy: { outlierDetection: ejection } });
const accessLog: KubeObject = {
  ...{ apiVersion: 'telemetry.istio.io/v1', kind: 'Telemetry', metadata: { name: 'mesh', namespace: 'istio-system' } },
  spec: { accessLogging: [{ providers: [{ name: 'envoy' }] }] },
};
const servers = [{ port: { number: port, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }];
const gateway = object('Gateway', 'web', { selector: { istio: 'ingressgateway' }, servers });
const rule = (edit: string): KubeObject =>
  object('VirtualService', 'web', {
    ...{ hosts: ['*'], gateways: ['web'] },
    http: [
      {
        match: [{ uri: { prefix: '/app' } }],
        headers: { request: { set: { 'x-edit': edit } } },
        ...{ timeout: '300s', route: [{ destination: { host } }] },
      },
      { match: [{ uri: { prefix: '/fragile' } }], route: [{ destination: { host: fragile } }] },
    ],
  });

const visit = async (path: string): Promise<{ status: number; date: string; text: string }> => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: response.status, date: response.headers.get('date') ?? '', text: await response.text() };
};

const namespaces = [NAMESPACE, 'istio-system'].map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
await kube.apply(...customResources(), ...agentRights(), ...namespaces);
await kube.serves(...RULES, ...['gateways', 'serviceentries'].map((plural) => `/apis/networking.istio.io/v1/${plural}`));
await kube.serves('/apis/telemetry.istio.io/v1/telemetries');
await kube.apply(entry, gateway, outliers, accessLog, rule('first'));
const kubeconfig = await api.agentKubeconfig(relay.url);
const agent = await LocalAgent.start({ nodeName: 'n1', kubeconfig, directory: api.directory, env });
t.teardown(() => agent.stop());

interface Lease {
  readonly spec: { readonly holderIdentity: string; readonly leaseTransitions?: number };
}
const lease = async (): Promise<Lease['spec'] | null> => {
  const { status, body } = await kube.request('GET', `/apis/coordination.k8s.io/v1/namespaces/${AGENT_NAMESPACE}/leases/nodeway-status`);
  return status === 200 ? (body as Lease).spec : null;
};

/** The line of the access log of a request: when it began by the agent's clock, and how long it took, in milliseconds. */
async function lineOf(path: string): Promise<{ readonly began: number; readonly took: number }> {
  const line = (): string | undefined =>
    readFileSync(agent.daemon.logFile, 'utf8')
      .split('\n')
      .find((text) => text.includes(`"GET ${path} `));
  await agent.until(`${path} is in the access log`, async () => line() !== undefined);
  const [, began = '', took = ''] = /^\[(\S+)\] "[^"]*" 200 \S+ \S+ \S+ "[^"]*" \d+ \d+ (\d+) /.exec(line() ?? '') ?? [];
  return { began: Date.parse(began), took: Number(took) };
}

const isNear = (time: number, hours: number): boolean => Math.abs(time - Date.now() - hours * HOUR_S * 1000) < HOUR_S * 500;

t.test('requests, watches and the lease go on when the clock jumps', async (t) => {
  const serves = async (edit: string): Promise<void> =>
    agent.until(`${edit} is in effect`, async () => (await visit('/app').catch(() => null))?.text === edit);
  await serves('first');
  await agent.until('the agent leads', async () => ((await lease())?.holderIdentity ?? '') !== '');
  const led = await lease();
  const failures: string[] = [];
  let sent = 0;
  let isOver = false;
  const traffic = (async () => {
    for (; !isOver; sent++) {
      const { status, text } = await visit('/app').catch((error: Error) => ({ status: 0, text: error.message }));
      if (status !== 200) failures.push(`${status} ${text}`);
      await delay(5);
    }
  })();
  t.teardown(() => void (isOver = true));
  for (const hours of JUMPS) {
    const across = visit(`/app?held-${hours}`);
    await agent.until('a request is under way', async () => held.length === 1);
    const failedAt = performance.now();
    t.equal((await visit('/fragile?fails')).status, 500);
    turnClock(hours * HOUR_S);
    const jump = `${hours} hours`;
    // An answer of the agent's own has its date.
    const ahead = async (): Promise<number> => (Date.parse((await visit('/elsewhere')).date) - Date.now()) / 1000;
    await agent.until(`the agent's clock is off by ${jump}`, async () => Math.abs((await ahead()) - hours * HOUR_S) < HOUR_S / 2);
    await agent.until('the endpoint that failed is back', async () => (await visit('/fragile')).status === 200);
    t.ok(performance.now() - failedAt >= EJECTED_S * 1000, 'it was away for as long as the rule says');
    held.pop()?.();
    t.equal((await across).status, 200, 'no time-out has struck');
    const { began, took } = await lineOf(`/app?held-${hours}`);
    t.ok(isNear(began, hours), 'the time of a line is by the clock when it is written');
    t.ok(took >= EJECTED_S * 1000 && took < (HOUR_S / 2) * 1000, `and took ${took} ms`);
    t.equal((await visit(`/app?after-${hours}`)).status, 200);
    t.ok(isNear((await lineOf(`/app?after-${hours}`)).began, hours), 'the next one has the time of now');
    await kube.apply(rule(`over an open watch, ${jump}`));
    await serves(`over an open watch, ${jump}`);
    relay.cut();
    relay.restore();
    await kube.apply(rule(`over a new one, ${jump}`));
    await serves(`over a new one, ${jump}`);
    t.ok((await agent.status()).ready, `ready at ${jump}`);
  }
  isOver = true;
  await traffic;
  t.strictSame(failures, [], `no request of ${sent} failed`);
  const { holderIdentity, leaseTransitions } = (await lease()) ?? {};
  t.strictSame({ holderIdentity, leaseTransitions }, { holderIdentity: led?.holderIdentity, leaseTransitions: led?.leaseTransitions });
  await agent.until('nothing is left to tell of', async () => (await agent.status()).problems.length === 0);
});
