/**
 * What a configuration costs one worker, without sockets: memory and time of 20 000 services, the longest step of a change of all of
 * them, of one and of a large ring, and the look-up of a host.
 *
 *     node --expose-gc bench/worker-configuration.ts [services]
 */
import { deserialize, serialize } from 'node:v8';
import { systemClock } from '../src/base/clock.ts';
import { parseRequestHead } from '../src/l7/http1/parser.ts';
import { DEFAULT_LIMITS, Head } from '../src/l7/message/head.ts';
import { HeaderNames } from '../src/l7/message/header-names.ts';
import { PackedRecords } from '../src/l7/packed/packed-records.ts';
import { packedDelta } from './packed-delta.ts';
import { type DeltaPart, partsOf } from '../src/l7/runtime/parts.ts';
import { Runtime } from '../src/l7/runtime/runtime.ts';
import type { EndpointConfig } from '../src/l7/config/cluster.ts';
import type { Identity } from '../src/l7/config/identity.ts';
import type { RouteConfig } from '../src/l7/config/route.ts';
import type { SnapshotDelta } from '../src/l7/snapshot.ts';
import type { Steps } from '../src/l7/upstream/pick.ts';

const SERVICES = Number(process.argv[2] ?? 20_000);
const clock = systemClock();
const collect = (globalThis as { gc?: () => void }).gc ?? (() => {});

function identity(name: string): Identity {
  return {
    workload: name,
    namespace: 'shop',
    pod: `${name}-7d9f8c6b5-x2x4z`,
    app: name,
    version: 'v1',
    canonicalService: name,
    canonicalRevision: 'v1',
    serviceAccount: name,
  };
}

function endpoints(i: number): EndpointConfig[] {
  return [0, 1].map((k) => ({
    address: `10.${i >> 14}.${(i >> 6) & 255}.${((i & 63) << 1) + k}`,
    port: 8080,
    weight: 1,
    identity: identity(`service-${i}`),
    local: null,
  }));
}

function route(i: number, version: number): RouteConfig {
  return {
    name: `service-${i}-${version}`,
    match: { path: { kind: 'prefix', value: '/' } },
    action: {
      kind: 'route',
      destinations: [{ cluster: `outbound|80||service-${i}.shop.svc.cluster.local`, weight: 1 }],
      mirrors: [],
      timeoutMs: version,
      retry: null,
    },
  };
}

function change(version: number, indices: readonly number[], whole: boolean): SnapshotDelta {
  const fqdn = (i: number): string => `service-${i}.shop.svc.cluster.local`;
  const id = (i: number): string => `outbound|80||${fqdn(i)}`;
  const records = {
    clusters: indices.map((i) => [
      id(i),
      {
        id: id(i),
        name: id(i),
        service: { host: fqdn(i), name: `service-${i}`, namespace: 'shop', port: 80 },
        balancer: { kind: 'least-request' },
        connectTimeoutMs: 10_000,
        family: 4,
      },
    ]),
    virtualHosts: indices.map((i) => [
      `${fqdn(i)}|80`,
      {
        layer: 'shared',
        port: 80,
        name: `${fqdn(i)}:80`,
        domains: [fqdn(i), `service-${i}.shop.svc`, `service-${i}.shop`, `10.96.${i >> 8}.${i & 255}`],
        local: { namespace: 'shop', domains: [`service-${i}`] },
        routes: [route(i, version)],
      },
    ]),
    addresses: indices.map((i) => [
      fqdn(i),
      { layer: 'shared', entries: [[`10.96.${i >> 8}.${i & 255}:80`, { to: 'cluster', protocol: 'http', cluster: id(i) }]] },
    ]),
    scopes: [['s', { id: 's', namespace: 'shop', outboundTrafficPolicy: 'ALLOW_ANY', layers: ['shared'] }]],
    workloads: [['shop/client', { key: 'shop/client', identity: identity('client'), addresses: ['10.1.1.1'], scope: 's', inbound: {} }]],
  };
  const kinds = whole ? Object.keys(records) : ['virtualHosts'];
  return {
    version,
    records: Object.fromEntries(
      kinds.map((kind) => [kind, { set: new Map<string, unknown>(records[kind as 'clusters'] as [string, unknown][]), remove: [] }]),
    ),
    endpoints: whole ? indices.map((i) => ({ cluster: id(i), set: endpoints(i), remove: [] })) : [],
  };
}

class Longest {
  readonly #all: number[] = [];

