/** Where one is in the console: the part of the address after `#`, so that a view can be linked to and the agent serves one page. */
import { useEffect, useState } from 'preact/hooks';

export const VIEWS = ['graph', 'workloads', 'requests', 'configuration', 'agent'] as const;
export type ViewName = (typeof VIEWS)[number];

export interface Location {
  readonly view: ViewName;
  /** What of it, as `namespace/name`; empty: all. */
  readonly subject: string;
  readonly query: URLSearchParams;
}

/** `#/workloads/default/web?x=1`. What leads nowhere leads to the graph. */
export function locationOf(hash: string): Location {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [first = '', ...rest] = path.split('/');
  const view = VIEWS.find((name) => name === first) ?? 'graph';
  return { view, subject: rest.map(decoded).join('/'), query: new URLSearchParams(query) };
}

export function hashOf(view: ViewName, subject = '', query: Readonly<Record<string, string>> = {}): string {
  const path = subject === '' ? '' : `/${subject.split('/').map(encodeURIComponent).join('/')}`;
  const parameters = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== '')).toString();
  return `#/${view}${path}${parameters === '' ? '' : `?${parameters}`}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function useLocation(): Location {
  const [hash, setHash] = useState(window.location.hash);
  useEffect(() => {
    const onChange = (): void => setHash(window.location.hash);
    window.addEventListener('hashchange', onChange);
    return () => window.removeEventListener('hashchange', onChange);
  }, []);
  return locationOf(hash);
}

/** Changes what is seen of a view, without a step for the browser's back button. */
export function refine({ view, subject, query }: Location, changes: Readonly<Record<string, string>>): void {
  const hash = hashOf(view, subject, { ...Object.fromEntries(query), ...changes });
  window.history.replaceState(null, '', hash);
  window.dispatchEvent(new HashChangeEvent('hashchange'));
}
