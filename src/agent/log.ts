/** The agent's log: JSON lines by pino, on stdout or in a file that can be reopened. */
import { type Logger, destination, pino, stdTimeFunctions } from 'pino';
import type { LogLevel } from './log-level.ts';

export type Log = Logger;

export interface LogOutput {
  readonly log: Log;
  /** Opens the log file again under its name, after it was rotated away. */
  reopen(): void;
  /** Writes what is still buffered. */
  flush(): void;
}

/** @param file empty: stdout. */
export function openLog(level: LogLevel, file: string): LogOutput {
  // Synchronous: the control thread logs little, and the last lines before it ends must not be lost.
  const output = destination({ ...(file === '' ? { dest: 1 } : { dest: file, mkdir: true }), sync: true });
  const options = {
    level,
    base: null,
    messageKey: 'message',
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return {
    log: pino(options, output),
    reopen: () => {
      if (file !== '') output.reopen();
    },
    flush: () => output.flushSync(),
  };
}
