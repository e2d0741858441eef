/** The exit codes that supervisors and scripts rely on. */
export const ExitCode = {
  /** Asked to stop, or done. */
  Ok: 0,
  /** A fault at run time. */
  Fault: 1,
  /** Wrong usage or configuration. */
  Usage: 2,
  /** The node lacks something. */
  NodeLacks: 3,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Ends a command with a message for a person: what, where, what to do. */
export class CommandError extends Error {
  readonly exitCode: ExitCode;
  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CommandError';
    this.exitCode = exitCode;
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The errno's name (`EADDRINUSE`), or what else the error calls itself; empty when it has no code. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : '';
}