  measure<T>(work: () => T): T {
    const start = clock.monotonic();
    const result = work();
    this.#all.push(clock.monotonic() - start);
    return result;
  }

  /** Milliseconds: sum, 99th percentile, longest. */
  toString(): string {
    const sorted = this.#all.toSorted((a, b) => a - b);
    const sum = sorted.reduce((total, value) => total + value, 0);
    const p99 = sorted[Math.floor(sorted.length * 0.99)] ?? 0;
    return `${sorted.length} steps, ${sum.toFixed(1)} ms in all, p99 ${p99.toFixed(3)} ms, longest ${(sorted.at(-1) ?? 0).toFixed(3)} ms`;
  }
}

function steps(work: Steps<void>, longest: Longest): void {
  while (longest.measure(() => work.next()).done !== true);
}

/** The control thread's side. */
const kept = new PackedRecords();
let known = 0;

function apply(runtime: Runtime, make: () => SnapshotDelta, what: string): void {
  const delta = make();
  const reading = new Longest();
  const staging = new Longest();
  const preparing = new Longest();
  const committing = new Longest();
  const settling = new Longest();
  const rebuilding = new Longest();
  // Received bytes are made into objects as the worker's port does it.
  const endpointsOf = new Map(delta.endpoints.map(({ cluster, set }) => [cluster, set]));
  const start = clock.monotonic();
  const packed = packedDelta(kept, delta, (id) => endpointsOf.get(id));
  const packing = clock.monotonic() - start;
  const slabs = kept.memory.slabs.slice(known);
  known += slabs.length;
  if (slabs.length > 0) runtime.staging.take({ what: 'memory', slabs });
  const parts = Array.from(partsOf(packed), (part) => serialize(part));
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  for (const part of parts) {
    const read = reading.measure(() => deserialize(part) as DeltaPart);
    staging.measure(() => runtime.staging.take(read));
  }
  steps(runtime.staging.prepare(), preparing);
  committing.measure(() => runtime.staging.commit(delta.version));
  steps(runtime.staging.settle(), settling);
  kept.memory.release(delta.version);
  steps(runtime.staging.rebuild(), rebuilding);
  process.stdout.write(
    `${what}: packed in ${packing.toFixed(0)} ms; ${parts.length} parts, ${(bytes / 1e6).toFixed(1)} MB\n  read    ${reading.toString()}\n  stage   ${staging.toString()}\n  prepare ${preparing.toString()}\n` +
      `  commit  ${committing.toString()}\n  settle  ${settling.toString()}\n  rebuild ${rebuilding.toString()}\n`,
  );
}

function memory(): number {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function lookUp(runtime: Runtime): void {
  const head = new Head(runtime.names);
  const requests = Array.from({ length: 512 }, (_, k) => {
    const i = (k * 37) % SERVICES;
    return Buffer.from(`GET / HTTP/1.1\r\nHost: service-${i}.shop.svc.cluster.local\r\n\r\n`, 'latin1');
  });
  const table = runtime.workloads.get('shop/client')?.scope?.table(80);
  if (table === null || table === undefined) throw new Error('no table');
  const rounds = 400;
  const run = (find: boolean): number => {
    const start = clock.monotonic();
    for (let round = 0; round < rounds; round++) {
      for (const bytes of requests) {
        parseRequestHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS);
        if (find && table.find(head)?.match(head, 'http') === null) throw new Error('not found');
      }
    }
    return ((clock.monotonic() - start) * 1e6) / (rounds * requests.length);
  };
  run(true);
  run(false);
  process.stdout.write(`look-up of a host and its route: ${(run(true) - run(false)).toFixed(0)} ns\n`);
}

/** The packer's own tables stand in for the control thread's, which has them too. */
function tell(): void {
  const [held, shared] = [memory() - before, kept.memory.slabs.length * 2 ** 19].map((bytes) => Math.round(bytes / SERVICES));
  process.stdout.write(`memory: ${held} bytes a service, ${shared} of them shared by all threads\n`);
}

const all = Array.from({ length: SERVICES }, (_, i) => i);
const runtime = new Runtime(new HeaderNames());
const before = memory();
apply(runtime, () => change(1, all, true), `${SERVICES} services, first`);
tell();
runtime.serve();
lookUp(runtime);
apply(runtime, () => change(2, [17], false), 'one virtual service');
apply(runtime, () => change(3, all, false), 'all virtual services');
apply(runtime, () => change(4, all, true), 'everything');
tell();
lookUp(runtime);
