/** What the exchanges of a worker share. The engine makes it once. */
import type { AccessLog } from '../access-log/access-log.ts';
import type { EngineLimits } from '../limits.ts';
import type { HeadChanges } from '../message/head-changes.ts';
import type { ExchangeRecord } from '../record/exchange-record.ts';
import type { Recorder } from '../record/recorder.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { RequestTap } from '../tap/request-tap.ts';
import type { SpanLog } from '../tracing/span-log.ts';
import type { Transport } from '../transport.ts';
import type { OriginalCluster } from '../upstream/original-cluster.ts';
import type { Http2Pools } from '../upstream/http2-pools.ts';
import type { Pools } from '../upstream/pools.ts';
import type { CalleeGround } from './callee-place.ts';
import type { GrpcCalls } from './grpc-calls.ts';
import type { HeadStore } from './head-store.ts';
import type { Tellings } from './tellings.ts';
import type { RequestChanges } from './request-changes.ts';
import type { ResponseHeaders } from './response-headers.ts';

export interface ExchangeTools {
  readonly transport: Transport;
  readonly limits: EngineLimits;
  /** Uniform over 32 bits. */
  readonly random: () => number;
  readonly runtime: Runtime;
  readonly pools: Pools;
  readonly http2Pools: Http2Pools;
  readonly originals: OriginalCluster;
  readonly callees: CalleeGround;
  readonly heads: HeadStore;
  readonly changes: HeadChanges;
  readonly requests: RequestChanges;
  readonly responses: ResponseHeaders;
  readonly recorder: Recorder;
  readonly calls: GrpcCalls;
  readonly spans: SpanLog;
  readonly accessLog: AccessLog;
  readonly tellings: Tellings;
  readonly tap: RequestTap;
  /** Milliseconds since the epoch of a time on the transport's clock. */
  readonly wall: (ticks: number) => number;
  /** It is filled for each exchange that ends. */
  readonly record: ExchangeRecord;
  /** An exception while something was served: counted and logged, and it ends the worker if it happens too often. */
  readonly fault: (error: unknown, doing: string) => void;
}
