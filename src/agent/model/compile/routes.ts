/** A VirtualService's HTTP rules as one kind of client meets them at one port. */
import type {
  HeaderOperations,
  MirrorConfig,
  RedirectAction,
  RouteAction,
  RouteConfig,
  Rewrite,
  WeightedDestination,
} from '../../../l7/snapshot.ts';
import type { Destination, HttpMatchRequest, HttpRedirect, HttpRoute, HttpRouteDestination, HttpRewrite, StringMap } from '../objects.ts';
import type { FieldPath } from '../problem.ts';
import type { ClusterIds } from './clusters.ts';
import { type DestinationRules, loadBalancerOf } from './destination-rules.ts';
import { milliseconds } from './durations.ts';
import { concatenate, headerChanges, type HeaderChanges, isEmpty } from './header-operations.ts';
import { fullName } from './hosts.ts';
import { asksForClaims, isCatchAll, routeMatch } from './matches.ts';
import type { MeshConfig } from './mesh-config.ts';
import type { CompileOptions } from './options.ts';
import type { ProblemLog } from './problem-log.ts';
import { retryConfig } from './retries.ts';
import { selects } from './selectors.ts';
import type { Services } from './services.ts';
import { type BoundVirtualService, gatewayName } from './virtual-services.ts';

/** Everything about a client and its connection that is known before the request is. */
export interface RouteView {
  /** The client's namespace. */
  readonly namespace: string;
  /** The client's labels; a gateway may have several sets. */
  readonly labels: readonly StringMap[];
  /** `mesh`, or the gateway that the rules are compiled for. */
  readonly gateway: string;
  /** Of the service or of the gateway's listener. */
  readonly port: number;
  /** The port of a destination that names none. */
  defaultPort(host: string): number;
}

export interface RouteSource {
  readonly options: CompileOptions;
  readonly mesh: MeshConfig;
  readonly services: Services;
  readonly rules: DestinationRules;
  readonly ids: ClusterIds;
  readonly problems: ProblemLog;
}

const REDIRECT_CODES = new Set([301, 302, 303, 307, 308]);
/** Where requests go whose rule cannot be served: there is no such cluster, they are answered 503. */
const UNSERVED: WeightedDestination = { cluster: 'unserved', weight: 1 };

/** In order, up to the first that nothing gets past. */
export function routesOf(source: RouteSource, service: BoundVirtualService, view: RouteView): RouteConfig[] {
  const routes: RouteConfig[] = [];
  for (const [index, rule] of (service.object.spec.http ?? []).entries()) {
    const matches = rule.match === undefined || rule.match.length === 0 ? [null] : rule.match;
    for (const [position, request] of matches.entries()) {
      if (request !== null && !applies(request, service, view)) continue;
      const builder = new RouteBuilder(source, service, view, rule, index);
      const route = builder.build(request, position);
      if (route === null) continue;
      routes.push(route);
      if (isCatchAll(route.match)) return routes;
    }
  }
  return routes;
}

/** The conditions that do not depend on the request. */
function applies(request: HttpMatchRequest, { namespace }: BoundVirtualService, view: RouteView): boolean {
  if (request.port !== undefined && request.port !== view.port) return false;
  // As in Istio, gateways take the place of the conditions about the source.
  if (request.gateways !== undefined && request.gateways.length > 0) {
    return request.gateways.some((name) => gatewayName(name, namespace) === view.gateway);
  }
  if (request.sourceNamespace !== undefined && request.sourceNamespace !== '' && request.sourceNamespace !== view.namespace) return false;
  return view.labels.some((labels) => selects(request.sourceLabels ?? {}, labels));
}

class RouteBuilder {
  readonly #source: RouteSource;
  readonly #service: BoundVirtualService;
  readonly #view: RouteView;
  readonly #rule: HttpRoute;
  readonly #path: FieldPath;

  constructor(source: RouteSource, service: BoundVirtualService, view: RouteView, rule: HttpRoute, index: number) {
    this.#source = source;
    this.#service = service;
    this.#view = view;
    this.#rule = rule;
    this.#path = ['spec', 'http', index];
  }

