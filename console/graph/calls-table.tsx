/** The same as the drawing, in rows. */
import type { JSX } from 'preact';
import { bytes, milliseconds, percent, plural, rate } from '../parts/format.ts';
import { type Column, Table } from '../parts/table.tsx';
import { hashOf } from '../shell/location.ts';
import { type Call, callKey, protocolName, toneOf } from './model.ts';

export function ErrorShare({ share }: { readonly share: number }): JSX.Element {
  const tone = toneOf(share);
  return <span class={tone === 'bad' ? 'alarm' : tone === 'warn' ? 'caution' : 'zero'}>{percent(share)}</span>;
}

const COLUMNS: readonly Column<Call>[] = [
  { key: 'from', title: 'Caller', order: ({ from }) => from, cell: ({ from }) => <ServiceLink id={from} /> },
  { key: 'to', title: 'Callee', order: ({ to }) => to, cell: ({ to }) => <ServiceLink id={to} /> },
  { key: 'protocol', title: 'Protocol', order: ({ protocol }) => protocol, cell: ({ protocol }) => protocolName(protocol) },
  {
    key: 'rate',
    title: 'Requests/s',
    isNumeric: true,
    order: ({ perSecond }) => perSecond,
    cell: ({ perSecond, p50 }) => (p50 === null && perSecond === 0 ? <span class="zero">–</span> : rate(perSecond)),
  },
  {
    key: 'errors',
    title: 'Errors',
    isNumeric: true,
    order: ({ errorShare }) => errorShare,
    cell: ({ errorShare }) => <ErrorShare share={errorShare} />,
  },
  { key: 'p50', title: 'p50', isNumeric: true, order: ({ p50 }) => p50 ?? -1, cell: ({ p50 }) => <Latency ms={p50} /> },
  { key: 'p99', title: 'p99', isNumeric: true, order: ({ p99 }) => p99 ?? -1, cell: ({ p99 }) => <Latency ms={p99} /> },
  {
    key: 'bytes',
    title: 'Bytes/s',
    isNumeric: true,
    order: ({ bytesPerSecond }) => bytesPerSecond,
    cell: ({ bytesPerSecond }) => bytes(bytesPerSecond),
  },
];

function Latency({ ms }: { readonly ms: number | null }): JSX.Element {
  return ms === null ? <span class="zero">–</span> : <>{milliseconds(ms)}</>;
}

function ServiceLink({ id }: { readonly id: string }): JSX.Element {
  const [namespace, name] = [id.slice(0, id.indexOf('/')), id.slice(id.indexOf('/') + 1)];
  return (
    <a class="plain" href={hashOf('graph', id, { as: 'table' })}>
      <span class="quiet">{namespace}/</span>
      {name}
    </a>
  );
}

export function CallsTable({ calls, empty }: { readonly calls: readonly Call[]; readonly empty: string }): JSX.Element {
  return (
    <Table
      caption={plural(calls.length, 'call')}
      columns={COLUMNS}
      rows={calls}
      keyOf={callKey}
      initial={{ column: 'rate', descending: true }}
      empty={empty}
    />
  );
}
