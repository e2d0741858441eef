/**
 * Objects to records, kept up to date: a change costs what depends on it (../incremental/graph.ts). Each part turns one kind of object
 * into what others ask of it; what is above is computed first:
 *
 *     ConfigMap istio ──> mesh-config                                        (settings, default retries)
 *     Telemetry ────────> telemetries                                        (what is told of whose traffic, and the exporters)
 *     Pods, owners ─────> pods ──> served-pods                               (identity, enrolment)
 *     Services, entries > services                                           (by host, by address, by selector)
 *     WorkloadEntries ──> entry-endpoints                                    (by selector; which names are asked of DNS)
 *     DestinationRules ─> destination-rules                                  (by host and namespace of the client)
 *     Gateways ─────────> gateways                                           ──> GatewayConfig
 *     VirtualServices ──> virtual-services, destination-checks               (by host, by gateway's host)
 *     Endpoints, slices > endpoints                                          ──> EndpointConfig, by cluster
 *     pods as clients ──> clients                                            (which scopes there are)
 *     each host ────────> mesh-hosts (virtual-hosts, addresses, clusters)    ──> VirtualHostConfig, AddressesConfig, ClusterConfig
 *     each gateway host > gateway-hosts                                      ──> VirtualHostConfig
 *     each scope, pod ──> scopes, workloads                                  ──> ScopeConfig, WorkloadConfig
 *
 * Invariants (test/agent/model/compile/incremental.test.ts):
 *
 * 1. What comes out depends on the objects alone, not on the order or the number of changes in which they came ("any history of
 *    changes leads to what a compilation from scratch gives").
 * 2. The deltas, applied in order, are the snapshot ("deltas lead to the snapshot").
 * 3. A change costs what it touches ("a change computes few cells, however many objects there are").
 */
export { Compiler } from './compiler.ts';
export type { CompileOptions } from './options.ts';
export type { ExporterConfig } from './mesh-telemetry.ts';
export type { Resolution } from './resolution.ts';
export type { LocalPod } from './mesh-pod.ts';
export { isOtlpSink, LABEL_FIELD, OTLP_FIELDS, providerOfSink } from './mesh-logging.ts';
