/** What the parts work with that say what clients see of a host. */
import type { Index } from '../incremental/index-by-key.ts';
import type { Clients } from './clients.ts';
import type { ConnectionRules } from './connection-rules.ts';
import type { Endpoints } from './endpoints.ts';
import type { Outputs } from './outputs.ts';
import type { RouteLists } from './route-lists.ts';
import type { RouteSource } from './routes.ts';
import type { VirtualServices } from './virtual-services.ts';

export interface MeshHostParts {
  readonly source: RouteSource;
  readonly endpoints: Endpoints;
  readonly virtualServices: VirtualServices;
  readonly routeLists: RouteLists;
  readonly rules: ConnectionRules;
  readonly clients: Clients;
  /** Namespaces that clients of this node live in. */
  readonly clientNamespaces: Index<true>;
  readonly outputs: Outputs;
}