  build(request: HttpMatchRequest | null, position: number): RouteConfig | null {
    if (request !== null && asksForClaims(request)) {
      this.#unsupported(['match', position], 'claims of tokens are not read yet; the rule matches nothing');
      return null;
    }
    const headers = this.#headers(this.#rule.headers, ['headers']);
    const name = [this.#rule.name ?? '', ...(request?.name ? [request.name] : [])].join('.');
    const match = request === null ? {} : routeMatch(request);
    if (this.#rule.redirect !== undefined) {
      const action = this.#redirect(this.#rule.redirect);
      return action === null ? null : { name, match, action, ...routeHeaders({}, headers.response) };
    }
    return { name, match, ...this.#forward(headers) };
  }

  #forward(headers: HeaderChanges): Pick<RouteConfig, 'action' | 'requestHeaders' | 'responseHeaders'> {
    const routes = this.#rule.route ?? [];
    const only = routes.length === 1 ? routes[0] : undefined;
    const authority = this.#rule.rewrite?.authority || headers.authority;
    if (only === undefined) {
      const weighted = routes.flatMap((route, index) => this.#weighted(route, index, authority !== undefined));
      return {
        action: this.#action(weighted.length === 0 ? [UNSERVED] : weighted, authority, false),
        ...routeHeaders(headers.request, headers.response),
      };
    }
    // With one destination there is one level: its operations come after the route's, and do not give way to them.
    const own = this.#headers(only.headers, ['route', 0, 'headers']);
    const destination = { cluster: this.#cluster(only.destination), weight: 1 };
    return {
      action: this.#action([destination], authority ?? own.authority, this.#isHashed(only.destination)),
      ...routeHeaders(concatenate(headers.request, own.request), concatenate(headers.response, own.response)),
    };
  }

  #action(destinations: readonly WeightedDestination[], authority: string | undefined, hashed: boolean): RouteAction {
    const rewrite = rewriteOf(this.#rule.rewrite, authority);
    return {
      kind: 'route',
      destinations,
      ...(rewrite !== null && { rewrite }),
      mirrors: this.#mirrors(),
      timeoutMs: milliseconds(this.#rule.timeout),
      retry: retryConfig(this.#rule.retries, this.#source.mesh.defaultRetry, hashed),
    };
  }

  /** Shares of 0 are dropped. A Host for one destination gives way to one for the route. */
  #weighted(route: HttpRouteDestination, index: number, hostIsGiven: boolean): WeightedDestination[] {
    const { weight = 0 } = route;
    if (weight <= 0) return [];
    const { request, response, authority } = this.#headers(route.headers, ['route', index, 'headers']);
    const host = authority === undefined || hostIsGiven ? {} : { set: { ...request.set, Host: authority } };
    return [{ cluster: this.#cluster(route.destination), weight, ...routeHeaders({ ...request, ...host }, response) }];
  }

  #mirrors(): MirrorConfig[] {
    const { mirror, mirrors = [], mirrorPercentage, mirrorPercent } = this.#rule;
    const percent = mirrorPercentage === undefined ? mirrorPercent : (mirrorPercentage.value ?? 0);
    const all = [
      ...(mirror === undefined ? [] : [{ destination: mirror, percentage: percent }]),
      ...mirrors.map(({ destination, percentage }) => ({
        destination,
        percentage: percentage === undefined ? undefined : (percentage.value ?? 0),
      })),
    ];
    return all
      .map(({ destination, percentage = 100 }) => ({ cluster: this.#cluster(destination), percentage }))
      .filter(({ percentage }) => percentage > 0);
  }

  #redirect(redirect: HttpRedirect): RedirectAction | null {
    const { uri, prefixRewrite, authority, scheme, redirectCode: code = 301 } = redirect;
    if (!REDIRECT_CODES.has(code)) {
      this.#unsupported(['redirect', 'redirectCode'], 'only 301, 302, 303, 307 and 308 are served; the rule is left out');
      return null;
    }
    const wanted = redirect.derivePort === 'FROM_REQUEST_PORT' ? this.#view.port : redirect.port;
    // As in Istio the scheme's own port is no port, and then that of the request's Host stays.
    const port = wanted === ((scheme ?? 'http') === 'https' ? 443 : 80) ? undefined : wanted;
    return {
      kind: 'redirect',
      code,
      ...(scheme !== undefined && { scheme }),
      ...(authority && { authority }),
      ...(port !== undefined && { port }),
      ...(prefixRewrite ? { prefix: prefixRewrite } : uri ? { path: uri } : {}),
    };
  }

  #cluster(destination: Destination): string {
    const { host, port } = this.#target(destination);
    return this.#source.ids.of(this.#view.namespace, host, port, destination.subset ?? '');
  }

  #isHashed(destination: Destination): boolean {
    const { services, rules } = this.#source;
    const { host, port } = this.#target(destination);
    const service = services.get(host);
    if (service === null) return false;
    return loadBalancerOf(rules.find(this.#view.namespace, service), destination.subset ?? '', port)?.consistentHash !== undefined;
  }

  #target(destination: Destination): { host: string; port: number } {
    const host = fullName(destination.host, this.#service.namespace, this.#source.options.clusterDomain);
    return { host, port: destination.port?.number ?? this.#view.defaultPort(host) };
  }

  #headers(headers: HttpRoute['headers'], path: FieldPath): HeaderChanges {
    return headerChanges(headers, (field, message) => this.#unsupported([...path, ...field], message));
  }

  #unsupported(path: FieldPath, message: string): void {
    this.#source.problems.add('unsupported', this.#service.object, [...this.#path, ...path], message);
  }
}

function routeHeaders(request: HeaderOperations, response: HeaderOperations): Pick<RouteConfig, 'requestHeaders' | 'responseHeaders'> {
  return { ...(!isEmpty(request) && { requestHeaders: request }), ...(!isEmpty(response) && { responseHeaders: response }) };
}

function rewriteOf(rewrite: HttpRewrite | undefined, authority: string | undefined): Rewrite | null {
  const { uri, uriRegexRewrite } = rewrite ?? {};
  if (!uri && uriRegexRewrite === undefined && !authority) return null;
  return {
    ...(uriRegexRewrite !== undefined
      ? { regex: { match: uriRegexRewrite.match, substitution: uriRegexRewrite.rewrite } }
      : uri
        ? { uri }
        : {}),
    ...(authority && { authority }),
  };
}
