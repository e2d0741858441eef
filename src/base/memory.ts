import { setFlagsFromString } from 'node:v8';

/** How much a heap may grow, in percent of what was in use after a collection, before the next one. */
const GROWTH_PERCENT = 10;

/**
 * Threads that are started from now on have young generations as their `resourceLimits` say. `--max-semi-space-size`, which sizes that of
 * the main thread, would otherwise hold for all: V8 looks at the flag when it makes a heap, and prefers it.
 */
export function boundThreadsThemselves(): void {
  setFlagsFromString('--max-semi-space-size=0');
}

/**
 * A full collection that gives memory back. V8 collects when a heap has grown by a part of what was in use, and does not when nothing happens
 * any more: what was made to read a whole cluster would stay, and pages that are half empty with it. It stops this thread for about
 * five milliseconds a megabyte that is in use.
 *
 * Without `--expose-gc`, which scripts/nodeway gives, it does nothing.
 *
 * @param times a collection moves only so much out of pages that are nearly empty: of a large heap a second one gives back much more.
 */
export function giveMemoryBack(times = 1): void {
  for (let time = 0; time < times; time++) globalThis.gc?.({ type: 'major', flavor: 'last-resort' });
}

/**
 * From now on all heaps of the process stay close to what is in use. On a machine with much memory V8 lets them grow up to fourfold; while
 * everything is new and nearly all of it is kept that saves collections which would find nothing, and afterwards it would only be memory.
 */
export function growHeapsSlowly(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}
