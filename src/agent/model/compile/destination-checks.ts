/** Checks the destinations of VirtualServices against the services and subsets that exist, for every kind of client that the rule applies to. */
import type { Destination, HttpMatchRequest, HttpRoute } from '../objects.ts';
import type { FieldPath } from '../problem.ts';
import type { BoundRule } from './delegates.ts';
import { type DestinationRules, subsetOf } from './destination-rules.ts';
import { fullName } from './hosts.ts';
import { type MeshService, portOf } from './mesh-service.ts';
import type { CompileOptions } from './options.ts';
import type { ProblemLog } from './problem-log.ts';
import type { Services } from './services.ts';

interface Subject {
  readonly gateways: readonly string[];
}

export class DestinationChecks {
  readonly #options: CompileOptions;
  readonly #services: Services;
  readonly #rules: DestinationRules;
  readonly #problems: ProblemLog;

  constructor(options: CompileOptions, services: Services, rules: DestinationRules, problems: ProblemLog) {
    this.#options = options;
    this.#services = services;
    this.#rules = rules;
    this.#problems = problems;
  }

  check(subject: Subject, rules: readonly BoundRule[]): void {
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
    };
    const host = this.#services.aliases.meant(fullName(destination.host, bound.namespace, this.#options.clusterDomain));
    const service = this.#services.get(host);
    if (service === null) return complain(['host'], `there is no service ${host}`);
    const number = destination.port?.number;
    if (number !== undefined && portOf(service, number) === null) complain(['port', 'number'], `${host} has no port ${number}`);
    const subset = destination.subset ?? '';
    if (subset !== '') this.#subset(subject, bound, service, subset, (message) => complain(['subset'], message));
  }

  /** Most clients see the rule of the service's namespace or the root's; those of some namespaces see one of their own. */
  #subset(subject: Subject, bound: BoundRule, service: MeshService, subset: string, complain: (message: string) => void): void {
    const has = (client: string | null): boolean => subsetOf(this.#rules.find(client, service), subset) !== undefined;
    if (![bound.namespace, null].some(has)) return complain(`no DestinationRule gives ${service.host} a subset ${subset}`);
    for (const client of this.#clientsOfTheirOwn(subject, bound.rule, service)) {
      if (has(client)) continue;
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
