/** The state of a pod in a word. */
import type { AgentStatus } from '../feed/answers.ts';
import type { Tone } from '../parts/state-tag.tsx';

export interface PodStanding {
  readonly tone: Tone;
  readonly text: string;
  /** What needs somebody first. */
  readonly rank: number;
}

export function standingOf({ phase, enrolled, error }: AgentStatus['pods'][number]): PodStanding {
  if (error !== '') return { tone: 'bad', text: 'not captured', rank: 0 };
  if (phase === 'leaving') return { tone: 'warn', text: 'leaving', rank: 1 };
  if (phase === 'captured') return { tone: 'good', text: 'captured', rank: 3 };
  if (enrolled) return { tone: 'warn', text: 'on its way', rank: 2 };
  return { tone: 'quiet', text: 'not enrolled', rank: 4 };
}
