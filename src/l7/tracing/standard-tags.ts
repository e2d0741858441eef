/** The tags of Envoy and Istio that spans have (source/common/tracing/http_tracer_impl.cc). */
import { tagStart } from './span-line.ts';

/** In their order. */
export const STANDARD_TAGS = [
  'component',
  'guid:x-request-id',
  'http.url',
  'http.method',
  'http.protocol',
  'downstream_cluster',
  'user_agent',
  'peer.address',
  'request_size',
  'response_size',
  'http.status_code',
  'response_flags',
  'upstream_cluster',
  'upstream_cluster.name',
  'upstream_address',
  'error',
] as const;

/** What stands before their values. */
export const TAG = Object.fromEntries(STANDARD_TAGS.map((key, index) => [key, tagStart(key, index === 0)])) as Readonly<
  Record<(typeof STANDARD_TAGS)[number], Uint8Array>
>;
