/** A step of the walk. */
import type { Walk } from '../walk.ts';

export interface Step {
  readonly title: string;
  readonly why: string;
  /** What later steps build upon: done for skipped steps, too. */
  prepare(walk: Walk): Promise<void>;
  walk(walk: Walk): Promise<void>;
}
