/** What is wrong, with the field that it is about, and where it is. */
import type { JSX } from 'preact';
import type { AgentStatus } from '../feed/answers.ts';

type Problem = AgentStatus['problems'][number];

const WORDS: Readonly<Record<string, string>> = { error: 'Error', unsupported: 'Not supported', warning: 'Warning' };

interface ProblemsProps {
  readonly problems: readonly Problem[];
  readonly withPlace?: boolean;
}

export function Problems({ problems, withPlace = false }: ProblemsProps): JSX.Element | null {
  if (problems.length === 0) return null;
  return (
    <ul class="problems">
      {problems.map(({ severity, path, message, where }) => (
        <li key={`${severity} ${path} ${message} ${where}`}>
          <span class={severity === 'error' ? 'alarm' : 'caution'}>{WORDS[severity] ?? severity}</span>{' '}
          {path !== '' && <code class="path">{path}</code>} {message}
          {withPlace && where !== '' && <code class="place">{where}</code>}
        </li>
      ))}
    </ul>
  );
}
