/**
 * Says what would become of a request, without sending anything: with the tables, rules and balancers of the worker that is asked, by
 * the calls that a request makes of them (src/l7/stack.ts).
 */
import { answersPreflight } from '../exchange/cors.ts';
import { isGrpc, grpcTimeout } from '../exchange/grpc-call.ts';
import { GatewayOrigin, OutboundOrigin } from '../exchange/origin.ts';
import { endpointAsked, originalEndpoint, type OriginalEndpoints } from '../exchange/original-endpoint.ts';
import { outboundTarget } from '../exchange/outbound-target.ts';
import { normalizeHead } from '../http1/normalized-head.ts';
import { parseRequestHead } from '../http1/parser.ts';
import { parseError } from '../http1/parse-error.ts';
import type { EngineLimits } from '../limits.ts';
import { gatewayIdentity } from '../config/identity.ts';
import { Head } from '../message/head.ts';
import { H } from '../message/header-names.ts';
import type { Action, ForwardAction } from '../runtime/actions.ts';
import type { VirtualHost } from '../routing/virtual-host.ts';
import type { Scheme } from '../routing/route.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { Guards } from '../upstream/guards.ts';
import type { Transport } from '../transport.ts';
import type { Cluster, ClusterSlot } from '../upstream/cluster.ts';
import {
  type ExplainedDestination,
  type ExplainedRequest,
  type Explanation,
  type ExplainQuestion,
  type ExplainRefusal,
  GATEWAY_CLIENT,
} from './explanation.ts';

export interface ExplainGround extends OriginalEndpoints {
  readonly transport: Transport;
  readonly limits: EngineLimits;
  readonly guards: Guards;
}

const MILLION = 1_000_000;

export function explain(ground: ExplainGround, question: ExplainQuestion): Explanation {
  const origin = question.pod === GATEWAY_CLIENT ? gatewayOrigin(ground, question) : podOrigin(ground, question);
  if ('why' in origin) return origin;
  const head = headOf(ground, question.head);
  if (typeof head === 'string') return { verdict: 'bad-request', why: head };
  return new Request(ground, origin, head).explain();
}

function podOrigin({ runtime }: ExplainGround, { pod, ip, port }: ExplainQuestion): OutboundOrigin | ExplainRefusal {
  const workload = runtime.workloads.get(pod);
  if (workload === undefined) return { verdict: 'unknown-pod', why: `the worker knows no pod ${pod}` };
  const listener = { kind: 'outbound', id: 0, fd: -1, workload: pod, netns: -1, cookie: '' } as const;
  return new OutboundOrigin(listener, workload, { ip, port });
}

/** Of no connection: nobody asks for its addresses. */
function gatewayOrigin({ runtime, transport }: ExplainGround, { port }: ExplainQuestion): GatewayOrigin | ExplainRefusal {
  const { gateways, mesh } = runtime;
  if (gateways.get(port) !== undefined) {
    return new GatewayOrigin(port, gatewayIdentity(mesh.gatewayName, mesh.rootNamespace), gateways, transport, -1);
  }
  return { verdict: 'unknown-port', why: `no Gateway of this node has port ${port}` };
}

/** A text says why it is refused. */
function headOf({ runtime, limits }: ExplainGround, text: string): Head | string {
  const head = new Head(runtime.names, limits.heads);
  const bytes = Buffer.from(text, 'latin1');
  const parsed = parseRequestHead(bytes, 0, bytes.length, head, limits.heads);
  if (parsed === 0) return 'the head of the request does not end';
  if (parsed < 0) return parseError(parsed).message;
  return normalizeHead(head, limits.heads, runtime.mesh.pathNormalization, null)?.message ?? head;
}

class Request {
  readonly #ground: ExplainGround;
  readonly #origin: OutboundOrigin | GatewayOrigin;
  readonly #head: Head;
  readonly #scheme: Scheme;

  constructor(ground: ExplainGround, origin: OutboundOrigin | GatewayOrigin, head: Head) {
    this.#ground = ground;
    this.#origin = origin;
    this.#head = head;
    const forwarded = head.find(H['x-forwarded-proto']);
    this.#scheme = forwarded >= 0 && head.value(forwarded) === 'https' ? 'https' : 'http';
  }

