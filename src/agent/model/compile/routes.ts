/** A VirtualService's HTTP rules as one kind of client meets them at one port. */
import { exact } from '../../../base/exact.ts';
import {
  authority as authorityText,
  join,
  literal,
  locationPath,
  requestTarget,
  type WireResult,
  type WireText,
} from '../../../l7/message/wire-text.ts';
import type { HeaderOperations } from '../../../l7/config/header-operations.ts';
import type { MirrorConfig, RedirectAction, RouteAction, RouteConfig, Rewrite, WeightedDestination } from '../../../l7/config/route.ts';
import type { Destination, HttpMatchRequest, HttpRedirect, HttpRoute, HttpRouteDestination, StringMap } from '../objects.ts';
import type { FieldPath, Severity } from '../problem.ts';
import type { ClusterIds } from './clusters.ts';
import { type DestinationRules, policyOf } from './destination-rules.ts';
import type { BoundRule } from './delegates.ts';
import { milliseconds } from './durations.ts';
import { gatewayName, MESH } from './gateway-names.ts';
import { corsConfig } from './cors.ts';
import { faultConfig } from './faults.ts';
import { concatenate, headerChanges, type HeaderChanges, isEmpty, withHost } from './header-operations.ts';
import { fullName } from './hosts.ts';
import { asksForClaims, isCatchAll, routeMatch } from './matches.ts';
import type { Mesh } from './mesh-config.ts';
import type { CompileOptions } from './options.ts';
import type { ProblemLog } from './problem-log.ts';
import { retryConfig } from './retries.ts';
import { MILLION, shareOf } from './shares.ts';
import { selects } from './selectors.ts';
import type { Services } from './services.ts';
import { type BoundVirtualService, boundRules } from './virtual-services.ts';

/** Everything about a client and its connection that is known before the request is. */
export interface RouteView {
  /** The client's namespace; null: one for which there is no rule of its own. */
  readonly namespace: string | null;
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
  readonly mesh: Mesh;
  readonly services: Services;
  readonly rules: DestinationRules;
  readonly ids: ClusterIds;
  readonly problems: ProblemLog;
}

const REDIRECT_CODES = new Set([301, 302, 303, 307, 308]);
/** Where requests go whose rule cannot be served: there is no such cluster, they are answered 503. */
const UNSERVED: WeightedDestination = { cluster: 'unserved', weight: 1 };
const NO_MIRRORS: readonly MirrorConfig[] = [];
const EVERYTHING = {};
const HOST = literal('Host');

/** In order, up to the first that nothing gets past. */
export function routesOf(source: RouteSource, service: BoundVirtualService, view: RouteView): RouteConfig[] {
  const routes: RouteConfig[] = [];
  for (const bound of boundRules(service)) {
    const { rule } = bound;
    const matches = rule.match === undefined || rule.match.length === 0 ? [null] : rule.match;
    for (const [position, request] of matches.entries()) {
      if (request !== null && !applies(request, bound, view)) continue;
      const route = new RouteBuilder(source, bound, view).build(request, position);
      if (route === null) continue;
      routes.push(route);
      if (isCatchAll(route.match)) return exact(routes);
    }
  }
  return exact(routes);
}

