/** Names between two fresh tables: a table holds what it has seen. */
const MOST = 1000;

let names = fresh();
let count = 0;

/**
 * The same text as V8's one copy of it. A key that was put together is a chain of its parts, and equal keys in several maps are several
 * copies; as the name of a property, a text becomes one flat string that all its equals share, for as long as somebody has it.
 */
export function internal(text: string): string {
  names[text] = true;
  if (++count === MOST) {
    names = fresh();
    count = 0;
  }
  return text;
}

function fresh(): Record<string, true> {
  return Object.create(null) as Record<string, true>;
}
