/** DestinationRules of one namespace for one host: which of them are one rule, and which of these is a client's. */
import type { DestinationRule, StringMap, Subset, TrafficPolicy } from '../objects.ts';
import type { ObjectRef } from '../problem.ts';
import { type Aged, byAge } from './age.ts';
import { selects } from './selectors.ts';

export interface BoundRule extends Aged {
  readonly ref: ObjectRef;
  readonly spec: DestinationRule['spec'];
  /** The namespaces for which it is there; null: all. A rule for some clients is there for those of its own namespace. */
  readonly exportTo: readonly string[] | null;
  /** Labels of clients with which it compares those of endpoints. */
  readonly compared: readonly string[];
}

/** Rules that were merged, in the order of their age. */
export interface MergedRule {
  readonly refs: readonly ObjectRef[];
  readonly trafficPolicy: TrafficPolicy | undefined;
  /** The oldest of a name. */
  readonly subsets: readonly Subset[];
}

interface Merging {
  readonly rules: BoundRule[];
  readonly selector: StringMap | null;
  readonly exported: ReadonlySet<string>;
}

/**
 * Rules with the same visibility and the same selector are one rule; one that more may see is merged into the others and stands by
 * itself, too. Of those, a client has the first whose selector its labels meet, or else the last one without a selector.
 */
export function ruleFor(rules: readonly BoundRule[], labels: StringMap): MergedRule | null {
  const all: Merging[] = [];
  for (const rule of [...rules].sort((a, b) => Number(selectorOf(b) !== null) - Number(selectorOf(a) !== null) || byAge(a, b)))
    add(all, rule);
  const chosen =
    all.find(({ selector }) => selector !== null && selects(selector, labels)) ?? all.findLast(({ selector }) => selector === null);
  return chosen === undefined ? null : merge(chosen.rules);
}

export function selectorOf({ spec }: Pick<BoundRule, 'spec'>): StringMap | null {
  return spec.workloadSelector === undefined ? null : (spec.workloadSelector.matchLabels ?? {});
}

/** As istiod does (mergeDestinationRule). */
function add(all: Merging[], rule: BoundRule): void {
  const selector = selectorOf(rule);
  const exported = new Set(rule.exportTo ?? ['*']);
  let alone = true;
  for (const other of all) {
    const covers = [...other.exported].every((one) => exported.has(one));
    alone = !covers || exported.size !== other.exported.size;
    if (!covers) continue;
    const both = selector !== null && other.selector !== null;
    if (both && !sameLabels(selector, other.selector)) {
      alone = true;
      continue;
    }
    if (both || (selector === null && other.selector === null)) alone = false;
    other.rules.push(rule);
  }
  if (alone) all.push({ rules: [rule], selector, exported });
}

function sameLabels(a: StringMap, b: StringMap | null): boolean {
  return b !== null && selects(a, b) && selects(b, a);
}

/** The oldest policy stays as a whole; subsets are collected. */
function merge(rules: readonly BoundRule[]): MergedRule {
  const subsets = new Map<string, Subset>();
  for (const subset of rules.flatMap(({ spec }) => spec.subsets ?? [])) if (!subsets.has(subset.name)) subsets.set(subset.name, subset);
  return {
    refs: rules.map(({ ref }) => ref),
    trafficPolicy: rules.find(({ spec }) => spec.trafficPolicy !== undefined)?.spec.trafficPolicy,
    subsets: [...subsets.values()],
  };
}