  explain(): ExplainedRequest {
    const origin = this.#origin;
    const protocol = this.#protocol();
    if (protocol === 'tcp' || protocol === 'tls') return this.#answer('opaque', protocol);
    const host = origin.table()?.find(this.#head) ?? null;
    if (host !== null) return this.#routed(protocol, host);
    if (origin.kind === 'gateway') return this.#answer('no-host', protocol);
    if (!origin.unknownAllowed) return this.#answer('blocked', protocol);
    return { ...this.#answer('pass-through', protocol), destinations: [toOriginal(originalEndpoint(this.#ground, origin), '', 1)] };
  }

  #protocol(): string {
    const { runtime } = this.#ground;
    const origin = this.#origin;
    return origin.kind === 'gateway'
      ? (runtime.gateways.get(origin.port)?.config.protocol ?? 'http')
      : outboundTarget(runtime, origin).protocol;
  }

  #routed(protocol: string, host: VirtualHost<Action>): ExplainedRequest {
    const route = host.match(this.#head, this.#scheme);
    const routes = host.routes.map((one) => ({ name: one.name, conditions: one.conditions(this.#head, this.#scheme) }));
    const answer = this.#answer(route === null ? 'no-route' : 'route', protocol);
    const found = { ...answer, host: host.id, routes, matched: route === null ? -1 : host.routes.indexOf(route) };
    return route?.action.kind === 'forward' ? { ...found, ...this.#forwarded(route.action) } : found;
  }

  #forwarded(action: ForwardAction): Pick<ExplainedRequest, 'preflight' | 'timeoutMs' | 'destinations' | 'mirrors'> {
    const { destinations, totalWeight, mirrors, timeoutMs, cors } = action;
    let before = 0;
    const shares = destinations.map(({ upTo }, index) => {
      const weight = upTo - before;
      before = upTo;
      return totalWeight === 0 ? Number(index === 0) : weight / totalWeight;
    });
    return {
      preflight: cors !== null && answersPreflight(cors, this.#head),
      timeoutMs: isGrpc(this.#head) ? grpcTimeout(this.#head, timeoutMs) : timeoutMs,
      destinations: destinations.map(({ slot }, index) => this.#destination(slot, shares[index] ?? 0)),
      mirrors: mirrors.map(({ slot, share }) => this.#destination(slot, share / MILLION)),
    };
  }

  #destination(slot: ClusterSlot, share: number): ExplainedDestination {
    const { cluster } = slot;
    if (cluster === null) return { cluster: slot.id, share, missing: true, by: 'balancer', endpoints: [] };
    const origin = this.#origin;
    const asked = endpointAsked(this.#ground, origin, cluster);
    if (asked !== null) return toOriginal(asked, slot.id, share);
    const hash = cluster.hash?.hash(this.#head, () => origin.sourceOf('127.0.0.1')) ?? -1;
    const odds = this.#ground.guards.odds(cluster, hash, origin);
    const endpoints = this.#endpoints(cluster).map((endpoint) => explained(endpoint, odds.get(endpoint) ?? 0));
    return { cluster: slot.id, share, missing: false, by: hash < 0 ? 'balancer' : 'key', endpoints };
  }

  #endpoints(cluster: Cluster): Endpoint[] {
    return cluster.endpoints.filter(({ removed }) => !removed);
  }

  #answer(verdict: ExplainedRequest['verdict'], protocol: string): ExplainedRequest {
    const { version } = this.#ground.runtime;
    return {
      verdict,
      version,
      protocol,
      grpc: isGrpc(this.#head),
      host: null,
      routes: [],
      matched: -1,
      preflight: false,
      timeoutMs: 0,
      destinations: [],
      mirrors: [],
    };
  }
}

function toOriginal(endpoint: Endpoint, cluster: string, share: number): ExplainedDestination {
  return { cluster, share, missing: false, by: 'original destination', endpoints: [explained(endpoint, 1)] };
}

function explained({ address, port, active, config }: Endpoint, chance: number): ExplainedDestination['endpoints'][number] {
  const { namespace, pod } = config.identity;
  return { address, port, pod: pod === 'unknown' ? pod : `${namespace}/${pod}`, chance, active };
}
