/** logrotate at work on the access log of a running agent, under load: with `create` no line is lost, with `copytruncate` none is torn. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { freePorts } from '../base/free-ports.ts';
import { until } from '../node/pod-network.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const LOGROTATE = '/usr/sbin/logrotate';
const ROTATIONS = 5;
const CLIENTS = 8;

const manifests = (gateway: number, log: string): string =>
  [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'istio', namespace: 'istio-system' },
      data: { mesh: JSON.stringify({ accessLogFile: log, accessLogEncoding: 'JSON' }) },
    },
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'Gateway',
      metadata: { name: 'entry', namespace: 'shop' },
      spec: {
        selector: { istio: 'ingressgateway' },
        servers: [{ port: { number: gateway, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
      },
    },
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'entry', namespace: 'shop' },
      spec: { hosts: ['*'], gateways: ['entry'], http: [{ directResponse: { status: 200 } }] },
    },
  ]
    .map((one) => JSON.stringify(one))
    .join('\n---\n');

interface Running {
  readonly pid: number;
  readonly gateway: number;
  readonly stop: () => Promise<void>;
}

async function startAgent(t: Test, directory: string): Promise<Running> {
  const [gateway, metrics] = (await freePorts(2)) as [number, number];
  writeFileSync(join(directory, 'manifests', 'mesh.yaml'), manifests(gateway, join(directory, 'access.log')));
  const places = ['--manifests', join(directory, 'manifests'), '--metrics-address', `127.0.0.1:${metrics}`, '--admin-address', 'none'];
  const flags = ['--no-capture', '--gateway-address', '127.0.0.1', '--workers', '2', '--log-level', 'warn', '--instance', 'rotation'];
  const agent = spawn(process.execPath, [MAIN, 'agent', ...places, ...flags], { stdio: 'inherit' });
  const stop = async (): Promise<void> => {
    if (agent.exitCode !== null || agent.signalCode !== null) return;
    agent.kill('SIGTERM');
    await once(agent, 'exit');
  };
  t.teardown(stop);
  await until(async () => (await fetch(`http://127.0.0.1:${metrics}/readyz`).catch(() => null))?.ok === true, 'the agent is ready');
  return { pid: agent.pid as number, gateway, stop };
}

/** Asks for numbered paths, without an end. @returns what ends it, and says how many were answered. */
function ask(port: number): () => Promise<number> {
  const connections = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const state = { over: false, next: 0 };
  const client = async (): Promise<void> => {
    while (!state.over) {
      const request = get({ host: '127.0.0.1', port, path: `/${state.next++}`, agent: connections });
      const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream];
      await buffer(response);
    }
  };
  const clients = Array.from({ length: CLIENTS }, client);
  return async () => {
    state.over = true;
    await Promise.all(clients);
    connections.destroy();
    return state.next;
  };
}

/** @returns the numbers of the lines in all files of the log, each of which is whole. */
function numbersIn(directory: string): number[] {
  const texts = readdirSync(directory)
    .filter((name) => name.startsWith('access.log'))
    .map((name) => readFileSync(join(directory, name), 'utf8'));
  const lines = texts.flatMap((text) => text.split('\n').slice(0, -1));
  return lines.map((line) => Number((JSON.parse(line) as { readonly path: string }).path.slice(1)));
}

async function rotate(
  t: Test,
  way: string,
): Promise<{ readonly asked: number; readonly numbers: readonly number[]; readonly directory: string }> {
  const directory = t.testdir({ manifests: {} });
  const log = join(directory, 'access.log');
  const { pid, gateway, stop } = await startAgent(t, directory);
  const settings = join(directory, 'settings');
  writeFileSync(settings, `${log} {\n  rotate ${ROTATIONS + 1}\n  ${way.replace('PID', String(pid))}\n}\n`, { mode: 0o644 });
  const finish = ask(gateway);
  for (let done = 1; done <= ROTATIONS; done++) {
    await until(() => existsSync(log) && readFileSync(log).length > 0, 'lines are written');
    execFileSync(LOGROTATE, ['--force', '--state', join(directory, 'state'), settings]);
    await until(() => existsSync(`${log}.${done}`), 'the log is rotated');
  }
  await until(() => existsSync(log) && readFileSync(log).length > 0, 'lines are written to the new file');
  const asked = await finish();
  await stop();
  return { asked, numbers: numbersIn(directory), directory };
}

t.test('with create and SIGHUP each request has its line in one of the files', async (t) => {
  const { asked, numbers } = await rotate(t, 'create\n  postrotate\n    kill -HUP PID\n  endscript');
  t.same(
    numbers.toSorted((a, b) => a - b),
    Array.from({ length: asked }, (_, number) => number),
  );
});

t.test('with copytruncate lines stay whole, and the file is written from its beginning', async (t) => {
  const { asked, numbers, directory } = await rotate(t, 'copytruncate');
  const last = readFileSync(join(directory, 'access.log'));
  t.equal(last[0], '{'.charCodeAt(0), 'there is no gap where the old lines were');
  t.equal(new Set(numbers).size, numbers.length, 'none is there twice');
  t.ok(numbers.includes(asked - 1), 'the last one is there');
});
