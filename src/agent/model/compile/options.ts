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
  /** The workload that gateways are in metrics, traces and logs. */
  readonly gatewayName: string;
  readonly istioCompat: boolean;
}
