/** SIGTERM and SIGINT ask the agent to stop; a second one ends it at once. SIGHUP reopens the log. */
import { ExitCode } from '../base/errors.ts';

export interface SignalHandlers {
  readonly onStop: (why: string) => void;
  readonly onReopen: () => void;
  readonly exit: (code: number) => void;
}

/** Returns how to undo it. */
export function handleSignals({ onStop, onReopen, exit }: SignalHandlers): () => void {
  let asked = false;
  const stop = (signal: string): void => {
    if (asked) return exit(ExitCode.Ok);
    asked = true;
    onStop(signal);
  };
  process.on('SIGTERM', stop).on('SIGINT', stop).on('SIGHUP', onReopen);
  return () => void process.off('SIGTERM', stop).off('SIGINT', stop).off('SIGHUP', onReopen);
}
