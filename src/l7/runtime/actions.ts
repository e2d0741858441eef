/** What a matched route does, compiled when its record is staged, so that a request only looks it up. */
import type { Interner } from '../message/header-names.ts';
import type { WireText } from '../message/wire-text.ts';
import { compileRegex, type Regex } from '../../base/regex.ts';
import type { DirectResponseAction, FaultConfig, RedirectAction, Rewrite, RouteAction, RouteConfig } from '../config/route.ts';
import type { ClusterSlot } from '../upstream/cluster.ts';
import type { Lease } from './lease.ts';
import { CorsPolicy } from './cors-policy.ts';
import { foldHeaderOps, type HeaderOps, without } from './header-ops.ts';
import { type RetryPolicy, retryPolicyOf } from './retry-policy.ts';

export type Action = ForwardAction | RedirectTo | DirectAnswer;

export interface Destination {
  readonly slot: ClusterSlot;
  /** Sum of the weights up to and including this one. */
  readonly upTo: number;
  readonly request: HeaderOps | null;
  readonly response: HeaderOps | null;
  /** The same without what a policy of CORS says itself. */
  readonly corsResponse: HeaderOps | null;
}

export interface Mirror {
  readonly slot: ClusterSlot;
  /** Of a million. */
  readonly share: number;
}

export interface PathRewrite {
  /** Replaces the matched prefix, or the whole path. */
  readonly uri: WireText | null;
  readonly regex: { readonly match: Regex; readonly substitution: string } | null;
  readonly authority: WireText | null;
}

const NO_MIRRORS: readonly Mirror[] = [];

export class ForwardAction {
  readonly kind = 'forward';
  readonly destinations: readonly Destination[];
  readonly totalWeight: number;
  readonly rewrite: PathRewrite | null;
  readonly mirrors: readonly Mirror[];
  readonly fault: FaultConfig | null;
  readonly cors: CorsPolicy | null;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy | null;

  constructor(route: RouteConfig, action: RouteAction, lease: Lease) {
    const cors = action.cors === undefined ? null : new CorsPolicy(action.cors);
    this.cors = cors;
    let upTo = 0;
    this.destinations = action.destinations.map((destination) => ({
      slot: lease.slotOf(destination.cluster),
      upTo: (upTo += destination.weight),
      request: foldHeaderOps(lease, destination.requestHeaders, route.requestHeaders),
      response: foldHeaderOps(lease, destination.responseHeaders, route.responseHeaders),
      corsResponse:
        cors === null
          ? null
          : foldHeaderOps(lease, ...[destination.responseHeaders, route.responseHeaders].map((level) => without(level, cors.owned))),
    }));
    this.totalWeight = upTo;
    this.rewrite = action.rewrite === undefined ? null : compileRewrite(action.rewrite);
    this.mirrors =
      action.mirrors.length === 0
        ? NO_MIRRORS
        : action.mirrors.map((mirror) => ({ slot: lease.slotOf(mirror.cluster), share: mirror.share }));
    this.fault = action.fault ?? null;
    this.timeoutMs = action.timeoutMs;
    this.retry = action.retry === null ? null : retryPolicyOf(action.retry);
  }

  /** @param random uniform over 32 bits. The choice is made once per request: retries stay with it. */
  choose(random: () => number): Destination {
    const { destinations } = this;
    const first = destinations[0] as Destination;
    if (destinations.length === 1 || this.totalWeight === 0) return first;
    const point = (random() / 2 ** 32) * this.totalWeight;
    for (const destination of destinations) if (point < destination.upTo) return destination;
    return destinations[destinations.length - 1] as Destination;
  }
}

export class RedirectTo {
  readonly kind = 'redirect';
  readonly status: number;
  readonly body = '';
  readonly config: RedirectAction;
  readonly response: HeaderOps | null;

  constructor(route: RouteConfig, config: RedirectAction, names: Interner) {
    this.status = config.code;
    this.config = config;
    this.response = foldHeaderOps(names, route.responseHeaders);
  }
}

export class DirectAnswer {
  readonly kind = 'direct';
  readonly status: number;
  readonly body: string;
  readonly response: HeaderOps | null;

  constructor(route: RouteConfig, { status, body }: DirectResponseAction, names: Interner) {
    this.status = status;
    this.body = body;
    this.response = foldHeaderOps(names, route.responseHeaders);
  }
}

export function compileAction(route: RouteConfig, lease: Lease): Action {
  const { action } = route;
  switch (action.kind) {
    case 'route':
      return new ForwardAction(route, action, lease);
    case 'redirect':
      return new RedirectTo(route, action, lease);
    case 'direct':
      return new DirectAnswer(route, action, lease);
  }
}

function compileRewrite(rewrite: Rewrite): PathRewrite {
  let regex: PathRewrite['regex'] = null;
  if (rewrite.regex !== undefined) {
    const compiled = compileRegex(rewrite.regex.match);
    // Validation has refused patterns that do not compile. If one is here, the path stays as it is.
    if (compiled.ok) regex = { match: compiled.regex, substitution: rewrite.regex.substitution };
  }
  return { uri: rewrite.uri ?? null, regex, authority: rewrite.authority ?? null };
}
