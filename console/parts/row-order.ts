/** The order of a table's rows. */

export interface Order {
  /** Its key. */
  readonly column: string;
  readonly descending: boolean;
}

/** Rows that are equal are in the order of their keys, whichever way the others go. */
export function ordered<Row>(
  rows: readonly Row[],
  by: (row: Row) => number | string,
  descending: boolean,
  keyOf: (row: Row) => string,
): Row[] {
  const direction = descending ? -1 : 1;
  return [...rows].sort((a, b) => direction * compare(by(a), by(b)) || compare(keyOf(a), keyOf(b)));
}

function compare(a: number | string, b: number | string): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a).localeCompare(String(b), 'en', { numeric: true });
}

/** Rows that are new come last. */
export function inOrderOf<Row>(keys: readonly string[], rows: readonly Row[], keyOf: (row: Row) => string): Row[] {
  const places = new Map(keys.map((key, index) => [key, index]));
  const placeOf = (row: Row): number => places.get(keyOf(row)) ?? keys.length;
  return [...rows].sort((a, b) => placeOf(a) - placeOf(b));
}
