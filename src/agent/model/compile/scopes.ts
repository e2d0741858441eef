/** What clients see of the mesh: which layers, in which order. */
import type { ScopeConfig } from '../../../l7/config/workload.ts';
import type { Graph } from '../incremental/graph.ts';
import type { Output } from '../incremental/output.ts';
import { Table } from '../incremental/table.ts';
import { type Clients, namespaceLayer, scopeLayer, SHARED_LAYER } from './clients.ts';
import type { MeshHosts } from './mesh-hosts.ts';
import type { Mesh } from './mesh-config.ts';

export function compileScopes(graph: Graph, mesh: Mesh, clients: Clients, { layers }: MeshHosts, output: Output<ScopeConfig>): void {
  const scopes = new Table(graph, 'scope', (id) => {
    const scope = clients.scopes.get(id)[0];
    if (scope === undefined) return null;
    const { imports, whole, outboundTrafficPolicy } = scope.sidecar;
    // What a Sidecar lets pass stands in a layer of its own, but for what whole namespaces have for everyone.
    const names = imports === null ? [id, scope.namespace] : [id];
    const used = [...new Set([...names.map(scopeLayer), ...whole.map(namespaceLayer)])].filter((layer) => layers.has(layer));
    graph.emit(output, id, {
      namespace: scope.namespace,
      outboundTrafficPolicy: outboundTrafficPolicy ?? mesh.get().outboundTrafficPolicy,
      layers: imports === null ? [...used, SHARED_LAYER] : used,
    } satisfies ScopeConfig);
    return null;
  });
  clients.scopes.each(scopes);
}
