/** Who gives out streams to an endpoint, and who wants them. */
import type { Outcome } from '../message/outcome.ts';
import type { UpstreamStream } from '../message/stream.ts';

/** What wants a stream. */
export interface StreamUser {
  /** A new connection: a kept one could be stale. */
  readonly fresh: boolean;
  /** It could not be sent again: no kept connection that its peer has ended already. */
  readonly cautious: boolean;
  readonly connectTimeoutMs: number;
  /** What a new connection to HTTP/1 begins with; it is that user's alone then. */
  readonly introduction?: Uint8Array | null;
  onStream(stream: UpstreamStream): void;
  /** @param elsewhere nothing is wrong with the request: another endpoint may take it. */
  onRefused(outcome: Outcome, elsewhere?: boolean): void;
}

/** Who gives streams out. */
export interface StreamPool {
  /** Calls the user back before it returns, unless the user has to wait. */
  acquire(user: StreamUser): void;
  /** Somebody does not wait any longer. */
  cancel(user: StreamUser): void;
}
