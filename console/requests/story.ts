/** What happened to a request, in the words of the field. */
import type { Flag } from '../../src/l7/message/outcome.ts';
import type { ToldRequest } from '../feed/answers.ts';

/** Envoy's response flags, those that this agent gives. */
const FLAGS: Readonly<Record<keyof typeof Flag, string>> = {
  UH: 'no healthy endpoint was left',
  UF: 'the connection to the endpoint could not be made',
  UC: 'the endpoint closed the connection',
  UO: 'a circuit breaker was open: connections, waiting requests or retries were at their limit',
  NR: 'no route matched',
  DC: 'the client closed the connection',
  URX: 'the retries were used up',
  UT: 'there was no answer in time',
  DPE: 'the client’s bytes were not valid HTTP',
  UPE: 'the endpoint’s bytes were not valid HTTP',
  NC: 'the route names a cluster that does not exist',
  DI: 'a fault rule delayed it',
  FI: 'a fault rule answered it',
  UR: 'the endpoint reset the connection',
};

export function meaningsOf(flags: string): readonly { readonly flag: string; readonly meaning: string }[] {
  if (flags === '-' || flags === '') return [];
  return flags.split(',').map((flag) => ({ flag, meaning: FLAGS[flag as keyof typeof Flag] ?? 'one of Envoy’s response flags' }));
}

export interface Phase {
  readonly name: string;
  readonly beganMs: number;
  readonly endedMs: number;
}

/** The parts of its duration, in order; those that did not happen are left out. */
export function phasesOf({ sentAfterMs, answeredAfterMs, durationMs, attempts }: ToldRequest): Phase[] {
  const sent = sentAfterMs ?? durationMs;
  const answered = answeredAfterMs ?? durationMs;
  const before = attempts > 1 ? 'earlier attempts and pauses between them' : 'before it was sent';
  const phases = [
    { name: before, beganMs: 0, endedMs: Math.min(sent, answered) },
    ...(sentAfterMs === null ? [] : [{ name: 'waiting for the response’s head', beganMs: sent, endedMs: Math.max(sent, answered) }]),
    ...(answeredAfterMs === null ? [] : [{ name: 'the response', beganMs: answered, endedMs: durationMs }]),
  ];
  return phases.filter(({ beganMs, endedMs }, index) => endedMs > beganMs || index === 1);
}

/** Queries carry tokens and names of people: their values are not shown. */
export function pathToShow(path: string): string {
  const [before = '', query] = path.split(/\?(.*)/su, 2);
  return query === undefined ? before : `${before}?${query.replaceAll(/=[^&]*/gu, '=…')}`;
}
