/** Services of which one name or another is a host that a VirtualService names, without being the service's own. */
import { serviceHost } from './hosts.ts';

/** `reviews.default` is a name of `reviews.default.svc.cluster.local`, and `0.db.default` one of an instance of a headless `db`. */
export function namesake(host: string, clusterDomain: string): string[] {
  const labels = host.split('.');
  // An instance, or any below a headless service.
  const below = labels.slice(1);
  return [...new Set([...serviceNamed(labels, clusterDomain), ...serviceNamed(below, clusterDomain)])].filter((other) => other !== host);
}

function serviceNamed(labels: readonly string[], clusterDomain: string): string[] {
  const [name, namespace, ...rest] = labels;
  if (name === undefined || namespace === undefined || name.startsWith('*')) return [];
  return ['', 'svc', `svc.${clusterDomain}`].includes(rest.join('.')) ? [serviceHost(name, namespace, clusterDomain)] : [];
}
