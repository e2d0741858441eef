/** Waits for conditions of whole clusters, on machines that are slow and have other work: what has not happened by then does not. */
import { until as untilWithin } from '../node/pod-network.ts';

const PATIENCE_MS = 240_000;
/** A question to a cluster costs the machine milliseconds, and often a process. */
const BETWEEN_MS = 50;

/** Waits until `condition` holds. @throws with `what` when it does not. */
export function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  return untilWithin(condition, what, PATIENCE_MS, BETWEEN_MS);
}
