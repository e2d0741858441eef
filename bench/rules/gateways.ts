/**
 * A whole proxy with one host of thousands of prefix routes, each with an answer of its own: how long it takes to start, what memory it
 * has then, what the first and the last route cost a request, and how long a change of one file takes until it is answered by. The agent
 * and Envoy get the same rules, the agent as a VirtualService of a Gateway, Envoy as a route table that it watches.
 */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { memory, usage } from '../accounting.ts';
import { ownBuild } from '../build.ts';
import { freePort, PROXY_CORE, ProcessGroup } from '../process.ts';

export interface GatewayCost {
  readonly proxy: string;
  readonly routes: number;
  readonly startMs: number;
  readonly residentMb: number;
  /** CPU time of the process a request. */
  readonly firstUs: number;
  readonly lastUs: number;
  readonly changeMs: number;
}

interface Subject {
  readonly name: string;
  readonly command: readonly string[];
  /** Puts the rules into effect, whose last route answers with `mark`. */
  write(mark: string): void;
}

interface Place {
  readonly directory: string;
  readonly port: number;
  readonly routes: number;
}

const REQUESTS = 4000;
const ROUNDS = 5;
const CONNECTIONS = 8;
const CHANGES = 7;
const POLL_MS = 2;
const LIMIT_MS = 60_000;
/** With a dot: a short name would be completed by a namespace. */
const HOST = 'web.example';
const path = (index: number): string => `/p${index}/`;
const prefixes = (routes: number): string[] => Array.from({ length: routes }, (_, index) => path(index));

/** Without Envoy where ENVOY names no program. */
export async function measureGateways(routes: number): Promise<GatewayCost[]> {
  const costs = [await measured(routes, nodeway)];
  const envoyProgram = process.env['ENVOY'] ?? '';
  if (existsSync(envoyProgram)) costs.push(await measured(routes, (place) => envoy(place, envoyProgram)));
  return costs;
}

async function measured(routes: number, make: (place: Place) => Promise<Subject>): Promise<GatewayCost> {
  const directory = mkdtempSync(join(tmpdir(), 'nwb-rules-'));
  const group = new ProcessGroup(false);
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  try {
    const port = await freePort();
    const subject = await make({ directory, port, routes });
    const last = path(routes - 1);
    subject.write('begin');
    const began = performance.now();
    const { pid } = group.launch(subject.command, { core: PROXY_CORE, logFile: join(directory, 'log') });
    await answered(port, last, 'begin', agent);
    const startMs = performance.now() - began;
    const residentMb = memory(pid).residentMb;
    const [firstUs, lastUs] = await costOf(pid, port, [path(0), last], agent);
    const changes: number[] = [];
    for (let change = 0; change < CHANGES; change++) {
      subject.write(`change ${change}`);
      const written = performance.now();
      await answered(port, last, `change ${change}`, agent);
      changes.push(performance.now() - written);
    }
    return { proxy: subject.name, routes, startMs, residentMb, firstUs, lastUs, changeMs: median(changes) };
  } finally {
    agent.destroy();
    await group.stopAll();
    rmSync(directory, { recursive: true, force: true });
  }
}

// ── what is measured ─────────────────────────────────────────────────────────────────────────────────────────────────

async function nodeway({ directory, port, routes }: Place): Promise<Subject> {
  const manifests = join(directory, 'manifests');
  mkdirSync(manifests);
  const metrics = await freePort();
  const gateway = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: ${port}, name: http, protocol: HTTP}, hosts: [${HOST}]}]}
