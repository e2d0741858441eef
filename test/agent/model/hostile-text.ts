/** Objects in which one text after the other is replaced by a hostile one. */
import type { Shape } from '../../../src/agent/model/schema/shape.ts';

/** What ends a line, a field or an attribute; also characters whose low bytes do. */
export const HOSTILE: readonly string[] = [
  'a\r\nx-smuggled: 1',
  'a\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n',
  'a\nx-smuggled: 1',
  'a\rx-smuggled: 1',
  '1\u010d\u010ax-smuggled: 1',
  '/\u010d\u010a\u010d\u010aGET /smuggled HTTP/1.1\u010d\u010a',
  'a\0b',
  '/a b',
  'a; Domain=b',
  'a#b',
  '%',
  '\\1\\2',
  'a\u007f',
  '\u2028',
  '\ud800',
  '__proto__',
  '',
];

export type Path = readonly (string | number)[];

/** Where a value has a text, and where it has a name of a map's entry (`#` behind the path). */
export function textsIn(shape: Shape, value: unknown, path: Path = []): { readonly path: Path; readonly isKey: boolean }[] {
  if (typeof value === 'string') return [{ path, isKey: false }];
  if (Array.isArray(value))
    return value.flatMap((item, index) => (shape.kind === 'list' ? textsIn(shape.element, item, [...path, index]) : []));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => {
    const below = shape.kind === 'map' ? shape.value : shape.kind === 'object' ? shape.fields.get(key)?.shape : undefined;
    const own = below === undefined ? [] : textsIn(below, item, [...path, key]);
    return shape.kind === 'map' ? [{ path: [...path, key], isKey: true }, ...own] : own;
  });
}

/** The fields of a shape that nothing in these values has, and which are not left out by it anyway. */
export function uncovered(shape: Shape, values: readonly unknown[], path = ''): string[] {
  if (shape.kind === 'list')
    return uncovered(
      shape.element,
      values.flatMap((value) => (Array.isArray(value) ? (value as unknown[]) : [])),
      path,
    );
  const objects = values.filter((value) => typeof value === 'object' && value !== null) as Readonly<Record<string, unknown>>[];
  if (shape.kind === 'map')
    return uncovered(
      shape.value,
      objects.flatMap((object) => Object.values(object)),
      path,
    );
  if (shape.kind !== 'object') return [];
  return [...shape.fields].flatMap(([key, field]) => {
    if (field.shape.kind === 'unsupported') return [];
    const having = objects.filter((object) => object[key] !== undefined).map((object) => object[key]);
    return having.length === 0 ? [`${path}.${key}`] : uncovered(field.shape, having, `${path}.${key}`);
  });
}

/** A copy with that text, or that name, in the place of another. */
export function withText<T>(object: T, { path, isKey }: { readonly path: Path; readonly isKey: boolean }, text: string): T {
  const copy = structuredClone(object);
  const parent = path.slice(0, -1).reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], copy) as Record<string, unknown>;
  const last = path.at(-1) as string;
  if (isKey) Object.defineProperty(parent, text, { value: parent[last], enumerable: true, writable: true, configurable: true });
  if (isKey && text !== last) delete parent[last];
  else if (!isKey) parent[last] = text;
  return copy;
}
