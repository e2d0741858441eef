/** The hosts of ServiceEntries as destinations: each is a service of its own with all of the entry's addresses and ports. */
import { rangeKey } from '../../../base/address-range.ts';
import type { ServiceEntry, StringMap } from '../objects.ts';
import { refOf } from '../problem.ts';
import { ageOf, order } from './age.ts';
import { socketForm } from './hosts.ts';
import { clusterName, type EntryPart, type Family, type MeshPort, type MeshService } from './mesh-service.ts';
import { portProtocol } from './protocols.ts';

const RESOLUTIONS = {
  NONE: 'original',
  STATIC: 'given',
  DNS: 'dns',
  DNS_ROUND_ROBIN: 'first',
  /** Known, and without endpoints. */
  DYNAMIC_DNS: 'given',
} as const;

/** @param exportTo namespaces for which it is there; null: all. */
export function entryServices(object: ServiceEntry, exportTo: readonly string[] | null): MeshService[] {
  const { created, namespace } = ageOf(object);
  const { hosts, addresses = [], ports = [], resolution = 'NONE', endpoints, workloadSelector } = object.spec;
  const own = addressesOf(addresses);
  const likeness = likenessOf(object);
  const selector = resolution === 'NONE' ? undefined : workloadSelector?.labels;
  return [...new Set(hosts.map((host) => host.toLowerCase()))].map((host): MeshService => {
    const kind = RESOLUTIONS[resolution];
    const byName = (kind === 'dns' || kind === 'first') && (endpoints?.length ?? 0) === 0 && workloadSelector === undefined;
    const entry: EntryPart = {
      ref: refOf(object),
      likeness,
      resolution: kind,
      ranges: own.ranges,
      endpoints: byName ? [{ address: host }] : (endpoints ?? []),
      named: !byName,
    };
    return {
      created,
      name: host,
      namespace,
      host,
      registry: 'entry',
      headless: false,
      addresses: own.addresses,
      entry,
      exportTo,
      families: own.families,
      selector: selector !== undefined && Object.keys(selector).length > 0 ? selector : null,
      publishesNotReady: false,
      distribution: null,
      ports: ports.filter(({ protocol }) => protocol?.toLowerCase() !== 'udp').map((port): MeshPort => entryPort(port, host, namespace)),
    };
  });
}

function likenessOf({ metadata: { labels = {} }, spec: { resolution, workloadSelector, exportTo = [] } }: ServiceEntry): string {
  const pairs = (map: StringMap): [string, string][] => Object.entries(map).sort(([a], [b]) => order(a, b));
  return JSON.stringify([resolution ?? 'NONE', pairs(labels), pairs(workloadSelector?.labels ?? {}), [...new Set(exportTo)].sort()]);
}

function entryPort(
  { number, protocol = 'TCP', name, targetPort }: NonNullable<ServiceEntry['spec']['ports']>[number],
  host: string,
  namespace: string,
): MeshPort {
  // The protocol is declared, whatever the name of the port.
  const spoken = portProtocol({ name: protocol.toLowerCase(), port: number });
  return {
    name,
    number,
    targetPort,
    ...spoken,
    ref: { host, name: host, namespace, port: number },
    cluster: clusterName(number, '', host),
  };
}

/** A range of one address is that address. */
function addressesOf(given: readonly string[]): { addresses: string[]; ranges: string[]; families: Family[] } {
  const addresses = new Set<string>();
  const ranges = new Set<string>();
  for (const one of given) {
    const [ip = '', bits] = one.split('/', 2);
    const address = socketForm(ip);
    if (address === null) continue;
    if (bits === undefined || Number(bits) === (address.includes(':') ? 128 : 32)) addresses.add(address);
    else ranges.add(rangeKey(address, Number(bits)));
  }
  return { addresses: [...addresses], ranges: [...ranges], families: [] };
}