`;
  writeFileSync(join(manifests, 'gateway.yaml'), gateway);
  const addresses = ['--gateway-address', '127.0.0.1', '--admin-address', 'none', '--metrics-address', `127.0.0.1:${metrics}`];
  const flags = ['agent', '--manifests', manifests, '--no-capture', '--workers', '1', '--log-level', 'warn', ...addresses];
  const write = (mark: string): void => {
    const rules = prefixes(routes).map(
      (prefix, index) =>
        `  - match: [{uri: {prefix: ${prefix}}}]\n    directResponse: {status: 200, body: {string: "${bodyOf(index, routes, mark)}"}}\n`,
    );
    const head = 'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: web, namespace: shop}\n';
    rename(directory, join(manifests, 'rules.yaml'), `${head}spec:\n  hosts: [${HOST}]\n  gateways: [gw]\n  http:\n${rules.join('')}`);
  };
  return { name: 'nodeway', command: [...ownBuild().command, ...flags], write };
}

const TYPE = 'type.googleapis.com/envoy';

async function envoy({ directory, port, routes }: Place, program: string): Promise<Subject> {
  const watched = join(directory, 'routes');
  mkdirSync(watched);
  const table = join(watched, 'routes.json');
  const source = { path_config_source: { path: table, watched_directory: { path: watched } }, resource_api_version: 'V3' };
  const manager = {
    '@type': `${TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'entry',
    rds: { route_config_name: 'rules', config_source: source },
    http_filters: [{ name: 'router', typed_config: { '@type': `${TYPE}.extensions.filters.http.router.v3.Router` } }],
  };
  const listener = {
    name: 'entry',
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    filter_chains: [{ filters: [{ name: 'manager', typed_config: manager }] }],
  };
  const file = join(directory, 'envoy.json');
  writeFileSync(file, JSON.stringify({ node: { id: 'bench', cluster: 'bench' }, static_resources: { listeners: [listener] } }));
  let version = 0;
  const write = (mark: string): void => {
    const all = prefixes(routes).map((prefix, index) => ({
      match: { prefix },
      direct_response: { status: 200, body: { inline_string: bodyOf(index, routes, mark) } },
    }));
    const resource = {
      '@type': `${TYPE}.config.route.v3.RouteConfiguration`,
      name: 'rules',
      virtual_hosts: [{ name: 'web', domains: [HOST], routes: all }],
    };
    rename(directory, table, JSON.stringify({ version_info: String(++version), resources: [resource] }));
  };
  const flags = ['--concurrency', '1', '--disable-hot-restart', '--log-level', 'error', '--config-path', file];
  return { name: 'envoy', command: [program, ...flags], write };
}

const bodyOf = (index: number, routes: number, mark: string): string => (index === routes - 1 ? mark : 'fine');

function rename(directory: string, place: string, text: string): void {
  const part = join(directory, 'part');
  writeFileSync(part, text);
  renameSync(part, place);
}

// ── how ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Null: nobody answers yet. */
function ask(port: number, target: string, agent: Agent): Promise<string | null> {
  return new Promise((done) => {
    const sent = get({ host: '127.0.0.1', port, path: target, agent, headers: { host: HOST } }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => done(body)).on('error', () => done(null));
    });
    sent.on('error', () => done(null));
  });
}

async function answered(port: number, target: string, body: string, agent: Agent): Promise<void> {
  for (const limit = performance.now() + LIMIT_MS; performance.now() < limit; await sleep(POLL_MS)) {
    if ((await ask(port, target, agent)) === body) return;
  }
  throw new Error(`nobody answered ${target} with “${body}”`);
}

/** Medians of CPU time a request of each path, in turn. */
async function costOf(pid: number, port: number, paths: readonly [string, string], agent: Agent): Promise<[number, number]> {
  const rounds: [number[], number[]] = [[], []];
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [index, target] of paths.entries()) {
      const before = usage(pid).runUs;
      const each = async (): Promise<void> => {
        for (let request = 0; request < REQUESTS / CONNECTIONS; request++) await ask(port, target, agent);
      };
      await Promise.all(Array.from({ length: CONNECTIONS }, each));
      // The first round warms up.
      if (round > 0) rounds[index]?.push((usage(pid).runUs - before) / REQUESTS);
    }
  }
  return [median(rounds[0]), median(rounds[1])];
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}
