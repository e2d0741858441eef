/**
 * Names of headers that a light virtual host refers to. A head is read with the names that are known then, so a worker has to know them
 * before the record takes effect, and does not make its objects before it is used.
 *
 * Invariant (test/l7/packed/header-names.test.ts): these are the names that are interned when the host's routes are compiled.
 */
import type { HeaderLine, HeaderOperations } from '../config/header-operations.ts';
import type { RouteConfig, VirtualHostConfig } from '../config/route.ts';

/** In lower case, each once. Undefined: none, as for nearly all. */
export function headerNamesOf({ routes }: VirtualHostConfig): readonly string[] | undefined {
  const names = new Set<string>();
  for (const route of routes) addRoute(route, names);
  return names.size === 0 ? undefined : [...names];
}

function addRoute({ match, action, requestHeaders, responseHeaders }: RouteConfig, names: Set<string>): void {
  for (const { name } of match.headers ?? []) addName(name, names);
  addOperations(responseHeaders, names);
  if (action.kind !== 'route') return;
  addOperations(requestHeaders, names);
  for (const destination of action.destinations) {
    addOperations(destination.requestHeaders, names);
    addOperations(destination.responseHeaders, names);
  }
}

function addOperations(operations: HeaderOperations | undefined, names: Set<string>): void {
  if (operations === undefined) return;
  for (const name of operations.remove ?? []) addName(name, names);
  for (const line of operations.set ?? []) {
    addName(line[0], names);
    addFormatted(line, names);
  }
  for (const line of operations.add ?? []) addFormatted(line, names);
}

/** What a value is made from. */
function addFormatted([, value]: HeaderLine, names: Set<string>): void {
  if (typeof value === 'string') return;
  for (const segment of value) {
    if (typeof segment === 'object' && 'names' in segment) for (const name of segment.names) addName(name, names);
  }
}

/** Pseudo headers are no fields. */
function addName(name: string, names: Set<string>): void {
  if (!name.startsWith(':')) names.add(name.toLowerCase());
}
