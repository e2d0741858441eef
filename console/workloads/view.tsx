/** The pods of this node, and why each is captured or not; one of them with all that it sees of the mesh. */
import type { JSX } from 'preact';
import { type PodsView, usePods } from '../feed/answers.ts';
import { Awaited } from '../parts/awaited.tsx';
import { percent, plural, rate } from '../parts/format.ts';
import { fits, SearchField } from '../parts/search-field.tsx';
import { StateTag } from '../parts/state-tag.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { hashOf, type Location, refine } from '../shell/location.ts';
import { Clusters } from './clusters.tsx';
import { PodFacts } from './pod-facts.tsx';
import { Routes } from './routes.tsx';
import { Share } from './share.tsx';
import { standingOf } from './standing.ts';

type Pod = PodsView['pods'][number];

const COLUMNS: readonly Column<Pod>[] = [
  { key: 'pod', title: 'Pod', order: ({ pod }) => pod, cell: ({ pod }) => <a href={hashOf('workloads', pod)}>{pod}</a> },
  { key: 'state', title: 'State', order: (pod) => standingOf(pod).rank, cell: (pod) => <StateTag {...standingOf(pod)} /> },
  { key: 'why', title: 'Why', cell: ({ reason, error }) => (error === '' ? reason : <span class="alarm">{error}</span>) },
  { key: 'addresses', title: 'Addresses', cell: ({ addresses }) => <code>{addresses.join(' ')}</code> },
  {
    key: 'sent',
    title: 'Sent/s',
    isNumeric: true,
    order: ({ sentPerSecond }) => sentPerSecond,
    cell: ({ sentPerSecond }) => <Rate perSecond={sentPerSecond} />,
  },
  {
    key: 'received',
    title: 'Received/s',
    isNumeric: true,
    order: ({ receivedPerSecond }) => receivedPerSecond,
    cell: ({ receivedPerSecond }) => <Rate perSecond={receivedPerSecond} />,
  },
  {
    key: 'share',
    title: 'Share of the agent',
    isNumeric: true,
    order: ({ cpuShare }) => cpuShare,
    cell: ({ cpuShare }) => <Share share={cpuShare} />,
  },
];

function Rate({ perSecond }: { readonly perSecond: number }): JSX.Element {
  return <span class={perSecond === 0 ? 'zero' : ''}>{rate(perSecond)}</span>;
}

export function WorkloadsView({ location }: { readonly location: Location }): JSX.Element {
  const pods = usePods();
  return (
    <Awaited reading={pods}>
      {(view) => (location.subject === '' ? <Pods view={view} location={location} /> : <OnePod view={view} location={location} />)}
    </Awaited>
  );
}

interface PodsProps {
  readonly view: PodsView;
  readonly location: Location;
}

function Pods({ view: { pods, cpuCores }, location }: PodsProps): JSX.Element {
  const search = location.query.get('search') ?? '';
  const rows = pods.filter((pod) => fits(search, `${pod.pod} ${pod.reason} ${pod.error} ${pod.addresses.join(' ')}`));
  return (
    <>
      <div class="tools">
        <SearchField label="Search by name, address or reason" value={search} onInput={(value) => refine(location, { search: value })} />
        <p class="quiet last">The agent used {percent(cpuCores)} of one core in the last minute.</p>
      </div>
      <Table
        caption={`${plural(rows.length, 'pod')} of this node${rows.length < pods.length ? `, of ${pods.length}` : ''}`}
        columns={COLUMNS}
        rows={rows}
        keyOf={({ pod }) => pod}
        initial={{ column: 'state', descending: false }}
        empty={pods.length === 0 ? 'There is no pod on this node.' : 'No pod fits what is searched for.'}
      />
    </>
  );
}

function OnePod({ view: { pods, cpuCores }, location }: PodsProps): JSX.Element {
  const { subject, query } = location;
  const pod = pods.find((one) => one.pod === subject);
  const search = query.get('search') ?? '';
  if (pod === undefined) return <p class="quiet">There is no such pod on this node.</p>;
  return (
    <>
      <PodFacts pod={pod} cpuCores={cpuCores} />
      {pod.phase === 'captured' && (
        <>
          <h2>What it sees of the mesh</h2>
          <div class="tools">
            <SearchField
              label="Search hosts, rules and endpoints"
              value={search}
              onInput={(value) => refine(location, { search: value })}
            />
          </div>
          <div class="stack">
            <Routes pod={subject} search={search} />
            <Clusters pod={subject} search={search} />
          </div>
        </>
      )}
    </>
  );
}
