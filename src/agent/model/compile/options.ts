import type { StringMap } from '../objects.ts';

/** What the compiler must know that no object says. */
export interface CompileOptions {
  readonly nodeName: string;
  /** `cluster.local` */
  readonly clusterDomain: string;
  /** Istio's: `istio-system`. */
  readonly rootNamespace: string;
  /** Where gateways live as clients, and where mesh settings win. */
  readonly agentNamespace: string;
  /** A Gateway applies to this node when one of these label sets has all of its selector. */
  readonly gatewayLabels: readonly StringMap[];
  readonly istioCompat: boolean;
  /**
   * Whether `nodeway.io/netns` on a Pod is believed. Only where the author of the objects is the node's own administrator, as with
   * a directory of manifests: in a cluster any user could name another pod's namespace.
   */
  readonly trustNamespacePaths: boolean;
}
