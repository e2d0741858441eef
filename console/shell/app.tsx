/** The frame around the views: banner, navigation, what is wrong with the connection, and the view itself. */
import type { ComponentType, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { AgentView } from '../agent/view.tsx';
import { ConfigurationView } from '../configuration/view.tsx';
import { useStatus } from '../feed/answers.ts';
import { GraphView } from '../graph/view.tsx';
import { RequestsView } from '../requests/view.tsx';
import { WorkloadsView } from '../workloads/view.tsx';
import { Banner } from './banner.tsx';
import { ConnectionNotice } from './connection-notice.tsx';
import { type Location, useLocation, type ViewName } from './location.ts';
import { Navigation } from './navigation.tsx';

interface View {
  readonly title: string;
  readonly content: ComponentType<{ readonly location: Location }>;
}

const VIEWS: Readonly<Record<ViewName, View>> = {
  graph: { title: 'Service graph', content: GraphView },
  workloads: { title: 'Workloads', content: WorkloadsView },
  requests: { title: 'Requests', content: RequestsView },
  configuration: { title: 'Configuration', content: ConfigurationView },
  agent: { title: 'Agent', content: AgentView },
};

export function App(): JSX.Element {
  const location = useLocation();
  const status = useStatus();
  const { view, subject } = location;
  const { title, content: Content } = VIEWS[view];
  const heading = useHeading(view, subject);
  const name = subject === '' ? title : subject;
  const node = status.data === null ? '' : ` · ${status.data.node}`;
  useEffect(() => {
    document.title = `${name}${node} · Nodeway`;
  }, [name, node]);
  return (
    <>
      <Banner status={status} onSkip={() => heading.current?.focus()} />
      <Navigation view={view} status={status.data} />
      <ConnectionNotice status={status} />
      <main aria-labelledby="view-heading">
        <h1 id="view-heading" ref={heading} tabIndex={-1}>
          {subject !== '' && <span class="of">{title}</span>}
          {name}
        </h1>
        <Content location={location} />
      </main>
    </>
  );
}

/** Whoever goes to another view begins at its heading; whoever has just come is left where the browser puts them. */
function useHeading(view: ViewName, subject: string) {
  const heading = useRef<HTMLHeadingElement>(null);
  const before = useRef(`${view} ${subject}`);
  useEffect(() => {
    const now = `${view} ${subject}`;
    if (now === before.current) return;
    before.current = now;
    window.scrollTo(0, 0);
    heading.current?.focus();
  }, [view, subject]);
  return heading;
}
