/**
 * The port through which sources give objects to the store. A source is a named contributor: a directory of manifests, a watch on
 * an API server. Objects are as their authors wrote them: the store validates.
 */
import type { FieldPath, ObjectRef, ObjectType, Place, Problem } from './problem.ts';

export interface RawObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly creationTimestamp?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
  };
}

/** Where a version of an object comes from. */
export interface Origin {
  /**
   * Whether the author may name paths on this node, as `nodeway.io/netns` on a Pod does. True where the author is the node's own
   * administrator; in a cluster any user could name another pod's namespace.
   */
  readonly trusted: boolean;
  /** Only `apiVersion`, `kind` and `metadata` are known, as of pods of other nodes (PartialObjectMetadata). */
  readonly metadataOnly?: boolean;
  /** Absent for an object of an API server. */
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  /** Of the field, or of the nearest field above it that exists; null when nobody knows. */
  locate(path: FieldPath): Place | null;
}

export interface ObjectSink {
  /** What is told from now on is one change, whatever turns it takes; nobody sees it before `end`. */
  begin(): void;
  end(): void;
  upsert(object: RawObject, origin: Origin): void;
  remove(ref: ObjectRef): void;
  /** Every object of the type is reported again from now on, as a watch does at its start and after it lost its place. */
  relist(type: ObjectType): void;
  /** The list is complete: what was not reported since `relist` is gone. Until then nothing is removed for that reason. */
  listed(type: ObjectType): void;
  /** Problems that belong to no object, by what they concern, such as a file. They replace those reported before. */
  problem(subject: string, problems: readonly Problem[]): void;
  /** Everything was reported once. Before that, a source has reported only a part. */
  synced(): void;
}

export interface ObjectSource {
  /** Distinct among the sources of a store. */
  readonly name: string;
  start(sink: ObjectSink): Promise<void>;
  stop(): Promise<void>;
}
