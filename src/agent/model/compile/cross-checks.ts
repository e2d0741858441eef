/** What is wrong with objects among each other, each of which is right by itself. */
import type { Destination, Gateway, HttpRoute, LoadBalancer, TrafficPolicy, VirtualService } from '../objects.ts';
import { objectKey } from '../objects.ts';
import type { FieldPath } from '../problem.ts';
import { hashKey } from './balancers.ts';
import type { DestinationRules } from './destination-rules.ts';
import { appliesHere, serverHosts } from './gateways.ts';
import { covers, fullName, intersect, isWildcard } from './hosts.ts';
import type { CompileOptions } from './options.ts';
import type { ProblemLog } from './problem-log.ts';
import { portOf, type Services } from './services.ts';
import { type BoundVirtualService, MESH, type VirtualServices } from './virtual-services.ts';

export interface CrossCheckInput {
  readonly options: CompileOptions;
  readonly services: Services;
  readonly rules: DestinationRules;
  readonly gateways: readonly Gateway[];
  readonly virtualServices: VirtualServices;
  readonly problems: ProblemLog;
}

export function crossCheck(input: CrossCheckInput): void {
  checkMeshHosts(input);
  for (const service of input.virtualServices.list) {
    checkBinding(input, service);
    (service.object.spec.http ?? []).forEach((rule, index) => checkRule(input, service, rule, ['spec', 'http', index]));
  }
  checkDestinationRules(input);
}

/** One VirtualService has a host of the mesh; of the others nothing is merged into it. */
function checkMeshHosts({ virtualServices, problems }: CrossCheckInput): void {
  const owners = new Map<string, VirtualService>();
  for (const { object, hosts } of virtualServices.mesh) {
    for (const [index, host] of hosts.entries()) {
      const owner = owners.get(host);
      if (owner === undefined) owners.set(host, object);
      else problems.add('warning', object, ['spec', 'hosts', index], `VirtualService ${objectKey(owner.metadata)} has ${host} already`);
    }
  }
}

/** Gateways that do not exist, that have nothing to do with this node, or that do not have any of the hosts. */
function checkBinding(
  { gateways, problems, options }: CrossCheckInput,
  { object, gateways: names, namespace, hosts }: BoundVirtualService,
): void {
  for (const [index, name] of names.entries()) {
    if (name === MESH) continue;
    const complain = (message: string): void => problems.add('warning', object, ['spec', 'gateways', index], message);
    const gateway = gateways.find(({ metadata }) => objectKey(metadata) === name);
    if (gateway === undefined) complain(`there is no Gateway ${name}`);
    else if (!appliesHere(gateway, options)) complain(`Gateway ${name} does not select this node's gateway`);
    else {
      const of = { namespace: gateway.metadata.namespace ?? '' };
      const offered = gateway.spec.servers.flatMap((server) => serverHosts({ ...of, server }, namespace));
      if (intersect(offered, hosts).length === 0) complain(`Gateway ${name} has none of the hosts`);
    }
  }
}

function checkRule(input: CrossCheckInput, service: BoundVirtualService, rule: HttpRoute, path: FieldPath): void {
  const { object } = service;
  const check = (destination: Destination, at: FieldPath): void => checkDestination(input, service, destination, [...path, ...at]);
  rule.route?.forEach(({ destination }, index) => check(destination, ['route', index, 'destination']));
  if (rule.mirror !== undefined) check(rule.mirror, ['mirror']);
  rule.mirrors?.forEach(({ destination }, index) => check(destination, ['mirrors', index, 'destination']));
  for (const [index, match] of (rule.match ?? []).entries()) {
    const unused = match.gateways !== undefined && (match.sourceLabels !== undefined || match.sourceNamespace !== undefined);
    if (unused) input.problems.add('warning', object, [...path, 'match', index], 'beside gateways the source is not looked at');
  }
}

function checkDestination(
  input: CrossCheckInput,
  { object, namespace }: BoundVirtualService,
  destination: Destination,
  path: FieldPath,
): void {
  const { options, services, rules, problems } = input;
  const host = fullName(destination.host, namespace, options.clusterDomain);
  const service = services.get(host);
  if (service === null) return problems.add('error', object, [...path, 'host'], `there is no service ${host}; requests are answered 503`);
  const number = destination.port?.number;
  if (number !== undefined && portOf(service, number) === null) {
    problems.add('error', object, [...path, 'port', 'number'], `${host} has no port ${number}; requests are answered 503`);
  }
  const subset = destination.subset ?? '';
  const views = [rules.find(namespace, service), rules.find(service.namespace, service)];
  if (subset !== '' && !views.some((rule) => rule?.subsets.has(subset) === true)) {
    problems.add('error', object, [...path, 'subset'], `no DestinationRule gives ${host} a subset ${subset}; requests are answered 503`);
  }
}

function checkDestinationRules({ options, services, rules, problems }: CrossCheckInput): void {
  for (const rule of rules.objects) {
    const host = fullName(rule.spec.host, rule.metadata.namespace ?? '', options.clusterDomain);
    const known = isWildcard(host) ? services.list.some((service) => covers(host, service.host)) : services.get(host) !== null;
    if (!known) problems.add('warning', rule, ['spec', 'host'], `there is no service ${host}`);
    for (const [path, policy] of policiesOf(rule.spec.trafficPolicy, ['spec', 'trafficPolicy'])) {
      checkBalancer(policy, (at, message) => problems.add('error', rule, [...path, ...at], message));
    }
    for (const [index, subset] of (rule.spec.subsets ?? []).entries()) {
      for (const [path, policy] of policiesOf(subset.trafficPolicy, ['spec', 'subsets', index, 'trafficPolicy'])) {
        checkBalancer(policy, (at, message) => problems.add('error', rule, [...path, ...at], message));
      }
    }
  }
}

function policiesOf(policy: TrafficPolicy | undefined, path: FieldPath): [FieldPath, LoadBalancer][] {
  const levels = [policy, ...(policy?.portLevelSettings ?? [])];
  return levels.flatMap((level, index): [FieldPath, LoadBalancer][] => {
    const at = index === 0 ? path : [...path, 'portLevelSettings', index - 1];
    return level?.loadBalancer === undefined ? [] : [[[...at, 'loadBalancer'], level.loadBalancer]];
  });
}

function checkBalancer({ simple, consistentHash }: LoadBalancer, complain: (path: FieldPath, message: string) => void): void {
  if (simple === 'PASSTHROUGH') complain(['simple'], 'PASSTHROUGH is not served yet; LEAST_REQUEST takes its place');
  if (consistentHash !== undefined && hashKey(consistentHash) === null)
    complain(['consistentHash'], 'no key is given; LEAST_REQUEST takes its place');
}
