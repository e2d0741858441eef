import type { StringMap } from '../objects.ts';

/** Whether `labels` has every label of the selector. */
export function selects(selector: StringMap, labels: StringMap): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}
