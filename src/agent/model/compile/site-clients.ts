/** Which clients may see something else at a site than most do. */
import type { MeshHostParts } from './host-parts.ts';
import { namespaceOf } from './client-class.ts';
import type { Site } from './virtual-hosts.ts';
import type { BoundVirtualService, Naming } from './virtual-services.ts';

type SiteParts = Pick<MeshHostParts, 'source' | 'clientNamespaces'>;

/** Namespaces of clients for whom it may differ: rules ask for them, or a destination or the rules for one are their own. */
export function namespacesToldApart({ source, clientNamespaces }: SiteParts, { of, namings }: Site): string[] {
  const candidates = servicesOf(namings);
  const asked = candidates.flatMap(({ sourceNamespaces, exportTo }) => [...sourceNamespaces, ...(exportTo ?? [])]);
  const hosts = candidates.flatMap(({ destinations }) => destinations);
  const seen = hosts.flatMap((host) => source.services.clientsOfTheirOwn(host));
  const named = [...asked, ...seen].filter((namespace) => clientNamespaces.has(namespace));
  const services = hosts.flatMap((host) => source.services.get(host) ?? []);
  const destinations = of === null ? services : [of.service, ...services];
  const own = destinations.flatMap((service) => source.rules.clientsOfTheirOwn(service).map((client) => namespaceOf(client)));
  return [...new Set([...named, ...own])];
}

/** Labels of clients for which rules ask there. `all`: rules for a destination may ask for any. */
export function labelsToldApart({ source }: SiteParts, { of, namings }: Site): 'all' | readonly string[] {
  const candidates = servicesOf(namings);
  const hosts = [...(of === null ? [] : [of.service.host]), ...candidates.flatMap(({ destinations }) => destinations)];
  return source.rules.askForLabels(hosts) ? 'all' : candidates.flatMap(({ sourceLabels }) => sourceLabels);
}

export function servicesOf(namings: readonly Naming[]): readonly BoundVirtualService[] {
  return namings.length < 2 ? namings.map(({ service }) => service) : [...new Set(namings.map(({ service }) => service))];
}
