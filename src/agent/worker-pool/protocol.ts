/** Messages between the control thread and a worker (structured clones over the worker's port). */
import type { ListenerConfig } from '../../l7/engine-port.ts';
import type { Exemplar, SeriesDefinition } from '../../l7/record/stats.ts';
import type { LedgerMemory } from '../../l7/upstream/ledger.ts';
import type { Answer, Question } from '../../l7/question.ts';
import type { TapFilter } from '../../l7/tap/tap-filter.ts';
import type { DeltaPart } from '../../l7/runtime/parts.ts';

/** Handed over when the worker starts. */
export interface WorkerSettings {
  readonly index: number;
  /** How many there are. */
  readonly workers: number;
  /** SO_MARK of the agent's own sockets. */
  readonly mark: number;
  /** Descriptor of the BPF map of original destinations; -1 without a datapath. */
  readonly originalDestinations: number;
  /** Where the worker keeps what it took from that map last. */
  readonly taken: SharedArrayBuffer;
  /** For how long the metrics of silent peers stay; 0: for ever. */
  readonly silentSeriesMs: number;
  /** Of metrics, that it has room for. */
  readonly metricsValues: number;
  /** When the head of a response is late; 0: never. */
  readonly slowRequestMs: number;
  /** What all workers count together. */
  readonly ledger: LedgerMemory;
  /** What the worker shows of itself while it runs: see vitals.ts. */
  readonly vitals: SharedArrayBuffer;
  /** Of the threads that serve requests: see base/priority.ts. */
  readonly priority: number | null;
}

export interface TimedExemplar extends Exemplar {
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export type ToWorker =
  /** A piece of the next configuration; answered by `taken`, when there is room for another one. */
  | { readonly type: 'part'; readonly part: DeltaPart }
  /** All pieces have been sent. Answered by `configured` when they are in effect, and by `settled` when the next may follow. */
  | { readonly type: 'commit'; readonly version: number }
  | { readonly type: 'listen'; readonly listener: ListenerConfig }
  /** Stop accepting; established connections go on. Answered by `unlistened`, after which the descriptor may be closed. */
  | { readonly type: 'unlisten'; readonly id: number }
  /** What those who tap want to see of single requests, in the place of what was said before. */
  | { readonly type: 'tap'; readonly filters: readonly TapFilter[] }
  /** Answered by `answer` with the same number. */
  | { readonly type: 'ask'; readonly id: number; readonly question: Question }
  /** No new work on kept-alive connections; answered by `drained` when idle or after `deadlineMs`. */
  | { readonly type: 'drain'; readonly deadlineMs: number };

export type FromWorker =
  | { readonly type: 'started'; readonly stats: SharedArrayBuffer }
  /** New series of its metrics, and cells whose series have ended. */
  | { readonly type: 'series'; readonly added: readonly SeriesDefinition[]; readonly ended: readonly number[] }
  /** Requests of which there is a trace, each the last of its histogram. */
  | { readonly type: 'exemplars'; readonly exemplars: readonly TimedExemplar[] }
  /** Lines of the access log for a sink, of single requests, or of spans for a provider are in this ring from now on. */
  | { readonly type: 'logRing' | 'tapRing' | 'spanRing'; readonly sink: string; readonly memory: SharedArrayBuffer }
  | { readonly type: 'answer'; readonly id: number; readonly answer: Answer }
  | { readonly type: 'taken' }
  | { readonly type: 'configured'; readonly version: number }
  | { readonly type: 'settled' }
  | { readonly type: 'listening'; readonly id: number }
  | { readonly type: 'unlistened'; readonly id: number }
  | { readonly type: 'drained' }
  /** A log line; the control thread writes it. */
  | {
      readonly type: 'log';
      readonly level: 'warn' | 'error';
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    };
