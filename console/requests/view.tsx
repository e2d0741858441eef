/** The recent requests that failed or were slow, each with its whole story. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { type RecentRequest, type ToldRequest, useRequests } from '../feed/answers.ts';
import { Awaited } from '../parts/awaited.tsx';
import { Choice } from '../parts/choice.tsx';
import { milliseconds, plural, timeOfDay } from '../parts/format.ts';
import { fits, SearchField } from '../parts/search-field.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { type Location, refine } from '../shell/location.ts';
import { RequestStory } from './request-story.tsx';
import { pathToShow } from './story.ts';

type Kind = 'all' | 'failed' | 'slow';

export function RequestsView({ location }: { readonly location: Location }): JSX.Element {
  const search = location.query.get('search') ?? '';
  const kind = (['failed', 'slow'] as const).find((name) => name === location.query.get('only')) ?? 'all';
  return (
    <>
      <div class="tools">
        <SearchField
          label="Search by service, pod, path, flag or trace"
          value={search}
          onInput={(value) => refine(location, { search: value })}
        />
        <Choice<Kind>
          label="Show"
          options={[
            ['all', 'All'],
            ['failed', 'Failed'],
            ['slow', 'Slow'],
          ]}
          value={kind}
          onChoose={(value) => refine(location, { only: value === 'all' ? '' : value })}
        />
      </div>
      <Awaited reading={useRequests()}>
        {({ requests, dropped }) => <Requests requests={requests} dropped={dropped} search={search} kind={kind} />}
      </Awaited>
    </>
  );
}

interface RequestsProps {
  readonly requests: readonly RecentRequest[];
  readonly dropped: number;
  readonly search: string;
  readonly kind: Kind;
}

function Requests({ requests, dropped, search, kind }: RequestsProps): JSX.Element {
  const [open, setOpen] = useState<string | null>(null);
  const rows = requests.filter((request) => (kind === 'all' || request[kind]) && fits(search, textOf(request)));
  const columns = columnsOf(open, (key) => setOpen(key === open ? null : key));
  return (
    <>
      <Table
        caption={`${plural(rows.length, 'request')}${rows.length < requests.length ? ` of ${requests.length}` : ''}, the newest first`}
        columns={columns}
        rows={rows}
        keyOf={({ key }) => key}
        initial={{ column: 'at', descending: true }}
        empty={
          requests.length === 0
            ? 'No request has failed or been slow since the agent started. What counts as slow is its flag --slow-request.'
            : 'No request fits what is searched for.'
        }
        rowClass={({ key }) => (key === open ? 'open' : '')}
        detail={(request) => (request.key === open ? <RequestStory request={request} /> : null)}
      />
      {dropped > 0 && <p class="below quiet">{plural(dropped, 'request')} more failed or were slow; they were too many to be kept.</p>}
    </>
  );
}

function columnsOf(open: string | null, onOpen: (key: string) => void): Column<RecentRequest>[] {
  return [
    {
      key: 'at',
      title: 'Time',
      order: ({ at }) => at,
      cell: (request) => <Opener request={request} isOpen={request.key === open} onOpen={onOpen} />,
    },
    { key: 'status', title: 'Status', order: ({ status }) => status, cell: (request) => <Status request={request} /> },
    {
      key: 'duration',
      title: 'Took',
      isNumeric: true,
      order: ({ durationMs }) => durationMs,
      cell: (request) => <Duration request={request} />,
    },
    { key: 'from', title: 'From', order: ({ source }) => nameOf(source), cell: ({ source }) => nameOf(source) },
    { key: 'to', title: 'To', order: ({ service }) => service, cell: ({ service }) => shortHost(service) },
    {
      key: 'request',
      title: 'Request',
      cell: ({ method, path }) => (
        <code>
          <b>{method}</b> {pathToShow(path)}
        </code>
      ),
    },
    {
      key: 'details',
      title: 'Outcome',
      order: ({ details }) => details,
      cell: ({ details, attempts }) => (
        <>
          {details}
          {attempts > 1 && (
            <>
              , <span class="whole">{attempts} attempts</span>
            </>
          )}
        </>
      ),
    },
  ];
}

interface OpenerProps {
  readonly request: RecentRequest;
  readonly isOpen: boolean;
  readonly onOpen: (key: string) => void;
}

function Opener({ request: { key, at }, isOpen, onOpen }: OpenerProps): JSX.Element {
  return (
    <button type="button" class="opener" aria-expanded={isOpen} onClick={() => onOpen(key)}>
      <span class="turn" aria-hidden="true">
        ▸
      </span>
      {timeOfDay(at)}
    </button>
  );
}

function Status({ request: { status, flags, failed } }: { readonly request: RecentRequest }): JSX.Element {
  return (
    <span class={failed ? 'alarm' : ''}>
      {status === 0 ? 'none' : status}
      {flags !== '-' && flags !== '' && ` ${flags}`}
    </span>
  );
}

function Duration({ request: { durationMs, slow } }: { readonly request: RecentRequest }): JSX.Element {
  return <span class={slow ? 'caution' : ''}>{milliseconds(durationMs)}</span>;
}

const nameOf = ({ namespace, workload }: ToldRequest['source']): string =>
  workload === 'unknown' ? 'outside' : `${namespace}/${workload}`;
const shortHost = (host: string): string => host.replace(/\.svc\..*$/u, '');

function textOf({ source, destination, service, path, method, flags, status, details, traceId, requestId }: ToldRequest): string {
  return [source.pod, nameOf(source), destination.pod, service, method, pathToShow(path), flags, status, details, traceId, requestId].join(
    ' ',
  );
}
