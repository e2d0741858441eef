/** One request: where its time went, who decided what, and why it ended as it did. */
import type { ComponentChildren, JSX } from 'preact';
import type { ToldRequest } from '../feed/answers.ts';
import { bytes, milliseconds } from '../parts/format.ts';
import { hashOf } from '../shell/location.ts';
import { meaningsOf, pathToShow, phasesOf, type Phase } from './story.ts';

export function RequestStory({ request }: { readonly request: ToldRequest }): JSX.Element {
  return (
    <div class="story">
      <Timeline phases={phasesOf(request)} durationMs={request.durationMs} />
      <div class="columns">
        <Facts title="What was asked" facts={asked(request)} />
        <Facts title="What was decided" facts={decided(request)} />
        <Facts title="How it ended" facts={ended(request)} />
      </div>
    </div>
  );
}

type Fact = readonly [name: string, value: ComponentChildren];

function Facts({ title, facts }: { readonly title: string; readonly facts: readonly Fact[] }): JSX.Element {
  return (
    <div>
      <h2>{title}</h2>
      <dl class="facts">
        {facts
          .filter(([, value]) => value !== '')
          .map(([name, value]) => (
            <>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </>
          ))}
      </dl>
    </div>
  );
}

function asked({ source, client, target, method, authority, path, protocol, requestBytes, at }: ToldRequest): Fact[] {
  return [
    ['At', new Date(at).toISOString()],
    ['From', <Peer key="from" peer={source} address={client} />],
    ['Connection to', <code key="target">{target}</code>],
    ['Request', <code key="request">{`${method} ${pathToShow(path)} ${protocol}`}</code>],
    ['Host', <code key="host">{authority}</code>],
    ['Body', bytes(requestBytes)],
  ];
}

const SIDES: Readonly<Record<ToldRequest['side'], string>> = {
  outbound: 'the listener of the pod that sent it',
  inbound: 'the listener of the pod that it is for',
  gateway: 'a gateway’s port',
};

function decided(request: ToldRequest): Fact[] {
  const { side, service, cluster, attempts, tried, endpoint, destination } = request;
  return [
    ['Accepted by', SIDES[side]],
    ['Service', service],
    ['Route', routeOf(request)],
    ['Cluster', cluster === '' ? '' : <code key="cluster">{cluster}</code>],
    ['Attempts', String(attempts)],
    ['Failed before', tried.length === 0 ? '' : <code key="tried">{tried.join(', ')}</code>],
    ['Endpoint', endpoint === '' ? 'none was chosen' : <Peer key="endpoint" peer={destination} address={endpoint} />],
  ];
}

/** One that matched may have no name. */
function routeOf({ route, cluster }: ToldRequest): string {
  if (route !== '') return route;
  return cluster === '' ? 'none matched' : 'one without a name';
}

function ended({ status, grpcStatus, flags, details, responseBytes, traceId, requestId }: ToldRequest): Fact[] {
  const meanings = meaningsOf(flags);
  const why = meanings.map(({ flag, meaning }) => (
    <div key={flag}>
      <strong>{flag}</strong>: {meaning}
    </div>
  ));
  return [
    ['Status', status === 0 ? 'the client got none' : String(status)],
    ['gRPC status', grpcStatus === null ? '' : String(grpcStatus)],
    ['Flags', meanings.length === 0 ? '' : why],
    ['Details', <code key="details">{details}</code>],
    ['Body', bytes(responseBytes)],
    ['Request id', requestId === '' ? '' : <code key="id">{requestId}</code>],
    ['Trace', traceId === '' ? '' : <code key="trace">{traceId}</code>],
  ];
}

function Peer({ peer, address }: { readonly peer: ToldRequest['source']; readonly address: string }): JSX.Element {
  if (peer.pod === 'unknown') return <code>{address}</code>;
  return (
    <>
      <a href={hashOf('workloads', peer.pod)}>{peer.pod}</a> <code class="quiet">{address}</code>
    </>
  );
}

/** Percent, as the drawing has no other unit. */
const WIDTH = 100;

function Timeline({ phases, durationMs }: { readonly phases: readonly Phase[]; readonly durationMs: number }): JSX.Element {
  const scale = durationMs > 0 ? WIDTH / durationMs : 0;
  return (
    <div class="timeline">
      <svg viewBox={`0 0 ${WIDTH} 10`} preserveAspectRatio="none" height="10" aria-hidden="true">
        {phases.map(({ name, beganMs, endedMs }, index) => (
          <rect
            key={name}
            class={`phase-${index}`}
            x={beganMs * scale}
            y="0"
            width={Math.max(0.4, (endedMs - beganMs) * scale)}
            height="10"
          />
        ))}
      </svg>
      <ol>
        {phases.map(({ name, beganMs, endedMs }, index) => (
          <li key={name}>
            <span class={`swatch phase-${index}`} aria-hidden="true" />
            {name} <b>{milliseconds(endedMs - beganMs)}</b>
          </li>
        ))}
        <li>
          in all <b>{milliseconds(durationMs)}</b>
        </li>
      </ol>
    </div>
  );
}
