/**
 * Tells the kernel that the agent lives, as long as every worker answers. Without it new connections go past the agent, or, for
 * pods that fail closed, are refused.
 */
import type { Cancel, Clock } from '../base/clock.ts';

export interface HeartbeatOptions {
  readonly clock: Clock;
  /** After this long without a beat, the kernel acts as if there were no agent. */
  readonly timeoutMs: number;
  readonly beat: () => void;
  /** Whether every worker has moved within this time. */
  readonly responsive: (withinMs: number) => boolean;
}

/** Several beats fit into the timeout, so one may be late on a busy machine. */
const BEATS = 5;

export function startHeartbeat({ clock, timeoutMs, beat, responsive }: HeartbeatOptions): Cancel {
  const beatIfWell = (): void => {
    if (responsive(timeoutMs)) beat();
  };
  beatIfWell();
  return clock.every(timeoutMs / BEATS, beatIfWell);
}
