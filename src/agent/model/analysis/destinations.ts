/** Destinations that lead nowhere, or not where they seem to. */
import { fullName, serviceHost } from '../compile/hosts.ts';
import { selects } from '../compile/selectors.ts';
import type { Destination, DestinationRule, Pod, Service, ServiceEntry, VirtualService } from '../objects.ts';
import { type FieldPath, refOf } from '../problem.ts';
import { CODE } from './codes.ts';
import type { Say } from './finding.ts';

type Services = ReadonlyMap<string, Service>;

export function servicesByHost(services: readonly Service[], clusterDomain: string): Services {
  return new Map(services.map((service) => [serviceHost(service.metadata.name, service.metadata.namespace ?? '', clusterDomain), service]));
}

/** A destination without a port is meant at the port of the request, which a service with several ports may not have. */
export function portsNeeded(rules: readonly VirtualService[], services: Services, clusterDomain: string, say: Say): void {
  for (const rule of rules) {
    const { namespace = '' } = rule.metadata;
    for (const [path, { host, port }] of destinationsOf(rule)) {
      const service = services.get(fullName(host, namespace, clusterDomain));
      const count = (service?.spec?.ports ?? []).length;
      if (port !== undefined || count < 2) continue;
      const message = `${host} has ${count} ports, and none is chosen`;
      say({ code: CODE.portNeeded, severity: 'warning', object: refOf(rule), path, message });
    }
  }
}

function* destinationsOf({ spec: { http = [], tcp = [], tls = [] } }: VirtualService): Generator<[FieldPath, Destination]> {
  for (const [kind, routes] of Object.entries({ http, tcp, tls })) {
    for (const [index, { route = [] }] of routes.entries()) {
      for (const [position, { destination }] of route.entries())
        yield [['spec', kind, index, 'route', position, 'destination'], destination];
    }
  }
}

/** A subset whose labels no pod of its service has. */
export function emptySubsets(
  rules: readonly DestinationRule[],
  services: Services,
  pods: readonly Pod[],
  clusterDomain: string,
  say: Say,
): void {
  if (pods.length === 0) return;
  for (const rule of rules) {
    const { namespace = '' } = rule.metadata;
    const service = services.get(fullName(rule.spec.host, namespace, clusterDomain));
    const selector = service?.spec?.selector;
    if (service === undefined || selector === undefined) continue;
    const own = pods.filter(
      ({ metadata }) => metadata.namespace === service.metadata.namespace && selects(selector, metadata.labels ?? {}),
    );
    (rule.spec.subsets ?? []).forEach(({ name, labels = {} }, index) => {
      if (own.some(({ metadata }) => selects(labels, metadata.labels ?? {}))) return;
      const message = `no pod of ${rule.spec.host} has the labels of the subset ${name}`;
      say({ code: CODE.emptySubset, severity: 'warning', object: refOf(rule), path: ['spec', 'subsets', index], message });
    });
  }
}

/** A ServiceEntry that nobody can use. */
export function unreachableEntries(entries: readonly ServiceEntry[], say: Say): void {
  for (const entry of entries) {
    const { resolution = 'NONE', endpoints = [], workloadSelector, ports = [], exportTo = [] } = entry.spec;
    const object = refOf(entry);
    const warn = (path: FieldPath, message: string): void =>
      say({ code: CODE.nothingBehind, severity: 'warning', object, path: ['spec', ...path], message });
    if (ports.length === 0) warn([], 'it has no port, so nothing is sent to it');
    if (resolution === 'STATIC' && endpoints.length === 0 && workloadSelector === undefined) {
      warn(['endpoints'], 'there is no endpoint: requests are answered 503');
    }
    if (exportTo.includes('~')) warn(['exportTo'], 'it is there for nobody');
  }
}
