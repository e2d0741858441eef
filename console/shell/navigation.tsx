import type { JSX } from 'preact';
import type { AgentStatus } from '../feed/answers.ts';
import { integer, plural } from '../parts/format.ts';
import { hashOf, type ViewName } from './location.ts';

interface Entry {
  readonly view: ViewName;
  readonly title: string;
  /** How many things there are wrong, in words. */
  readonly trouble?: { readonly count: number; readonly words: string };
}

export function Navigation({ view, status }: { readonly view: ViewName; readonly status: AgentStatus | null }): JSX.Element {
  return (
    <nav aria-label="Views">
      <ul>
        {entries(status).map(({ view: name, title, trouble }) => (
          <li key={name}>
            <a href={hashOf(name)} aria-current={name === view ? 'page' : undefined}>
              {title}
              {trouble !== undefined && trouble.count > 0 && (
                <span class="count">
                  <span aria-hidden="true">{integer(trouble.count)}</span>
                  <span class="unseen">{`, ${trouble.words}`}</span>
                </span>
              )}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function entries(status: AgentStatus | null): Entry[] {
  const failed = (status?.pods ?? []).filter(({ enrolled, error }) => enrolled && error !== '').length;
  const problems = (status?.problems ?? []).filter(({ severity }) => severity !== 'warning').length;
  const stale = (status?.sources ?? []).filter(({ state }) => state === 'unreachable' || state === 'forbidden').length;
  const closed = (status?.gates ?? []).filter(({ open }) => !open).length;
  return [
    { view: 'graph', title: 'Service graph' },
    { view: 'workloads', title: 'Workloads', trouble: { count: failed, words: `${plural(failed, 'pod')} not captured` } },
    { view: 'requests', title: 'Requests' },
    { view: 'configuration', title: 'Configuration', trouble: { count: problems, words: plural(problems, 'problem') } },
    { view: 'agent', title: 'Agent', trouble: { count: stale + closed, words: plural(stale + closed, 'problem') } },
  ];
}
