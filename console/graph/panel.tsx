/** One service: who calls it, whom it calls, and the way to its pods and requests. */
import type { JSX } from 'preact';
import { bytes, milliseconds, percent, rate } from '../parts/format.ts';
import { hashOf } from '../shell/location.ts';
import { ErrorShare } from './calls-table.tsx';
import { type Call, callKey, type Mesh, protocolName, type Service } from './model.ts';

interface PanelProps {
  readonly mesh: Mesh;
  readonly service: Service;
  readonly query: Readonly<Record<string, string>>;
}

export function ServicePanel({ mesh, service, query }: PanelProps): JSX.Element {
  const { id, name, namespace } = service;
  const callers = mesh.calls.filter(({ to }) => to === id);
  const callees = mesh.calls.filter(({ from }) => from === id);
  return (
    <section class="panel service" aria-labelledby="service-name">
      <a class="close" href={hashOf('graph', '', query)}>
        Close
      </a>
      <h2 id="service-name">{name}</h2>
      <p class="quiet">namespace {namespace}</p>
      <p class="load">{loadOf(service)}</p>
      <p class="ways">
        <a href={hashOf('workloads', '', { search: `${namespace}/ ${name}` })}>Its pods on this node</a>
        <a href={hashOf('requests', '', { search: name })}>Its slow and failed requests</a>
      </p>
      <Calls title="Called by" calls={callers} other={({ from }) => from} query={query} />
      <Calls title="Calls" calls={callees} other={({ to }) => to} query={query} />
    </section>
  );
}

function loadOf({ isCalled, perSecond, bytesPerSecond, errorShare }: Service): string {
  if (!isCalled) return 'Nobody calls it.';
  const requests = perSecond > 0 || bytesPerSecond === 0 ? [`${rate(perSecond)} requests/s, ${percent(errorShare)} errors`] : [];
  const connections = bytesPerSecond > 0 ? [`${bytes(bytesPerSecond)}/s over TCP`] : [];
  return [...requests, ...connections].join('; ');
}

interface CallsProps {
  readonly title: string;
  readonly calls: readonly Call[];
  readonly other: (call: Call) => string;
  readonly query: Readonly<Record<string, string>>;
}

function Calls({ title, calls, other, query }: CallsProps): JSX.Element | null {
  if (calls.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <ul class="neighbours">
        {calls.map((call) => (
          <li key={callKey(call)}>
            <a class="plain" href={hashOf('graph', other(call), query)}>
              {other(call)}
            </a>
            <div class="numbers">
              <span>{protocolName(call.protocol)}</span>
              {call.p50 === null ? <span>{bytes(call.bytesPerSecond)}/s</span> : <RequestLoad call={call} />}
              {call.p50 !== null && <span>{`p50 ${milliseconds(call.p50)}`}</span>}
              {call.p99 !== null && <span>{`p99 ${milliseconds(call.p99)}`}</span>}
            </div>
          </li>
        ))}
      </ul>
    </>
  );
}

function RequestLoad({ call: { perSecond, errorShare } }: { readonly call: Call }): JSX.Element {
  return (
    <>
      <span>{rate(perSecond)}/s</span>
      <ErrorShare share={errorShare} />
    </>
  );
}
