/** What the steps ask of many replies. */
import type { Reply } from './traffic.ts';

export function slowest(replies: readonly Reply[]): number {
  return Math.max(0, ...replies.map(({ seconds }) => seconds));
}

export function withStatus(replies: readonly Reply[], status: number): Reply[] {
  return replies.filter((reply) => reply.status === status);
}

/** "200 × 17, 500 × 3": every outcome with its count. */
export function outcomes(replies: readonly Reply[]): string {
  const groups = Map.groupBy(replies, ({ status, error }) => error || String(status));
  return [...groups].map(([outcome, group]) => `${outcome} × ${group.length}`).join(', ');
}
