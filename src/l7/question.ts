/** What the control thread may ask a worker about what it does. Plain data; answering is a matter of microseconds to milliseconds. */
import type { Explanation, ExplainQuestion } from './explain/explanation.ts';
import type { PoolReport } from './upstream/pool-report.ts';

export type Question = { readonly ask: 'pools' } | ({ readonly ask: 'explain' } & ExplainQuestion);

export interface PoolsAnswer {
  /** The worker's clock, in milliseconds: that of the times in the ledger. */
  readonly now: number;
  /** `client` is the key of the pod in whose namespace the connections are, or `gateway`. */
  readonly pools: readonly (PoolReport & { readonly client: string })[];
}

export type Answer = PoolsAnswer | Explanation;
