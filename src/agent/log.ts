/** The agent's log: JSON lines by pino, on stdout or in a file that can be reopened. */
import { type Logger, pino, stdTimeFunctions } from 'pino';
import { CommandError, ExitCode, messageOf } from '../base/errors.ts';
import { LogFile } from './log-file.ts';
import type { LogLevel } from './log-level.ts';

export type Log = Logger;

export interface LogOutput {
  readonly log: Log;
  /** Opens the log file again under its name, after it was rotated away. */
  reopen(): void;
}

/** @param file empty: stdout. @throws CommandError when it cannot be opened. */
export function openLog(level: LogLevel, file: string): LogOutput {
  const output = openFile(file);
  const options = {
    level,
    base: null,
    messageKey: 'message',
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  // Written at once: the control thread logs little, and the last lines before it ends must not be lost.
  const log = pino(options, output);
  output.onRecovered = (lost, error) => log.warn({ lost, error }, 'lines of the log were lost');
  const reopen = (): void => {
    try {
      output.reopen();
    } catch (error) {
      log.error({ file, error: messageOf(error) }, 'the log file cannot be opened again; the one before stays in use');
    }
  };
  return { log, reopen };
}

function openFile(file: string): LogFile {
  try {
    return new LogFile(file);
  } catch (error) {
    throw new CommandError(ExitCode.Usage, `--log-file: ${file} cannot be opened (${messageOf(error)})`, { cause: error });
  }
}
