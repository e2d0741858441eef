/** What a command is. */
import type { Environment, FlagTable } from '../agent/flags.ts';
import type { Terminal } from './terminal.ts';

export interface Invocation {
  readonly args: readonly string[];
  readonly environment: Environment;
  readonly terminal: Terminal;
}

/** Resolves with the exit code. */
export type Run = (invocation: Invocation) => Promise<number>;

export interface Command {
  /** What comes before the flags. */
  readonly usage: string;
  readonly summary: string;
  /** Further paragraphs of the help. */
  readonly details: readonly string[];
  readonly examples: readonly string[];
  readonly flags: FlagTable;
  /** What a shell completes in the place of the first word: words, or files. */
  readonly completes?: readonly string[] | 'files';
  readonly load: () => Promise<Run>;
}
