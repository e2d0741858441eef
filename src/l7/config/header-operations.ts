/** Changes of a head that users write. */
import type { WireText } from '../message/wire-text.ts';

/** Within one level: remove, then set, then add. */
export interface HeaderOperations {
  readonly set?: readonly HeaderLine[];
  /** Several values of one name become several lines. */
  readonly add?: readonly HeaderLine[];
  /** In lower case. */
  readonly remove?: readonly string[];
}

/** A value that is made from a request and comes out empty changes nothing. */
export type HeaderLine = readonly [name: WireText, value: WireText | readonly ValueSegment[]];

export type ValueSegment = WireText | Formatter;

/** One of Envoy's `%…%`. */
export type Formatter =
  /** The first of these headers that is there; names in lower case. */
  | { readonly of: 'request-header' | 'response-header'; readonly names: readonly string[] }
  | { readonly of: 'query'; readonly name: string }
  /** As `timePattern` reads it. */
  | { readonly of: 'start-time'; readonly format: string }
  | { readonly of: FormattedFact };

/** `cluster` has the `;` that Istio puts behind a cluster's name for statistics, `cluster-raw` has not. */
export type FormattedFact =
  | 'remote'
  | 'remote-ip'
  | 'remote-port'
  | 'local'
  | 'local-ip'
  | 'local-port'
  | 'upstream'
  | 'upstream-ip'
  | 'upstream-port'
  | 'cluster'
  | 'cluster-raw'
  | 'route'
  | 'protocol'
  | 'path'
  | 'path-query'
  | 'attempts'
  | 'status'
  | 'details'
  | 'flags'
  | 'hostname'
  | 'bytes-received'
  | 'request-id';
