/** What is needed of objects that no agent reads as a whole, since they concern other nodes too. Plain data. */
import type { StringMap } from './objects.ts';

/** Pods elsewhere whose labels say something: those that a service selects and a rule divides into subsets. */
export interface PodSelection {
  readonly namespace: string;
  /** They have all of these labels, of which there is one at least. */
  readonly selector: StringMap;
}

/** Kinds of objects that make pods. */
export const OWNER_KINDS = ['ReplicaSet', 'Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob'] as const;
export type OwnerKind = (typeof OWNER_KINDS)[number];

/** Owners whose annotations decide about pods of this node. */
export interface OwnerScope {
  readonly kind: OwnerKind;
  readonly namespace: string;
}

export interface Needs {
  readonly pods: readonly PodSelection[];
  readonly owners: readonly OwnerScope[];
  /** Whether a rule asks where endpoints are, and so for the Nodes that they are on. */
  readonly places: boolean;
}
