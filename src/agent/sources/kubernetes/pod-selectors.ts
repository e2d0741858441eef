/**
 * Few watches for the pods that many services select. A watch takes one selector, but `app in (a,b,c)` is one too: a label that several
 * services of a namespace select by brings the pods of all of them. Any one label of a service's selector finds all of its pods, and
 * perhaps more, whose labels do no harm.
 */
import type { PodSelection } from '../../model/needs.ts';

export interface PodSelector {
  /** Null: of all namespaces. */
  readonly namespace: string | null;
  readonly key: string;
  /** Sorted; empty: any value. */
  readonly values: readonly string[];
}

/**
 * Watches of one namespace get only its events from the server, so they are the cheaper ones for it, as long as they are few: each takes
 * memory there.
 */
const MAX_NAMESPACES = 16;
/** So that a request's line stays far below the 8 KB that proxies take. */
const MAX_VALUES_LENGTH = 4000;
/** As the API server has them; others select nothing. */
const VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const KEY = /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

export function podSelectors(selections: readonly PodSelection[]): PodSelector[] {
  const usable = selections.filter(({ selector }) => Object.entries(selector).some(isLabel));
  const byNamespace = Map.groupBy(usable, ({ namespace }) => namespace);
  if (byNamespace.size > MAX_NAMESPACES) return merged(null, usable);
  return [...byNamespace].flatMap(([namespace, own]) => merged(namespace, own));
}

/** The keys that most of them have first. */
function merged(namespace: string | null, selections: readonly PodSelection[]): PodSelector[] {
  const selectors: PodSelector[] = [];
  let left = selections;
  while (left.length > 0) {
    const key = mostCommonKey(left);
    const valueOf = ({ selector }: PodSelection): string[] =>
      Object.entries(selector).flatMap((label) => (label[0] === key && isLabel(label) ? [label[1]] : []));
    const sorted = [...new Set(left.flatMap(valueOf))].sort();
    left = left.filter((selection) => valueOf(selection).length === 0);
    selectors.push({ namespace, key, values: sorted.join().length > MAX_VALUES_LENGTH ? [] : sorted });
  }
  return selectors;
}

function mostCommonKey(selections: readonly PodSelection[]): string {
  const counts = new Map<string, number>();
  for (const { selector } of selections) {
    for (const label of Object.entries(selector)) if (isLabel(label)) counts.set(label[0], (counts.get(label[0]) ?? 0) + 1);
  }
  const [first] = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return first?.[0] ?? '';
}

function isLabel([key, value]: readonly [string, string]): boolean {
  return KEY.test(key) && VALUE.test(value);
}

/** Whether whatever the one brings comes by the other too. */
export function covers(by: PodSelector, other: PodSelector): boolean {
  if (by.key !== other.key || (by.namespace !== null && by.namespace !== other.namespace)) return false;
  return by.values.length === 0 || (other.values.length > 0 && other.values.every((value) => by.values.includes(value)));
}

export function selectorText({ key, values }: PodSelector): string {
  if (values.length === 0) return key;
  return values.length === 1 ? `${key}=${values[0]}` : `${key} in (${values.join()})`;
}
