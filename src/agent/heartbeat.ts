/** Tells the kernel that the agent lives, as long as every worker answers; without it new connections go past the agent (or, for pods that fail closed, are refused). */
export interface HeartbeatOptions {
  /** After so long without a beat the kernel goes without the agent. */
  readonly timeoutMs: number;
  readonly beat: () => void;
  /** Whether every worker has moved within this time. */
  readonly responsive: (withinMs: number) => boolean;
}

/** Several beats fit into the time-out, so that one may come late on a busy machine. */
const BEATS = 5;

/** Returns how to stop it. */
export function startHeartbeat({ timeoutMs, beat, responsive }: HeartbeatOptions): () => void {
  const beatIfWell = (): void => {
    if (responsive(timeoutMs)) beat();
  };
  beatIfWell();
  const timer = setInterval(beatIfWell, timeoutMs / BEATS);
  return () => clearInterval(timer);
}
