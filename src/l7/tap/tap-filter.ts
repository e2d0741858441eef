/** Which requests somebody wants to see. Conditions that are there must all hold. */
import type { ToldPeer, ToldRequest } from './told-request.ts';

export interface TapFilter {
  /** `namespace/name` of either peer. */
  readonly pod?: string;
  /** What the path begins with. */
  readonly path?: string;
  readonly method?: string;
  /** `503`, or `5xx` for all of its class. */
  readonly status?: string;
  /** Host of the service, or its name up to a dot. */
  readonly service?: string;
}

export function isTold(filter: TapFilter, told: ToldRequest): boolean {
  const { pod, path, method, status, service } = filter;
  if (pod !== undefined && told.source.pod !== pod && told.destination.pod !== pod) return false;
  if (path !== undefined && !told.path.startsWith(path)) return false;
  if (method !== undefined && told.method !== method) return false;
  if (status !== undefined && !isOfStatus(status, told.status)) return false;
  return service === undefined || told.service === service || told.service.startsWith(`${service}.`);
}

/** Before anything is made of the request. */
export function mayConcern({ pod }: TapFilter, source: ToldPeer['pod'], destination: ToldPeer['pod']): boolean {
  return pod === undefined || pod === source || pod === destination;
}

function isOfStatus(wanted: string, status: number): boolean {
  const text = String(status);
  return wanted.endsWith('xx') ? text.length === 3 && text[0] === wanted[0] : text === wanted;
}
