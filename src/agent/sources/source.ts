/**
 * The port of whatever objects come from. A source first emits a full, consistent set and says `synced`; then it emits changes.
 * Objects are as their authors wrote them: the sink validates.
 */
import type { FieldPath, ObjectRef, Problem } from '../model/problem.ts';

export interface Origin {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Where the field is, or the nearest field above it that exists. */
  locate(path: FieldPath): { readonly line: number; readonly column: number };
}

export interface RawObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly creationTimestamp?: string };
}

export interface ObjectSink {
  upsert(object: RawObject, origin: Origin): void;
  remove(ref: ObjectRef): void;
  /** The problems of a file that belong to no object; an empty list clears them. */
  problem(file: string, problems: readonly Problem[]): void;
  synced(): void;
}

export interface ObjectSource {
  start(sink: ObjectSink): Promise<void>;
  stop(): Promise<void>;
}
