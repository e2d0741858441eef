/**
 * What rules say of a client depends on its namespace, and sometimes on its labels. A class of clients is written as its namespace, or
 * as the id of a scope, which has the labels too: `shop;role=web`. Neither has a semicolon of its own.
 */
import type { StringMap } from '../objects.ts';

export interface ClientLook {
  /** Null: one for whose namespace there is no rule of its own. */
  readonly namespace: string | null;
  /** Those by which rules distinguish clients. */
  readonly labels: StringMap;
}

export function scopeId(namespace: string, labels: StringMap): string {
  const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return [namespace, ...pairs.map(([name, value]) => `${name}=${value}`)].join(';');
}

export function namespaceOf(client: string): string;
export function namespaceOf(client: string | null): string | null;
export function namespaceOf(client: string | null): string | null {
  return client === null ? null : (client.split(';', 1)[0] as string);
}

export function labelsOf(client: string | null): StringMap {
  const pairs = client?.split(';').slice(1) ?? [];
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}
