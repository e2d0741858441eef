/** The agent itself: whether it is ready, its workers, gateway ports, and what it reads of an API server. */
import type { JSX } from 'preact';
import { type AgentStatus, useStatus } from '../feed/answers.ts';
import { Awaited } from '../parts/awaited.tsx';
import { type Figure, Figures } from '../parts/figures.tsx';
import { bytes, integer, milliseconds, span } from '../parts/format.ts';
import { StateTag } from '../parts/state-tag.tsx';
import { type Column, Table } from '../parts/table.tsx';

type Worker = AgentStatus['workers'][number];
type Gateway = AgentStatus['gateways'][number];
type Source = AgentStatus['sources'][number];

const WORKERS: readonly Column<Worker>[] = [
  { key: 'worker', title: 'Worker', order: ({ index }) => index, cell: ({ index }) => `worker ${index}` },
  {
    key: 'state',
    title: 'State',
    order: ({ phase }) => phase,
    cell: ({ phase }) => <StateTag tone={phase === 'running' ? 'good' : 'warn'} text={phase} />,
  },
  { key: 'version', title: 'Configuration', isNumeric: true, order: ({ version }) => version, cell: ({ version }) => integer(version) },
  {
    key: 'listeners',
    title: 'Listeners',
    isNumeric: true,
    order: ({ listeners }) => listeners,
    cell: ({ listeners }) => integer(listeners),
  },
  {
    key: 'pause',
    title: 'Longest pause in 10 s',
    isNumeric: true,
    order: ({ longestPauseSeconds }) => longestPauseSeconds,
    cell: ({ longestPauseSeconds }) => milliseconds(1000 * longestPauseSeconds),
  },
];

const GATEWAYS: readonly Column<Gateway>[] = [
  { key: 'address', title: 'Address', order: (gateway) => addressOf(gateway), cell: (gateway) => <code>{addressOf(gateway)}</code> },
  {
    key: 'state',
    title: 'State',
    order: ({ listening }) => (listening ? 1 : 0),
    cell: ({ listening, error }) => <StateTag tone={listening ? 'good' : 'bad'} text={listening ? 'listening' : error} />,
  },
];

const SOURCES: readonly Column<Source>[] = [
  { key: 'resource', title: 'Resource', order: ({ resource }) => resource, cell: ({ resource, scope }) => `${resource} ${scope}` },
  {
    key: 'state',
    title: 'State',
    order: ({ state }) => state,
    cell: ({ state }) => <StateTag tone={state === 'followed' ? 'good' : state === 'absent' ? 'quiet' : 'bad'} text={state} />,
  },
  {
    key: 'stale',
    title: 'Stale for',
    isNumeric: true,
    order: ({ staleSeconds }) => staleSeconds,
    cell: ({ staleSeconds }) => (staleSeconds === 0 ? '' : span(staleSeconds)),
  },
  { key: 'events', title: 'Events', isNumeric: true, order: ({ events }) => events, cell: ({ events }) => integer(events) },
  { key: 'bytes', title: 'Read', isNumeric: true, order: (source) => source.bytes, cell: (source) => bytes(source.bytes) },
  { key: 'error', title: 'Last failure', cell: ({ error }) => error },
];

export function AgentView(): JSX.Element {
  return <Awaited reading={useStatus()}>{(status) => <Agent status={status} />}</Awaited>;
}

function Agent({ status }: { readonly status: AgentStatus }): JSX.Element {
  const { gates, workers, gateways, sources } = status;
  return (
    <>
      <Figures figures={figures(status)} />
      {gates.some(({ open }) => !open) && (
        <ul class="panel">
          {gates
            .filter(({ open }) => !open)
            .map(({ gate, awaited }) => (
              <li key={gate}>
                <StateTag tone="warn" text={`${gate}: waits for ${awaited}`} />
              </li>
            ))}
        </ul>
      )}
      <div class="stack">
        <Table
          caption="Worker threads"
          columns={WORKERS}
          rows={workers}
          keyOf={({ index }) => String(index)}
          initial={{ column: 'worker', descending: false }}
          empty="There is no worker yet."
        />
        <Table
          caption="Gateway ports of this node"
          columns={GATEWAYS}
          rows={gateways}
          keyOf={addressOf}
          initial={{ column: 'address', descending: false }}
          empty="No Gateway is served by this node."
        />
        <Table
          caption="What is read of an API server"
          columns={SOURCES}
          rows={sources}
          keyOf={({ source, resource, scope }) => `${source} ${resource} ${scope}`}
          initial={{ column: 'stale', descending: true }}
          empty="Nothing: objects are read from a directory of manifests."
        />
      </div>
    </>
  );
}

/** Changes take a fraction of a second. */
const LONG_PENDING_SECONDS = 5;

function figures({ ready, draining, workers, workerRestarts, snapshot, propagation, version, pid, uptimeSeconds }: AgentStatus): Figure[] {
  const running = workers.filter(({ phase }) => phase === 'running').length;
  return [
    { title: 'State', value: draining ? 'stopping' : ready ? 'ready' : 'not ready', tone: ready && !draining ? 'quiet' : 'bad' },
    { title: 'Workers running', value: integer(running), of: `of ${workers.length}`, tone: running < workers.length ? 'bad' : 'quiet' },
    { title: 'Workers replaced', value: integer(workerRestarts), of: 'since the start', tone: workerRestarts > 0 ? 'warn' : 'quiet' },
    {
      ...{ title: 'Configuration version', value: integer(snapshot) },
      of: propagation.pending === 0 ? 'in all workers' : `${integer(propagation.pending)} pending for ${span(propagation.oldestSeconds)}`,
      tone: propagation.oldestSeconds > LONG_PENDING_SECONDS ? 'warn' : 'quiet',
    },
    { title: 'Up', value: span(uptimeSeconds), of: `pid ${pid}` },
    { title: 'Nodeway', value: version },
  ];
}

const addressOf = ({ address, port }: Gateway): string => (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`);
