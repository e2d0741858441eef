/** The parts of the compiler, put together, and how changes go in and records come out. */
import type { PackedDelta } from '../../../l7/packed/packed-delta.ts';
import type { PackedSnapshot } from '../../../l7/packed/packed-records.ts';
import { Graph, type GraphFault } from '../incremental/graph.ts';
import { Index } from '../incremental/index-by-key.ts';
import { Table } from '../incremental/table.ts';
import type { Problem, ProblemNews } from '../problem.ts';
import type { ObjectChange } from '../store.ts';
import { Clients, type ClientScope } from './clients.ts';
import { ClusterIds } from './clusters.ts';
import { ConnectionRules } from './connection-rules.ts';
import { DestinationChecks } from './destination-checks.ts';
import { DestinationRules } from './destination-rules.ts';
import { Endpoints } from './endpoints.ts';
import { EntryEndpoints } from './entry-endpoints.ts';
import { compileGatewayHosts } from './gateway-hosts.ts';
import { compileGatewayListeners } from './gateway-listeners.ts';
import { Gateways } from './gateways.ts';
import { Localities } from './localities.ts';
import { Missing } from './missing.ts';
import { MeshHosts } from './mesh-hosts.ts';
import { Mesh } from './mesh-config.ts';
import { ObjectInputs } from './object-inputs.ts';
import type { ExporterConfig } from './mesh-telemetry.ts';
import type { CompileOptions } from './options.ts';
import { Outputs } from './outputs.ts';
import type { Needs } from '../needs.ts';
import { NeededObjects } from './needed-objects.ts';
import { Pods } from './pods.ts';
import type { LocalPod } from './mesh-pod.ts';
import { type Origins, ProblemLog } from './problem-log.ts';
import type { Resolution } from './resolution.ts';
import { RouteLists } from './route-lists.ts';
import { compileScopes } from './scopes.ts';
import { ServedPods } from './served-pods.ts';
import { Services } from './services.ts';
import { Telemetries } from './telemetries.ts';
import { Sidecars } from './sidecars.ts';
import { VirtualServices } from './virtual-services.ts';
import { compileWorkloads } from './workloads.ts';

export interface CompiledChange {
  /** Null: no record has changed. */
  readonly delta: PackedDelta | null;
  /** Parts that could not be computed, which are as they were before. Nothing that users write leads to one. */
  readonly faults: readonly GraphFault[];
}

const NOBODY: ReadonlySet<string> = new Set();

export class Compiler {
  readonly #graph = new Graph();
  readonly #outputs: Outputs;
  readonly #problems: ProblemLog;
  readonly #pods: Pods;
  readonly #served: ServedPods;
  readonly #clients: Clients;
  readonly #entries: EntryEndpoints;
  readonly #telemetries: Telemetries;
  #names = NOBODY;
  #localPods: readonly LocalPod[] = [];
  readonly #inputs: ObjectInputs;
  readonly #needed = new NeededObjects();
  readonly #missing = new Missing(this.#graph);

