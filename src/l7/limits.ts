/** Limits and timeouts that are the engine's, not a route's. All times in milliseconds. */
import type { HeadLimits } from './message/head.ts';

export interface EngineLimits {
  readonly heads: HeadLimits;
  /** From the first byte of a request's head until it is complete: 408. From the accept to the first byte ever: the connection is closed. */
  readonly headTimeoutMs: number;
  /** Connections that carry nothing, on either side (Envoy's default: 1 h). */
  readonly idleTimeoutMs: number;
  /** How long a client may stay silent before its upstream connection is opened for a server that speaks first. */
  readonly detectTimeoutMs: number;
  /** Request bodies up to this size are kept for retries (Envoy's default for a sidecar's buffers is 1 MiB; Istio's retries need far less). */
  readonly retryBufferBytes: number;
  /** Bodies of known length and tunnels are moved in the kernel from this size up. */
  readonly relayBytes: number;
  /** For how long the metrics of two peers stay that have nothing to do with each other any more; 0: for ever. */
  readonly silentSeriesMs: number;
  /** From when on the head of a response is late enough to be told of; 0: never. */
  readonly slowRequestMs: number;
}

export const DEFAULT_ENGINE_LIMITS: EngineLimits = {
  heads: { maxHeadBytes: 60 * 1024, maxHeaders: 100 },
  headTimeoutMs: 60_000,
  idleTimeoutMs: 3_600_000,
  detectTimeoutMs: 20,
  retryBufferBytes: 64 * 1024,
  relayBytes: 64 * 1024,
  silentSeriesMs: 3_600_000,
  slowRequestMs: 1000,
};
