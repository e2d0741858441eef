/** What the admin endpoint tells of single requests: the recent ones that failed or were slow, and live ones. */
import type { TapFilter } from '../../l7/tap/tap-filter.ts';
import { MOST_TAPS, type RequestLog } from '../requests/request-log.ts';
import { type AdminRequest, json, plain, type Reply, type Routes } from './http-server.ts';

const CONDITIONS = ['pod', 'path', 'method', 'status', 'service'] as const satisfies readonly (keyof TapFilter)[];
const MOST_RECENT = 256;

export function requestRoutes(requests: RequestLog): Routes {
  return {
    'GET /requests': ({ query }) => recent(requests, query),
    'GET /tap': (request) => tap(requests, request),
  };
}

/** `?slow` or `?failed` for one kind alone, `?limit=N`. */
function recent(requests: RequestLog, query: URLSearchParams): Reply {
  const limit = query.get('limit') ?? String(MOST_RECENT);
  if (!/^[1-9]\d{0,3}$/.test(limit)) return plain(`limit: "${limit}" is not a whole number from 1 to 9999`, 400);
  const kinds = (['slow', 'failed'] as const).filter((kind) => query.has(kind));
  const wanted = kinds.length === 0 ? (['slow', 'failed'] as const) : kinds;
  const lists = wanted.map((kind) => [kind, requests.recent(kind, Number(limit))] as const);
  return json({ ...Object.fromEntries(lists), dropped: requests.report().droppedByWorkers });
}

function tap(requests: RequestLog, { query, gone }: AdminRequest): Reply {
  const filter = filterOf(query);
  if (typeof filter === 'string') return plain(filter, 400);
  const live = requests.tap(filter);
  if (live === null) return plain(`${MOST_TAPS} others tap already`, 429);
  gone.addEventListener('abort', () => live.close());
  return { status: 200, type: 'application/x-ndjson', body: live };
}

/** A text says what is wrong. */
function filterOf(query: URLSearchParams): TapFilter | string {
  const unknown = [...query.keys()].find((key) => !CONDITIONS.some((known) => known === key));
  if (unknown !== undefined) return `${unknown}: no such condition; there are ${CONDITIONS.join(', ')}`;
  const filter = Object.fromEntries(CONDITIONS.flatMap((key) => (query.has(key) ? [[key, query.get(key) as string]] : []))) as TapFilter;
  if (filter.status !== undefined && !/^([1-5]\d\d|[1-5]xx|0)$/.test(filter.status))
    return `status: "${filter.status}" is neither 503 nor 5xx`;
  return filter;
}