  /** @param origins where objects were written, for problems. */
  constructor(options: CompileOptions, origins: Origins = () => null) {
    const graph = this.#graph;
    const problems = new ProblemLog(graph, origins);
    const outputs = new Outputs({
      connectTimeoutMs: 0,
      rootNamespace: options.rootNamespace,
      gatewayName: options.gatewayName,
      pathNormalization: 'base',
    });
    const clientNamespaces = new Index<true>(graph);
    const mesh = new Mesh(graph, options, problems);
    const telemetries = new Telemetries(graph, options, mesh, problems);
    const served = new ServedPods(graph, clientNamespaces);
    const needed = this.#needed;
    const localities = new Localities(graph, options);
    const pods = new Pods(graph, options, { served, needed, localities }, problems);
    const services = new Services(graph, options, mesh, problems);
    const ruleClients = { namespaces: clientNamespaces, labelled: (): readonly ClientScope[] => clients.labelled() };
    const rules = new DestinationRules(graph, options, { mesh, services, clients: ruleClients, problems });
    const gateways = new Gateways(graph, options, { clients: clientNamespaces, gatewayPorts: services.gatewayPorts, problems });
    const checks = new DestinationChecks(options, { services, rules, problems, missing: this.#missing });
    const virtualServices = new VirtualServices(graph, options, { mesh, services, gateways, checks, problems, missing: this.#missing });
    const sidecars = new Sidecars(graph, options, problems);
    const clients = new Clients(graph, served.pods, [virtualServices.sourceLabels, rules.clientLabels], sidecars);
    const entries = new EntryEndpoints(graph, problems);
    const parts = { pods, services, rules, entries, needed, localities, sidecars, mesh, options, problems };
    const endpoints = new Endpoints(graph, { ...parts, output: outputs.endpoints });
    entries.collectNames(graph);
    const source = { options, mesh, services, rules, ids: new ClusterIds(services, rules), problems };
    const routeLists = new RouteLists(graph, source, virtualServices);
    const connectionRules = new ConnectionRules(source, virtualServices);
    const shared = { source, endpoints, virtualServices, routeLists, rules: connectionRules };
    const hosts = new MeshHosts(graph, { ...shared, clients, clientNamespaces, outputs });
    compileGatewayHosts(graph, { gateways, virtualServices, routeLists, output: outputs.virtualHosts });
    compileGatewayListeners(graph, { options, gateways, virtualServices, rules: connectionRules, telemetries, outputs });
    compileScopes(graph, mesh, clients, hosts, outputs.scopes);
    const inbound = { mesh, services, endpoints, rules, sidecars };
    compileWorkloads(graph, { ...inbound, served, clients, telemetries, output: outputs.workloads, clusters: outputs.clusters });
    new Table(graph, 'settings', () => graph.emit(outputs.mesh, '', mesh.get().settings)).want('');
    this.#inputs = new ObjectInputs({
      mesh,
      pods,
      services,
      rules,
      gateways,
      virtualServices,
      endpoints,
      entries,
      sidecars,
      telemetries,
      localities,
    });
    this.#problems = problems;
    this.#telemetries = telemetries;
    this.#outputs = outputs;
    this.#pods = pods;
    this.#served = served;
    this.#clients = clients;
    this.#entries = entries;
  }

  /** As of the last commit. It is changed by the next one. */
  get snapshot(): PackedSnapshot {
    return this.#outputs.snapshot;
  }

  /** Pods of this node, enrolled or not, as of the last commit. The same array while they are the same. */
  get localPods(): readonly LocalPod[] {
    return this.#localPods;
  }

  /** Of the objects among each other; those of each alone are found before they get here. */
  problems(): Problem[] {
    return this.#problems.list();
  }

  /** Of those, what came or went since the last call. */
  takeProblemNews(): ProblemNews[] {
    return this.#problems.takeNews();
  }

  /** Pods that are kept although they are not enrolled any more, because they were still served. */
  get leaving(): ReadonlySet<string> {
    return this.#served.leaving;
  }

  /** How much there is to compute: cells done since the beginning, and cells that are known to be waiting. */
  get progress(): { readonly done: number; readonly waiting: number } {
    return { done: this.#graph.computed, waiting: this.#graph.waiting };
  }

  /** Where spans go, by the provider's name, as of the last commit. The same object for each while it is the same. */
  get exporters(): ReadonlyMap<string, ExporterConfig> {
    return this.#telemetries.exporters.values;
  }

  /** Names whose addresses DNS is to be asked for, as of the last commit. */
  get names(): ReadonlySet<string> {
    return this.#names;
  }

  /** What DNS says of a name; null: nothing is known of it. What follows is computed by `settle`. */
  resolve(name: string, resolution: Resolution | null): void {
    this.#entries.resolve(name, resolution);
  }

  /** Takes changes in. What follows from them is computed by `settle`. */
  take(changes: readonly ObjectChange[]): void {
    for (const change of changes) this.#inputs.take(change);
  }

  /** Computes for as long as `more` says so. @returns whether all is computed. */
  settle(more: () => boolean = () => true): boolean {
    return this.#graph.settle(more);
  }

  /** Computes for as long as `more` says so what objects name of each other. @returns whether that is computed. */
  settleNames(more: () => boolean = () => true): boolean {
    return this.#graph.settle(more, this.#missing.level);
  }

  /** Whether an object names something that is not there, and did not, or it was there, when `acceptMissing` was called last. */
  get isMissing(): boolean {
    return this.#missing.any;
  }

  acceptMissing(): void {
    this.#missing.accept();
  }

  /** Computes for as long as `more` says so what follows from each object alone, before all are there. @returns whether it is computed. */
  prepare(more: () => boolean): boolean {
    return this.#graph.settleAlone(more);
  }

  /** What is necessary for what was computed, and not read unless it is asked for. The same object where nothing has changed. */
  needs(): Needs {
    return this.#needed.take(this.#outputs.workloads.any || this.#outputs.gateways.any);
  }

  /**
   * Brings everything that was computed into the snapshot at once. @param served pods (`namespace/name`) that must not leave it yet:
   * they are kept as they were, and leave with a commit that does not name them.
   */
  commit(served: ReadonlySet<string> = NOBODY): CompiledChange {
    this.settle();
    const { workloads } = this.#outputs;
    for (const key of workloads.leaving()) {
      const config = workloads.values.get(key);
      const scope = config === undefined ? undefined : this.#clients.known.values.get(config.scope);
      if (!served.has(key) || config === undefined || scope === undefined) continue;
      const clusters = Object.values(config.inbound).flatMap(({ cluster }) => this.snapshot.records.clusters.get(cluster ?? '') ?? []);
      this.#served.keep(key, { ...scope, config, clusters });
    }
    for (const key of this.#served.leaving) if (!served.has(key) || this.#pods.isEnrolled(key)) this.#served.release(key);
    this.settle();
    if (this.#pods.local.commit().length > 0) this.#localPods = [...this.#pods.local.values.values()];
    this.#clients.known.commit();
    this.#telemetries.exporters.commit();
    if (this.#entries.names.commit().length > 0) this.#names = new Set(this.#entries.names.values.keys());
    return { delta: this.#outputs.commit(), faults: this.#graph.takeFaults() };
  }

  /** All of it in one go. */
  apply(changes: readonly ObjectChange[], served: ReadonlySet<string> = NOBODY): CompiledChange {
    this.take(changes);
    return this.commit(served);
  }
}
