/** Messages between the control thread and a worker (structured clones over the worker's port). */
import type { ListenerConfig } from '../../l7/engine-port.ts';
import type { SeriesDefinition } from '../../l7/record/stats.ts';
import type { SnapshotDelta } from '../../l7/snapshot.ts';

/** Handed over when the worker starts. */
export interface WorkerSettings {
  readonly index: number;
  /** SO_MARK of the agent's own sockets. */
  readonly mark: number;
  /** Descriptor of the BPF map of original destinations; -1 without a datapath. */
  readonly originalDestinations: number;
  /** Int32 cell that the worker increments at least every 100 ms, so that a stuck one is seen. */
  readonly heartbeat: SharedArrayBuffer;
}

export type ToWorker =
  | { readonly type: 'configure'; readonly delta: SnapshotDelta }
  | { readonly type: 'listen'; readonly listener: ListenerConfig }
  /** Stop accepting; established connections go on. Answered by `unlistened`, after which the descriptor may be closed. */
  | { readonly type: 'unlisten'; readonly id: number }
  /** No new work on kept-alive connections; answered by `drained` when idle or after `deadlineMs`. */
  | { readonly type: 'drain'; readonly deadlineMs: number };

export type FromWorker =
  | { readonly type: 'started'; readonly stats: SharedArrayBuffer }
  | { readonly type: 'series'; readonly series: readonly SeriesDefinition[] }
  | { readonly type: 'configured'; readonly version: number }
  | { readonly type: 'listening'; readonly id: number }
  | { readonly type: 'unlistened'; readonly id: number }
  | { readonly type: 'drained' }
  /** Something that a person should know; the control thread logs it. */
  | {
      readonly type: 'log';
      readonly level: 'warn' | 'error';
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    };
