/** Istio's order wherever several objects want the same thing: creation time, name, namespace. No time counts as the oldest. */
import { internal } from '../../../base/internal.ts';
import type { ApiObject } from '../objects.ts';

export interface Aged {
  /** Milliseconds since the epoch. */
  readonly created: number;
  readonly name: string;
  readonly namespace: string;
}

export function ageOf({ metadata: { creationTimestamp, name, namespace } }: ApiObject): Aged {
  return { created: creationTimestamp ? Date.parse(creationTimestamp) : 0, name: internal(name), namespace: internal(namespace ?? '') };
}

export function byAge(a: Aged, b: Aged): number {
  return a.created - b.created || order(a.name, b.name) || order(a.namespace, b.namespace);
}

export function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
