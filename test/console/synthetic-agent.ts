/** Stands for an agent with as many services as one likes: the agent's own HTTP server and pages, with answers that are made up. */
import type { ClustersView } from '../../src/agent/admin/cluster-view.ts';
import { refuseForeignPages } from '../../src/agent/admin/browser-guard.ts';
import { consolePages } from '../../src/agent/admin/console-pages.ts';
import { HttpServer, json, type Routes } from '../../src/agent/admin/http-server.ts';
import type { EdgeView, GraphView, PodView } from '../../src/agent/admin/mesh-view.ts';
import type { PodRoutes } from '../../src/agent/admin/pod-routes.ts';
import type { AgentStatus } from '../../src/agent/admin/status.ts';
import type { ObjectReport } from '../../src/agent/model/report.ts';
import { UNKNOWN_IDENTITY } from '../../src/l7/config/identity.ts';
import type { ToldPeer, ToldRequest } from '../../src/l7/tap/told-request.ts';
import { largeMesh } from './synthetic-mesh.ts';

const REFUSED = {
  severity: 'error',
  object: 'VirtualService shop/cart',
  path: 'spec.http[0].route[1].weight',
  where: '/mesh/cart.yaml:21:9',
};

export class SyntheticAgent {
  readonly #mesh;
  readonly #server: HttpServer;
  /** Times of day that are the same in every screenshot. */
  readonly #now = Date.parse('2026-01-01T12:00:00Z');
  #port = 0;

