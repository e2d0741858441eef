/** A pod as the parts of the compiler see it. */
import type { Identity } from '../../../l7/config/identity.ts';
import type { StringMap } from '../objects.ts';
import type { PodMarks } from '../own-marks.ts';
import type { Aged } from './age.ts';

export interface MeshPod extends Aged {
  /** `namespace/name` */
  readonly key: string;
  readonly labels: StringMap;
  readonly addresses: readonly string[];
  readonly identity: Identity;
  /** Its node, where that is known. */
  readonly node: string | undefined;
  /** Container ports that have a name. */
  readonly ports: Readonly<Record<string, number>>;
  readonly ready: boolean;
  readonly ended: boolean;
  readonly hostname: string | undefined;
  readonly subdomain: string | undefined;
  /** Made by a StatefulSet, which calls its pods by their names. */
  readonly stateful: boolean;
  /** Null: elsewhere. */
  readonly local: LocalPod | null;
}

/** A pod of this node. */
export interface LocalPod {
  readonly key: string;
  readonly uid: string;
  /** Path of its network namespace where the manifests name one. */
  readonly netns: string | null;
  readonly addresses: readonly string[];
  /** Refuse its traffic rather than let it pass while the agent is away. */
  readonly failClosed: boolean;
  readonly enrolled: boolean;
  readonly reason: string;
  /** Something asks for it, also where it is never enrolled. */
  readonly asked: boolean;
  readonly ended: boolean;
  /** An API server has it. */
  readonly fromCluster: boolean;
  /** What an agent wrote on it. */
  readonly marks: PodMarks;
}
