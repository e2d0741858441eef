/**
 * The port through which sources give objects to the store. A source is a named contributor: a directory of manifests, a watch on
 * an API server. Objects are as their authors wrote them: the store validates.
 */
import type { Needs } from './needs.ts';
import type { AnyObject } from './objects.ts';
import type { Packed } from './packed.ts';
import type { FieldPath, Finding, ObjectRef, ObjectType, Place, Problem } from './problem.ts';

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

/** Whether a resource is followed. Plain data. */
export interface SourceReport {
  /** As in `kubectl get`. */
  readonly resource: string;
  /** Which part of it; empty: all that the agent reads of it. */
  readonly scope: string;
  readonly state: 'starting' | 'followed' | 'absent' | 'forbidden' | 'unreachable';
  /** For how long changes may have been missed; 0 while it is followed. */
  readonly staleSeconds: number;
  /** The last failure, also after it is over; empty: none. */
  readonly error: string;
  /** Since the start. */
  readonly events: number;
  readonly lists: number;
  readonly bytes: number;
}

/** Where a version of an object comes from. */
export interface Origin {
  /** Of the object, where it is known already. */
  readonly ref?: ObjectRef;
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

/** An object as the store keeps it. */
export interface CheckedObject {
  readonly ref: ObjectRef;
  /** Null: it was refused. */
  readonly good: Packed<AnyObject> | null;
  readonly findings: readonly Finding[];
}

/** Where a source gives objects to. Removals and lists concern only what came by the same part. */
export interface ObjectPart {
  upsert(object: RawObject, origin: Origin): void;
  /** The same of an object that was checked already. */
  upsertChecked(object: CheckedObject, origin: Origin): void;
  remove(ref: ObjectRef): void;
  /** Every object of the type is reported again from now on, as a watch does at its start and after it lost its place. */
  relist(type: ObjectType): void;
  /** The list is complete: what was not reported since `relist` is gone. Until then nothing is removed for that reason. */
  listed(type: ObjectType): void;
  /** Problems that belong to no object, by what they concern, such as a file. They replace those reported before. */
  problem(subject: string, problems: readonly Problem[]): void;
}

export interface ObjectSink extends ObjectPart {
  /** What is told from now on is one change, whatever turns it takes; nobody sees it before `end`. */
  begin(): void;
  end(): void;
  /**
   * A part of the source for itself: some objects of a type, beside others of the type. What the source gives by the sink itself wins
   * over what it gives by a part. @param name distinct among the parts that are open.
   */
  part(name: string): ClosablePart;
  /** Everything was reported once. Before that, a source has reported only a part. */
  synced(): void;
}

export interface ClosablePart extends ObjectPart {
  /** Takes back everything that came by it. */
  close(): void;
}

export interface ObjectSource {
  /** Distinct among the sources of a store. */
  readonly name: string;
  start(sink: ObjectSink): Promise<void>;
  stop(): Promise<void>;
  /**
   * What the objects make necessary beyond what the source always reads. Replaces what was necessary before. Resolves when it was read
   * or cannot be; null: it is there already. Absent: the source reads everything that it has.
   */
  require?(needs: Needs): Promise<void> | null;
  /**
   * Whether there may be changes of the type that it has missed, and will tell of: its watch is broken, and not open again. Absent: there
   * never are.
   */
  isBehind?(type: ObjectType): boolean;
  /** What the source knows of each of the resources that it reads. */
  report?(): readonly SourceReport[];
}