  constructor(size: number) {
    this.#mesh = largeMesh(size);
    const pages = consolePages();
    const routes: Routes = {
      'GET /': pages['index.html'],
      'GET /console.js': pages['console.js'],
      'GET /console.css': pages['console.css'],
      'GET /icon.svg': pages['icon.svg'],
      'GET /status': () => json(this.#status()),
      'GET /graph': () => json(this.#graph()),
      'GET /pods': () => json({ windowSeconds: 60, cpuCores: 0.42, pods: this.#pods() }),
      'GET /routes': () => json(this.#routes()),
      'GET /clusters': () => json(this.#clusters()),
      'GET /objects': () => json(this.#objects()),
      'GET /requests': () => json(this.#requests()),
    };
    this.#server = new HttpServer(routes, refuseForeignPages);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  /** At the port at which it was before, if it was. */
  async start(): Promise<void> {
    const { port } = await this.#server.listen({ ip: '127.0.0.1', port: this.#port });
    this.#port = port;
  }

  async stop(): Promise<void> {
    await this.#server.close();
  }

  #graph(): GraphView {
    const edges = this.#mesh.calls.map((call): EdgeView => {
      const [source, destination] = [nodeOf(call.from), nodeOf(call.to)];
      return {
        ...{ source, destination, security: 'none', protocol: call.protocol as EdgeView['protocol'] },
        service: { host: `${destination.workload}.${destination.namespace}`, name: destination.workload, namespace: destination.namespace },
        ...{ requestsPerSecond: call.perSecond, errorShare: call.p50 === null ? null : call.errorShare, p50Ms: call.p50, p99Ms: call.p99 },
        ...{ connectionsPerSecond: 0, sentBytesPerSecond: call.bytesPerSecond, receivedBytesPerSecond: 0 },
      };
    });
    return { windowSeconds: 60, truncated: false, edges };
  }

  #pods(): PodView[] {
    const share = 1 / this.#mesh.services.length;
    return this.#mesh.services.map((service, index) => {
      const { namespace, workload } = nodeOf(service);
      const isEnrolled = index % 9 !== 4;
      const isLost = isEnrolled && index % 40 === 3;
      return {
        pod: `${service}-7d9c`,
        ...{ enrolled: isEnrolled, reason: isEnrolled ? 'annotation of the Deployment' : 'nothing asks for it' },
        ...{ phase: isEnrolled && !isLost ? 'captured' : 'absent', capturedAt: isEnrolled && !isLost ? this.#now : null },
        error: isLost ? 'no process of it was found in its cgroup' : '',
        addresses: [`10.1.${index >> 8}.${index & 255}`],
        identity: { namespace, workload, app: workload, version: 'v1' },
        ...{ sent: 1000 * index, received: 900 * index, sentPerSecond: index / 2, receivedPerSecond: index / 3, cpuShare: share },
      };
    });
  }

  #status(): AgentStatus {
    return {
      ...{
        version: '0.1.0',
        pid: 4711,
        node: 'worker-7',
        uptimeSeconds: 38_211,
        ready: true,
        draining: false,
        gates: [],
        snapshot: 12_345,
      },
      propagation: { pending: 0, total: 40_217, oldestSeconds: 0 },
      lastError: null,
      workers: [0, 1].map((index) => {
        return {
          index,
          phase: 'running',
          version: 12_345,
          listeners: 24,
          silentMs: 3,
          longestPauseSeconds: 0.004 * (index + 1),
          longestWorkSeconds: 0.001,
        };
      }),
      workerRestarts: 0,
      pods: this.#pods(),
      gateways: [
        { port: 80, address: '0.0.0.0', listening: true, error: '' },
        { port: 443, address: '0.0.0.0', listening: false, error: 'another process listens there' },
      ],
      problems: this.#objects().flatMap(({ problems }) => problems),
      sources: [
        {
          source: 'k',
          resource: 'pods',
          scope: '',
          state: 'followed',
          staleSeconds: 0,
          error: '',
          events: 391,
          lists: 1,
          bytes: 1_203_944,
        },
        {
          source: 'k',
          resource: 'services',
          scope: '',
          state: 'unreachable',
          staleSeconds: 44,
          error: 'refused',
          events: 3,
          lists: 2,
          bytes: 9,
        },
      ],
    };
  }

  #objects(): ObjectReport[] {
    const object = { group: 'networking.istio.io', kind: 'VirtualService', namespace: 'shop', since: this.#now };
    const others = this.#mesh.services.slice(0, 60).map((service, index): ObjectReport => {
      const { namespace, workload: name } = nodeOf(service);
      return {
        ...object,
        kind: index % 3 === 0 ? 'DestinationRule' : 'VirtualService',
        namespace,
        name,
        state: 'accepted',
        where: '',
        problems: [],
      };
    });
    const unserved = {
      severity: 'unsupported',
      object: 'Sidecar shop/all',
      path: 'spec.ingress',
      message: 'is not served',
      where: '/mesh/all.yaml:9:3',
    };
    return [
      {
        ...object,
        name: 'cart',
        state: 'previous-in-force',
        where: '/mesh/cart.yaml:1',
        problems: [{ ...REFUSED, message: 'weights must add up to 100' }],
      },
      { ...object, kind: 'Sidecar', name: 'all', state: 'accepted', where: '/mesh/all.yaml:1', problems: [unserved] },
      ...others,
    ];
  }

  #routes(): PodRoutes {
    const hosts = this.#mesh.services.map((service) => {
      const host = `${nodeOf(service).workload}.${nodeOf(service).namespace}.svc.cluster.local`;
      const action = {
        kind: 'route',
        destinations: [{ cluster: `outbound|80||${host}`, weight: 1 }],
        mirrors: [],
        timeoutMs: 0,
        retry: null,
      } as const;
      return {
        layer: 'mesh',
        port: 80,
        name: `${host}:80`,
        domains: [host],
        local: null,
        routes: [{ name: 'default', match: {}, action }],
      };
    });
    return { scope: { namespace: 'shop', outboundTrafficPolicy: 'ALLOW_ANY', layers: ['mesh'] }, virtualHosts: { 80: hosts } };
  }

  #clusters(): ClustersView {
    const clusters = this.#mesh.services.map((service, index): ClustersView['clusters'][number] => {
      const { namespace, workload: name } = nodeOf(service);
      const host = `${name}.${namespace}.svc.cluster.local`;
      const id = `outbound|80||${host}`;
      const base = { id, name: id, service: { host, name, namespace, port: 80 }, balancer: { kind: 'least-request' } as const };
      const ejected = index === 7 ? [{ client: 'shop/cart', until: this.#now }] : [];
      const identity = { ...UNKNOWN_IDENTITY, pod: `${name}-7d9c`, namespace, workload: name };
      const endpoint = {
        address: `10.1.0.${index}`,
        port: 8080,
        weight: 1,
        identity,
        local: null,
        active: index % 3,
        connections: 2,
        waiting: 0,
        ejected,
      };
      return { ...base, connectTimeoutMs: 10_000, family: 4, clients: [], endpoints: index === 5 ? [] : [endpoint] };
    });
    return { truncated: false, clusters };
  }

  #requests(): { readonly slow: readonly ToldRequest[]; readonly failed: readonly ToldRequest[]; readonly dropped: number } {
    if (this.#mesh.services.length < 3) return { slow: [], failed: [], dropped: 0 };
    const ok = {
      status: 200,
      flags: '-',
      details: 'via_upstream',
      attempts: 1,
      tried: [],
      sentAfterMs: 0.4,
      answeredAfterMs: 3120,
      durationMs: 3180,
    };
    const failed = Array.from({ length: 30 }, (_, index) => this.#request(index, {}));
    return { slow: [this.#request(31, ok)], failed, dropped: 2 };
  }

  #request(index: number, more: Partial<ToldRequest>): ToldRequest {
    const peer = (service: string): ToldPeer => {
      const { namespace, workload } = nodeOf(service);
      return { pod: `${service}-7d9c`, namespace, workload, service: workload, version: 'v1' };
    };
    const [from, to] = this.#mesh.services.slice(1) as [string, string];
    return {
      ...{
        at: this.#now - 7300 * index,
        side: 'outbound',
        source: peer(from),
        destination: peer(to),
        client: '10.1.0.1',
        target: '10.96.0.7:80',
      },
      ...{
        method: 'POST',
        authority: 'price',
        path: '/quote?token=s3cret&lang=en',
        protocol: 'HTTP/1.1',
        service: 'price.core.svc.cluster.local',
      },
      ...{
        route: 'canary',
        cluster: 'outbound|80|v2|price.core.svc.cluster.local',
        endpoint: '10.1.0.2:5000',
        attempts: 3,
        tried: ['10.1.0.4:5000'],
      },
      ...{ status: 503, grpcStatus: null, flags: 'UF,URX', details: 'upstream_reset_before_response_started{connection_failure}' },
      ...{ requestBytes: 34, responseBytes: 91, sentAfterMs: 61.2, answeredAfterMs: null, durationMs: 87.4 },
      ...{ requestId: `0b5c2c5e-8d2f-4bb5-9f1f-${index}`, traceId: '463ac35c9f6413ad48485a3953bb6124' },
      ...more,
    };
  }
}

function nodeOf(service: string): EdgeView['source'] {
  const [namespace = '', workload = ''] = service.split('/');
  return { namespace, workload, app: workload, version: 'v1' };
}
