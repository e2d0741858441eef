/** What a command is. */
import type { Environment } from '../agent/flags.ts';
import type { Terminal } from './terminal.ts';

export interface Invocation {
  readonly args: readonly string[];
  readonly environment: Environment;
  readonly terminal: Terminal;
}

/** Resolves with the exit code. */
export type Run = (invocation: Invocation) => Promise<number>;

export interface Command {
  readonly usage: string;
  readonly summary: string;
  readonly load: () => Promise<Run>;
}
