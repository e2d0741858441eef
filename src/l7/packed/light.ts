/**
 * Which records are light: made into objects within some microseconds, with nothing that has to be checked or built before it takes
 * effect (regular expressions, rings). All others are prepared ahead. A record of an unknown shape is not light. Names of headers have
 * to be known before a head is read; a packed record begins with those that it asks for.
 */
import type { ClusterConfig, EndpointConfig } from '../config/cluster.ts';
import type { HeaderOperations } from '../config/header-operations.ts';
import type { NamedMatch, RouteAction, RouteConfig, RouteMatch, StringMatch, VirtualHostConfig } from '../config/route.ts';
import type { AddressesConfig } from '../config/workload.ts';

const MOST_ROUTES = 4;
const MOST_DESTINATIONS = 4;
const MOST_NAMES = 32;
const MOST_ENDPOINTS = 16;
const MOST_ADDRESSES = 16;
const MOST_BODY = 4096;
/** Conditions of a route on headers, and on the query. */
const MOST_CONDITIONS = 4;
/** Lines and names of one level's operations. */
const MOST_OPERATIONS = 8;

export function lightCluster({ id, service, balancer }: ClusterConfig): boolean {
  return isAscii(id) && service?.host !== undefined && balancer?.kind !== undefined && !('key' in balancer);
}

export function lightEndpoints(cluster: string, endpoints: readonly EndpointConfig[]): boolean {
  return isAscii(cluster) && endpoints.length <= MOST_ENDPOINTS;
}

/** Ranges and rules are looked at in their own way. */
export function lightAddresses(id: string, { entries }: AddressesConfig): boolean {
  if (!isAscii(id) || !Array.isArray(entries) || entries.length > MOST_ADDRESSES) return false;
  return entries.every(([key, destination]) => !key.includes('/') && destination.rules === undefined);
}

export function lightVirtualHost(id: string, { domains, local, routes }: VirtualHostConfig): boolean {
  if (!isAscii(id) || !Array.isArray(domains) || !Array.isArray(routes)) return false;
  return routes.length <= MOST_ROUTES && domains.length + (local?.domains.length ?? 0) <= MOST_NAMES && routes.every(lightRoute);
}

function lightRoute({ match, action, requestHeaders, responseHeaders }: RouteConfig): boolean {
  if (match === undefined || !lightMatch(match) || !lightOperations(requestHeaders) || !lightOperations(responseHeaders)) return false;
  switch (action?.kind) {
    case 'route':
      return lightAction(action);
    case 'redirect':
      return true;
    case 'direct':
      return action.body.length <= MOST_BODY;
    default:
      return false;
  }
}

function lightMatch({ path, method, scheme, authority, headers, query }: RouteMatch): boolean {
  return lightConditions(headers) && lightConditions(query) && [path, method, scheme, authority].every((match) => !isExpression(match));
}

function lightConditions(conditions: readonly NamedMatch[] | undefined): boolean {
  return conditions === undefined || (conditions.length <= MOST_CONDITIONS && conditions.every(({ match }) => !isExpression(match)));
}

function lightOperations(operations: HeaderOperations | undefined): boolean {
  if (operations === undefined) return true;
  const { set = [], add = [], remove = [] } = operations;
  return set.length + add.length + remove.length <= MOST_OPERATIONS;
}

const isExpression = (match: StringMatch | undefined): boolean => match?.kind === 'regex';

function lightAction({ destinations, mirrors, rewrite, cors }: RouteAction): boolean {
  if (!Array.isArray(destinations) || destinations.length === 0 || destinations.length > MOST_DESTINATIONS) return false;
  if (!Array.isArray(mirrors) || mirrors.length > MOST_DESTINATIONS || cors !== undefined || rewrite?.regex !== undefined) return false;
  return destinations.every(({ requestHeaders, responseHeaders }) => lightOperations(requestHeaders) && lightOperations(responseHeaders));
}

/** Keys are compared as bytes. */
function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}