/** The conditions that do not depend on the request. */
function applies(request: HttpMatchRequest, { namespace }: BoundRule, view: RouteView): boolean {
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
  readonly #bound: BoundRule;
  readonly #view: RouteView;
  readonly #rule: HttpRoute;

  constructor(source: RouteSource, bound: BoundRule, view: RouteView) {
    this.#source = source;
    this.#bound = bound;
    this.#view = view;
    this.#rule = bound.rule;
  }

  /** Null: the rule matches nothing, or cannot be served. */
  build(request: HttpMatchRequest | null, position: number): RouteConfig | null {
    if (request !== null && asksForClaims(request)) {
      this.#complain('unsupported', ['match', position], 'claims of tokens are not read yet; the rule matches nothing');
      return null;
    }
    const headers = this.#headers(this.#rule.headers, ['headers']);
    const name = [this.#rule.name ?? '', ...(request?.name ? [request.name] : [])].join('.');
    const match = request === null ? EVERYTHING : routeMatch(request);
    if (this.#rule.redirect !== undefined) {
      const action = this.#redirect(this.#rule.redirect);
      return action === null ? null : { name, match, action, ...routeHeaders({}, headers.response) };
    }
    if (this.#rule.directResponse !== undefined) {
      const { status, body } = this.#rule.directResponse;
      // The schema has said so.
      if (status > 599) return null;
      return { name, match, action: { kind: 'direct', status, body }, ...routeHeaders({}, headers.response) };
    }
    const forward = this.#forward(headers);
    return forward === null ? null : { name, match, ...forward };
  }

  #forward(headers: HeaderChanges): Pick<RouteConfig, 'action' | 'requestHeaders' | 'responseHeaders'> | null {
    const routes = this.#rule.route ?? [];
    const only = routes.length === 1 ? routes[0] : undefined;
    const own = only === undefined ? undefined : this.#headers(only.headers, ['route', 0, 'headers']);
    const authority = this.#rule.rewrite?.authority || headers.authority;
    const rewrite = this.#rewrite(authority ?? own?.authority);
    if (rewrite === null) return null;
    if (only === undefined || own === undefined) {
      const weighted = routes.flatMap((route, index) => this.#weighted(route, index, authority !== undefined));
      const action = this.#action(weighted.length === 0 ? [UNSERVED] : weighted, rewrite, false);
      return { action, ...routeHeaders(headers.request, headers.response) };
    }
    // With one destination there is one level: its operations come after the route's, and do not give way to them.
    const destination = { cluster: this.#cluster(only.destination), weight: 1 };
    return {
      action: this.#action([destination], rewrite, this.#isHashed(only.destination)),
      ...routeHeaders(concatenate(headers.request, own.request), concatenate(headers.response, own.response)),
    };
  }

  #action(destinations: readonly WeightedDestination[], rewrite: Rewrite, hashed: boolean): RouteAction {
    const fault = faultConfig(this.#rule.fault);
    const cors = corsConfig(this.#rule.corsPolicy);
    return {
      kind: 'route',
      destinations,
      ...(Object.keys(rewrite).length > 0 && { rewrite }),
      mirrors: this.#mirrors(),
      timeoutMs: milliseconds(this.#rule.timeout),
      retry: retryConfig(this.#rule.retries, this.#source.mesh.get().defaultRetry, hashed),
      ...(fault !== undefined && { fault }),
      ...(cors !== undefined && { cors }),
    };
  }

  /** Shares of 0 are dropped. A Host for one destination gives way to one for the route. */
  #weighted(route: HttpRouteDestination, index: number, hostIsGiven: boolean): WeightedDestination[] {
    const { weight = 0 } = route;
    if (weight <= 0) return [];
    const path = ['route', index, 'headers'];
    const { request, response, authority } = this.#headers(route.headers, path);
    const host =
      authority === undefined || hostIsGiven ? null : this.#text(authorityText(authority), [...path, 'request'], authority, 'it');
    const headers = routeHeaders(host === null ? request : withHost(request, HOST, host), response);
    return [{ cluster: this.#cluster(route.destination), weight, ...headers }];
  }

  #mirrors(): readonly MirrorConfig[] {
    const { mirror, mirrors = [], mirrorPercentage, mirrorPercent } = this.#rule;
    if (mirror === undefined && mirrors.length === 0) return NO_MIRRORS;
    const share = mirrorPercentage === undefined ? (mirrorPercent ?? 100) * 10_000 : shareOf(mirrorPercentage);
    const all = [
      ...(mirror === undefined ? [] : [{ destination: mirror, share }]),
      ...mirrors.map(({ destination, percentage }) => ({
        destination,
        share: percentage === undefined ? MILLION : shareOf(percentage),
      })),
    ];
    return all.map(({ destination, share }) => ({ cluster: this.#cluster(destination), share })).filter(({ share }) => share > 0);
  }

  #redirect(redirect: HttpRedirect): RedirectAction | null {
    const { scheme, redirectCode: code = 301 } = redirect;
    if (!REDIRECT_CODES.has(code)) {
      const message = 'only 301, 302, 303, 307 and 308 are served; the rule is left out';
      this.#complain('unsupported', ['redirect', 'redirectCode'], message);
      return null;
    }
    const wanted = redirect.derivePort === 'FROM_REQUEST_PORT' ? this.#view.port : redirect.port;
    // As in Istio the scheme's own port is no port, and then that of the request's Host stays.
    const port = wanted === ((scheme ?? 'http') === 'https' ? 443 : 80) ? undefined : wanted;
    const texts = this.#texts(['redirect'], {
      authority: [redirect.authority, authorityText],
      prefixRewrite: [redirect.prefixRewrite, requestTarget],
      uri: [redirect.prefixRewrite ? undefined : redirect.uri, locationPath],
    });
    if (texts === null) return null;
    const { authority, prefixRewrite: prefix, uri: path } = texts;
    return {
      kind: 'redirect',
      code,
      ...(scheme !== undefined && { scheme }),
      ...(authority !== undefined && { authority }),
      ...(port !== undefined && { port }),
      ...(prefix !== undefined && { prefix: fromRoot(prefix) }),
      ...(path !== undefined && { path: fromRoot(path) }),
    };
  }

  /** Null: the rule is left out. */
  #rewrite(authority: string | undefined): Rewrite | null {
    const { uri, uriRegexRewrite } = this.#rule.rewrite ?? {};
    const regex = uriRegexRewrite === undefined ? undefined : { match: uriRegexRewrite.match, substitution: uriRegexRewrite.rewrite };
    const texts = this.#texts(['rewrite'], {
      uri: [regex === undefined ? uri : undefined, requestTarget],
      authority: [authority, authorityText],
    });
    return texts === null ? null : { ...(regex !== undefined && { regex }), ...texts };
  }

  /** Those that are given, checked; null when one is wrong, without which the rule would do another thing than was asked for. */
  #texts<F extends string>(
    path: FieldPath,
    given: Readonly<Record<F, readonly [text: string | undefined, check: (text: string) => WireResult]>>,
  ): { readonly [K in F]?: WireText } | null {
    const texts: { [K in F]?: WireText } = {};
    for (const [field, [text, check]] of Object.entries(given) as [F, (typeof given)[F]][]) {
      if (text === undefined || text === '') continue;
      const checked = this.#text(check(text), [...path, field], text, 'the rule');
      if (checked === null) return null;
      texts[field] = checked;
    }
    return texts;
  }

  #text(result: WireResult, path: FieldPath, text: string, left: string): WireText | null {
    if (result.ok) return result.text;
    this.#complain('error', path, `${JSON.stringify(text)} ${result.fault}; ${left} is left out`);
    return null;
  }

  #cluster(destination: Destination): string {
    const { host, port } = this.#target(destination);
    return this.#source.ids.of(this.#classAt(host), host, port, destination.subset ?? '');
  }

  /** What rules for the host say of clients of this view. A gateway's pods are no clients with labels. */
  #classAt(host: string): string | null {
    const { namespace, labels, gateway } = this.#view;
    return gateway === MESH ? this.#source.rules.classOf({ namespace, labels: labels[0] ?? {} }, { host }) : namespace;
  }

  #isHashed(destination: Destination): boolean {
    const { services, rules } = this.#source;
    const { host, port } = this.#target(destination);
    const service = services.get(host);
    if (service === null) return false;
    return policyOf(rules.find(this.#classAt(host), service), destination.subset ?? '', port).loadBalancer?.consistentHash !== undefined;
  }

  #target(destination: Destination): { host: string; port: number } {
    const { options, services } = this.#source;
    const host = services.aliases.meant(fullName(destination.host, this.#bound.namespace, options.clusterDomain));
    return { host, port: destination.port?.number ?? this.#view.defaultPort(host) };
  }

  #headers(headers: HttpRoute['headers'], path: FieldPath): HeaderChanges {
    return headerChanges(headers, (severity, field, message) => this.#complain(severity, [...path, ...field], message));
  }

  #complain(severity: Severity, path: FieldPath, message: string): void {
    this.#source.problems.add(severity, this.#bound.ref, [...this.#bound.path, ...path], message);
  }
}

function routeHeaders(request: HeaderOperations, response: HeaderOperations): Pick<RouteConfig, 'requestHeaders' | 'responseHeaders'> {
  return { ...(!isEmpty(request) && { requestHeaders: request }), ...(!isEmpty(response) && { responseHeaders: response }) };
}

/** A path of a Location begins with a slash, written or not. */
function fromRoot(path: WireText): WireText {
  return path === '' || path.startsWith('/') ? path : join(literal('/'), path);
}
