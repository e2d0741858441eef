/** Services of which one name or another is a host that a VirtualService names, without being the service's own. */
import { serviceHost } from './hosts.ts';

const NONE: readonly string[] = [];

/** `reviews.default` is a name of `reviews.default.svc.cluster.local`, and `0.db.default` one of an instance of a headless `db`. */
export function namesake(host: string, clusterDomain: string): readonly string[] {
  const dot = host.indexOf('.');
  if (dot < 0) return NONE;
  const itself = serviceNamed(host, clusterDomain);
  // An instance, or any below a headless service.
  const below = serviceNamed(host.slice(dot + 1), clusterDomain);
  const named = itself === host ? null : itself;
  if (named === null) return below === null ? NONE : [below];
  return below === null ? [named] : [named, below];
}

/** The full name of the service that is meant by `name.namespace`, with `.svc`, or with the domain of the cluster too. */
function serviceNamed(host: string, clusterDomain: string): string | null {
  const first = host.indexOf('.');
  if (first < 0 || host.startsWith('*')) return null;
  const second = host.indexOf('.', first + 1);
  const rest = second < 0 ? '' : host.slice(second + 1);
  const isWhole = rest.length === clusterDomain.length + 4 && rest.startsWith('svc.') && rest.endsWith(clusterDomain);
  if (isWhole) return host;
  if (rest !== '' && rest !== 'svc') return null;
  return serviceHost(host.slice(0, first), host.slice(first + 1, second < 0 ? undefined : second), clusterDomain);
}
