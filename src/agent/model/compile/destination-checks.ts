/** Checks the destinations of VirtualServices against the services and subsets that exist, for every kind of client that the rule applies to. */
import type { Destination, HttpMatchRequest, HttpRoute, TcpRoute, TlsRoute } from '../objects.ts';
import type { FieldPath, ObjectRef } from '../problem.ts';
import type { BoundRule } from './delegates.ts';
import { type DestinationRules, subsetOf } from './destination-rules.ts';
import { fullName } from './hosts.ts';
import type { Missing } from './missing.ts';
import { type MeshService, portOf } from './mesh-service.ts';
import type { CompileOptions } from './options.ts';
import type { ProblemLog } from './problem-log.ts';
import type { Services } from './services.ts';

interface Subject {
  readonly ref: ObjectRef;
  readonly namespace: string;
  readonly gateways: readonly string[];
  /** Rules for connections that are not HTTP; null: none. */
  readonly connections: { readonly tcp: readonly TcpRoute[]; readonly tls: readonly TlsRoute[] } | null;
}

export interface CheckParts {
  readonly services: Services;
  readonly rules: DestinationRules;
  readonly problems: ProblemLog;
  readonly missing: Missing;
}

export class DestinationChecks {
  readonly #options: CompileOptions;
  readonly #services: Services;
  readonly #rules: DestinationRules;
  readonly #problems: ProblemLog;
  readonly #missing: Missing;

  constructor(options: CompileOptions, { services, rules, problems, missing }: CheckParts) {
    this.#options = options;
    this.#services = services;
    this.#rules = rules;
    this.#problems = problems;
    this.#missing = missing;
  }

  check(subject: Subject, rules: readonly BoundRule[]): void {
    const { tcp = [], tls = [] } = subject.connections ?? {};
    for (const { destination } of [...tcp, ...tls].flatMap(({ route }) => route)) this.#connection(subject, destination);
    for (const bound of rules) {
      const { rule, ref } = bound;
      const at = (path: FieldPath): FieldPath => [...bound.path, ...path];
      const check = (destination: Destination, path: FieldPath): void => this.#destination(subject, bound, destination, at(path));
      rule.route?.forEach(({ destination }, position) => check(destination, ['route', position, 'destination']));
      if (rule.mirror !== undefined) check(rule.mirror, ['mirror']);
      rule.mirrors?.forEach(({ destination }, position) => check(destination, ['mirrors', position, 'destination']));
      for (const [position, match] of (rule.match ?? []).entries()) {
        if (!hasUnusedSource(match)) continue;
        this.#problems.add('warning', ref, at(['match', position]), 'beside gateways the source is not looked at');
      }
    }
  }

  #destination(subject: Subject, bound: BoundRule, destination: Destination, path: FieldPath): void {
    const complain = (field: FieldPath, message: string): void => {
      this.#problems.add('error', bound.ref, [...path, ...field], `${message}; requests are answered 503`);
      this.#missing.emit(bound.ref, message);
    };
    const host = this.#services.aliases.meant(fullName(destination.host, bound.namespace, this.#options.clusterDomain));
    const service = this.#services.get(host);
    if (service === null) return complain(['host'], `there is no service ${host}`);
    const number = destination.port?.number;
    if (number !== undefined && portOf(service, number) === null) complain(['port', 'number'], `${host} has no port ${number}`);
    const subset = destination.subset ?? '';
    if (subset !== '') this.#subset(subject, bound, service, subset, (message) => complain(['subset'], message));
  }

  /** One to what is not there is closed, of which nobody is told beforehand. */
  #connection({ ref, namespace }: Subject, { host, port, subset = '' }: Destination): void {
    const full = this.#services.aliases.meant(fullName(host, namespace, this.#options.clusterDomain));
    const service = this.#services.get(full);
    const hasPort = service !== null && (port?.number === undefined || portOf(service, port.number) !== null);
    if (!hasPort || !(subset === '' || this.#hasSubset(service, subset, namespace)))
      this.#missing.emit(ref, `${full} ${port?.number} ${subset}`);
  }

  /** Whether most clients find it, or those of the namespace. */
  #hasSubset(service: MeshService, subset: string, namespace: string): boolean {
    return [namespace, null].some((client) => subsetOf(this.#rules.find(client, service), subset) !== undefined);
  }

  /** Most clients see the rule of the service's namespace or the root's; those of some namespaces see one of their own. */
  #subset(subject: Subject, bound: BoundRule, service: MeshService, subset: string, complain: (message: string) => void): void {
    if (!this.#hasSubset(service, subset, bound.namespace)) return complain(`no DestinationRule gives ${service.host} a subset ${subset}`);
    for (const client of this.#clientsOfTheirOwn(subject, bound.rule, service)) {
      if (subsetOf(this.#rules.find(client, service), subset) !== undefined) continue;
      const own = this.#rules.find(client, service)?.refs[0];
      const theirs = `DestinationRule ${own?.namespace}/${own?.name}, which gives ${service.host} no subset ${subset}`;
      complain(
        own === undefined
          ? `for clients in namespace ${client}, no DestinationRule gives ${service.host} a subset ${subset}`
          : `for clients in namespace ${client}, ${theirs}, takes the place of the others`,
      );
    }
  }

  /** Namespaces of clients with a rule of their own for the service, as far as this rule is for them. */
  #clientsOfTheirOwn({ gateways }: Subject, { match = [] }: HttpRoute, service: MeshService): string[] {
    const { agentNamespace } = this.#options;
    const inMesh = gateways.includes('mesh');
    const bySource = match.length > 0 && match.every((request) => !isByGateway(request) && request.sourceNamespace);
    const sources = bySource ? new Set(match.map(({ sourceNamespace }) => sourceNamespace)) : null;
    return this.#rules
      .namespacesOfTheirOwn(service)
      .filter((client) => (inMesh ? sources === null || sources.has(client) : client === agentNamespace));
  }
}

function isByGateway({ gateways }: HttpMatchRequest): boolean {
  return gateways !== undefined && gateways.length > 0;
}

function hasUnusedSource({ gateways, sourceLabels, sourceNamespace }: HttpMatchRequest): boolean {
  return gateways !== undefined && (sourceLabels !== undefined || sourceNamespace !== undefined);
}
