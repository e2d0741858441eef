/** Virtual hosts, their routes, and what a route does. */
import type { WireText } from '../message/wire-text.ts';
import type { HeaderOperations } from './header-operations.ts';
import type { RetryConfig } from './retry.ts';

/**
 * Virtual hosts: an exact domain beats the longest suffix wildcard, which beats `*`. Domains are lower-case and without port. In one
 * layer and port no two virtual hosts have the same domain (nor the same local name in one namespace).
 */
export interface VirtualHostConfig {
  readonly layer: string;
  /** Of the destination, or of the gateway. */
  readonly port: number;
  readonly name: string;
  /** `host`, `*.suffix` or `*`. */
  readonly domains: readonly string[];
  /** Names by which only clients of that namespace call it: its short ones. */
  readonly local: { readonly namespace: string; readonly domains: readonly string[] } | null;
  /** The first that matches wins; none: 404. */
  readonly routes: readonly RouteConfig[];
}

export interface RouteConfig {
  readonly name: string;
  readonly match: RouteMatch;
  readonly action: RouteAction | RedirectAction | DirectResponseAction;
  /** Route-level header operations (those of a destination stand there, and come first). */
  readonly requestHeaders?: HeaderOperations;
  readonly responseHeaders?: HeaderOperations;
}

export type StringMatch =
  | { readonly kind: 'exact'; readonly value: string }
  | { readonly kind: 'prefix'; readonly value: string }
  /** RE2, whole string. */
  | { readonly kind: 'regex'; readonly value: string }
  | { readonly kind: 'present' };

export interface RouteMatch {
  readonly path?: StringMatch;
  /** Exact and prefix matches of the path only. */
  readonly ignorePathCase?: boolean;
  readonly method?: StringMatch;
  readonly scheme?: StringMatch;
  /** As sent, port included, case-sensitive. */
  readonly authority?: StringMatch;
  readonly headers?: readonly HeaderMatch[];
  readonly query?: readonly NamedMatch[];
}

export interface NamedMatch {
  readonly name: string;
  readonly match: StringMatch;
}

export interface HeaderMatch extends NamedMatch {
  /** withoutHeaders: the condition must not hold, a missing header counting as an empty value. */
  readonly invert: boolean;
}

export interface RouteAction {
  readonly kind: 'route';
  /** Never empty. Weights are relative; with one destination its weight does not matter. */
  readonly destinations: readonly WeightedDestination[];
  readonly rewrite?: Rewrite;
  readonly mirrors: readonly MirrorConfig[];
  /** Whole request, retries included; 0: none. */
  readonly timeoutMs: number;
  readonly retry: RetryConfig | null;
  readonly fault?: FaultConfig;
  readonly cors?: CorsConfig;
}

/** Lists are as they go to the wire; empty: the header is not sent. `*` alone gives back what the request asks for. */
export interface CorsConfig {
  readonly allowOrigins: readonly StringMatch[];
  readonly allowMethods: WireText;
  readonly allowHeaders: WireText;
  readonly exposeHeaders: WireText;
  readonly maxAge: WireText;
  readonly allowCredentials: boolean;
  /** Preflights of other origins go to the server; else they are answered without being let in. */
  readonly forwardUnmatched: boolean;
}

/** What is done to a share of the requests, before anything else; the two are drawn for independently. Shares are of a million. */
export interface FaultConfig {
  readonly delay?: { readonly share: number; readonly ms: number };
  readonly abort?: { readonly share: number } & ({ readonly status: number } | { readonly grpcStatus: number });
}

export interface WeightedDestination {
  /** Key into `clusters`; a name that is not there answers 503 with flag NC. */
  readonly cluster: string;
  readonly weight: number;
  readonly requestHeaders?: HeaderOperations;
  readonly responseHeaders?: HeaderOperations;
}

export interface Rewrite {
  /** Replaces the matched prefix, or the whole path when the match was not a prefix. */
  readonly uri?: WireText;
  /** RE2 substitution on the path, every occurrence, `\1` for groups. Its result is checked as a request target by the worker. */
  readonly regex?: { readonly match: string; readonly substitution: string };
  readonly authority?: WireText;
}

export interface MirrorConfig {
  readonly cluster: string;
  /** Of a million. */
  readonly share: number;
}

export interface RedirectAction {
  readonly kind: 'redirect';
  readonly code: number;
  readonly scheme?: 'http' | 'https';
  /** Host, with or without a port. */
  readonly authority?: WireText;
  /** A number; `request`: the port on which the request came; `default`: none. */
  readonly port?: number | 'request' | 'default';
  /** Whatever port the request's Host has stays, also that of another scheme (a gateway's httpsRedirect). */
  readonly keepsPort?: true;
  /** Replaces the whole path. */
  readonly path?: WireText;
  /** Replaces the matched prefix. */
  readonly prefix?: WireText;
}

/** An answer without an upstream. */
export interface DirectResponseAction {
  readonly kind: 'direct';
  readonly status: number;
  /** Bytes as characters below 256: a string travels and is kept more cheaply than an array of them. */
  readonly body: string;
}
