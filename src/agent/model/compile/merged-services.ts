/**
 * Several Services and ServiceEntries of one namespace for one host, as istiod takes them together. The first that a client sees has the
 * host. Others that are like it give it more ports. All that the client sees give it their addresses, and all of the namespace, whoever
 * sees them, their endpoints.
 */
import { byAge } from './age.ts';
import { addressesAt, type MeshPort, type MeshService, portOf } from './mesh-service.ts';

/** @param services of one host, in the order in which they are preferred; so are those that come back. */
export function merged(services: readonly MeshService[]): readonly MeshService[] {
  const byNamespace = Map.groupBy(services, ({ namespace }) => namespace);
  if (byNamespace.size === services.length) return services;
  const found = [...byNamespace.values()].flatMap((all) => (all.length === 1 ? all.map((one) => [one, one] as const) : views(all)));
  return found.sort(([a], [b]) => services.indexOf(a) - services.indexOf(b)).map(([, service]) => service);
}

/** For each kind of client what it has, after whose host it is. */
function views(all: readonly MeshService[]): (readonly [main: MeshService, MeshService])[] {
  const open = all.filter(({ exportTo }) => exportTo === null);
  const named = new Set(all.flatMap(({ exportTo }) => exportTo ?? []));
  const seen = [...named].map((client) => [client, [...all.filter(({ exportTo }) => exportTo?.includes(client)), ...open]] as const);
  const clients = Map.groupBy(seen, ([, visible]) => visible.map((service) => all.indexOf(service)).join());
  const others = open.length === 0 ? [] : [viewOf(open, all, null)];
  return [
    ...others,
    ...[...clients.values()].map((own) =>
      viewOf(
        own[0]?.[1] ?? [],
        all,
        own.map(([client]) => client),
      ),
    ),
  ];
}

/** A Kubernetes Service keeps its name. */
function viewOf(
  visible: readonly MeshService[],
  parts: readonly MeshService[],
  exportTo: readonly string[] | null,
): readonly [main: MeshService, MeshService] {
  const main = visible.reduce((best, one) => (best.registry !== 'kubernetes' && one.registry === 'kubernetes' ? one : best));
  const ports = new Map<number, MeshPort>();
  for (const service of [main, ...visible]) {
    for (const port of service.ports) {
      const known = ports.get(port.number);
      const addresses = [...new Set([...(known?.addresses ?? []), ...addressesAt(service, port)])];
      const { addresses: asNames } = visible.toSorted(bySight).findLast((one) => portOf(one, port.number) !== null) ?? service;
      ports.set(port.number, known === undefined ? ownPort(main, service, { ...port, addresses, asNames }) : { ...known, addresses });
    }
  }
  const addresses = [...new Set(visible.flatMap((service) => service.addresses))];
  return [main, { ...main, exportTo, addresses, ports: [...ports.values()], parts }];
}

/** As istiod goes through them: first what is there for a client's namespace by name. */
function bySight(a: MeshService, b: MeshService): number {
  return Number(a.exportTo === null) - Number(b.exportTo === null) || byAge(a, b);
}

function ownPort(main: MeshService, service: MeshService, port: MeshPort): MeshPort {
  if (service === main) return port;
  if (service.entry === null || service.entry.likeness !== main.entry?.likeness) return { ...port, leadsNowhere: true };
  // Where connections go on to where they were going, only the first says at which port.
  return main.entry.resolution === 'original' ? { ...port, targetPort: undefined } : port;
}
