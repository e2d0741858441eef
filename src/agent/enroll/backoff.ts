/** How long enrolment waits after a failure: a pod that is about to start is found soon, one that never does costs little. */
const FIRST_MS = 250;
const LONGEST_MS = 10_000;

/** After so many failures, the last one included. */
export function backoff(failures: number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 10));
}
