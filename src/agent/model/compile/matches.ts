/** HTTPMatchRequest → RouteMatch: the conditions that only a request can answer. */
import type { HeaderMatch, NamedMatch, RouteMatch, StringMatch } from '../../../l7/config/route.ts';
import type { ConditionMap, HttpMatchRequest, StringCondition } from '../objects.ts';
import { order } from './age.ts';

/** A name that starts so asks for a claim of a verified token. */
const CLAIM_PREFIX = '@request.auth.claims';

export function routeMatch(request: HttpMatchRequest): RouteMatch {
  const path = stringMatch(request.uri);
  const headers = [...named(request.headers, false), ...named(request.withoutHeaders, true)];
  const query = Object.entries(request.queryParams ?? {}).map(([name, condition]): NamedMatch => ({ name, match: presentOr(condition) }));
  return {
    ...(path !== null && { path }),
    ...(path !== null && path.kind !== 'regex' && request.ignoreUriCase === true && { ignorePathCase: true }),
    ...field('method', request.method),
    ...field('scheme', request.scheme),
    ...field('authority', request.authority),
    ...(headers.length > 0 && { headers }),
    ...(query.length > 0 && { query: query.sort((a, b) => order(a.name, b.name)) }),
  };
}

/** Whether no request gets past it, by Istio's own test: an empty prefix and other expressions for everything do not count. */
export function isCatchAll({ path, method, scheme, authority, headers, query }: RouteMatch): boolean {
  const everyPath = path === undefined || (path.kind === 'prefix' && path.value === '/') || (path.kind === 'regex' && path.value === '.*');
  return everyPath && [method, scheme, authority, headers, query].every((condition) => condition === undefined);
}

export function asksForClaims({ headers, withoutHeaders }: HttpMatchRequest): boolean {
  return [...Object.keys(headers ?? {}), ...Object.keys(withoutHeaders ?? {})].some((name) => name.startsWith(CLAIM_PREFIX));
}

function field(name: 'method' | 'scheme' | 'authority', condition: StringCondition | undefined): Partial<RouteMatch> {
  const match = stringMatch(condition);
  return match === null ? {} : { [name]: match };
}

function named(conditions: ConditionMap | undefined, invert: boolean): HeaderMatch[] {
  return Object.entries(conditions ?? {})
    .map(([name, condition]) => ({ name: name.toLowerCase(), match: presentOr(condition), invert }))
    .sort((a, b) => order(a.name, b.name));
}

/** No condition means that it is there; so does `regex: '*'`, which is no expression but was once taken for one. */
function presentOr(condition: StringCondition | null): StringMatch {
  const match = stringMatch(condition ?? undefined);
  return match === null || (match.kind === 'regex' && match.value === '*') ? { kind: 'present' } : match;
}

export function stringMatch(condition: StringCondition | undefined): StringMatch | null {
  const { exact, prefix, regex } = condition ?? {};
  if (exact !== undefined) return { kind: 'exact', value: exact };
  if (prefix !== undefined) return { kind: 'prefix', value: prefix };
  return regex === undefined ? null : { kind: 'regex', value: regex };
}
