/** A pod in a few lines: whether it is captured and why, and what it costs. */
import type { JSX } from 'preact';
import type { PodsView } from '../feed/answers.ts';
import { integer, percent, rate, timeOfDay } from '../parts/format.ts';
import { StateTag } from '../parts/state-tag.tsx';
import { hashOf } from '../shell/location.ts';
import { standingOf } from './standing.ts';

interface PodFactsProps {
  readonly pod: PodsView['pods'][number];
  /** Of the agent. */
  readonly cpuCores: number;
}

export function PodFacts({ pod, cpuCores }: PodFactsProps): JSX.Element {
  const { reason, error, addresses, capturedAt, identity, cpuShare } = pod;
  return (
    <div class="panel">
      <dl class="facts">
        <dt>State</dt>
        <dd>
          <StateTag {...standingOf(pod)} />
          {capturedAt !== null && ` since ${timeOfDay(capturedAt)}`}
        </dd>
        <dt>Why</dt>
        <dd>{reason}</dd>
        {error !== '' && <dt>What is wrong</dt>}
        {error !== '' && <dd class="alarm">{error}</dd>}
        <dt>Addresses</dt>
        <dd>
          <code>{addresses.join(' ')}</code>
        </dd>
        {identity !== null && <dt>Workload</dt>}
        {identity !== null && (
          <dd>
            <a href={hashOf('graph', `${identity.namespace}/${identity.workload}`)}>{identity.workload}</a>, version {identity.version}
          </dd>
        )}
        <dt>Requests</dt>
        <dd>
          <Traffic pod={pod} />
        </dd>
        <dt>Share of the agent</dt>
        <dd>
          {percent(cpuShare)} of its CPU time, {percent(cpuShare * cpuCores)} of a core
        </dd>
        <dt>Recent trouble</dt>
        <dd>
          <a href={hashOf('requests', '', { search: pod.pod })}>its slow and failed requests</a>
        </dd>
      </dl>
    </div>
  );
}

function Traffic({ pod: { sent, received, sentPerSecond, receivedPerSecond } }: Pick<PodFactsProps, 'pod'>): JSX.Element {
  return (
    <>
      sent {rate(sentPerSecond)}/s, received {rate(receivedPerSecond)}/s{' '}
      <span class="quiet">
        ({integer(sent)} and {integer(received)} since the agent started)
      </span>
    </>
  );
}
