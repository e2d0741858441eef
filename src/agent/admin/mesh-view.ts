/** What the admin endpoint shows of the traffic: the graph of services, and the pods with their share of the agent. Plain data. */
import { Count, type EdgeKey, quantile } from '../traffic/edge.ts';
import type { EdgeWindow, PodCounts, TrafficReport } from '../traffic/traffic-window.ts';
import type { Identity } from '../../l7/config/identity.ts';
import { BUCKETS } from '../../l7/record/stats.ts';
import type { PodStatus } from './status.ts';

/** Rates are over the window, which is the last minute, or less after the start. */
export interface GraphView {
  readonly windowSeconds: number;
  /** There are more edges than are shown. */
  readonly truncated: boolean;
  readonly edges: readonly EdgeView[];
}

export interface EdgeView extends EdgeKey {
  readonly requestsPerSecond: number;
  /** From 0 to 1; null: there was no request. */
  readonly errorShare: number | null;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  /** Of TCP; bytes as the client's side sees them. */
  readonly connectionsPerSecond: number;
  readonly sentBytesPerSecond: number;
  readonly receivedBytesPerSecond: number;
}

export interface PodsView {
  readonly windowSeconds: number;
  /** Of the agent, in the window. */
  readonly cpuCores: number;
  readonly pods: readonly PodView[];
}

export interface PodView extends PodStatus {
  /** Null: the workers do not know it. */
  readonly identity: Pick<Identity, 'namespace' | 'workload' | 'app' | 'version'> | null;
  /** Since the start of the agent. */
  readonly sent: number;
  readonly received: number;
  readonly sentPerSecond: number;
  readonly receivedPerSecond: number;
  /** Of the agent's CPU time, from 0 to 1: its share of the passes through the engine in the window. */
  readonly cpuShare: number;
}

export function graphView({ seconds, truncated, edges }: TrafficReport): GraphView {
  return { windowSeconds: seconds, truncated, edges: edges.map((edge) => edgeView(edge, seconds)) };
}

function edgeView({ key, counts }: EdgeWindow, seconds: number): EdgeView {
  const count = (index: number): number => counts[index] ?? 0;
  const perSecond = (index: number): number => rounded(count(index) / Math.max(seconds, 1));
  const requests = count(Count.Requests);
  const buckets = counts.slice(Count.Buckets, Count.Buckets + BUCKETS.length + 1);
  return {
    ...key,
    requestsPerSecond: perSecond(Count.Requests),
    errorShare: requests === 0 ? null : rounded(count(Count.Errors) / requests),
    p50Ms: quantile(buckets, 0.5),
    p99Ms: quantile(buckets, 0.99),
    connectionsPerSecond: perSecond(Count.Opened),
    sentBytesPerSecond: perSecond(Count.Sent),
    receivedBytesPerSecond: perSecond(Count.Received),
  };
}

/** @param identities by `namespace/name`. */
export function podsView(pods: readonly PodStatus[], traffic: TrafficReport, identities: (pod: string) => Identity | null): PodsView {
  const { seconds, cpuSeconds } = traffic;
  const passes = [...traffic.pods.values()].reduce((sum, { window }) => sum + passesOf(window), 0);
  return {
    windowSeconds: seconds,
    cpuCores: rounded(cpuSeconds / Math.max(seconds, 1)),
    pods: pods.map((pod) => podView(pod, traffic, passes, identities(pod.pod))),
  };
}

function podView(status: PodStatus, { pods, seconds }: TrafficReport, passes: number, identity: Identity | null): PodView {
  const counts = pods.get(status.pod);
  const total = { sent: counts?.total.outbound ?? 0, received: receivedOf(counts?.total) };
  const perSecond = (count: number): number => rounded(count / Math.max(seconds, 1));
  return {
    ...status,
    identity: identity === null ? null : namesOf(identity),
    ...total,
    sentPerSecond: perSecond(counts?.window.outbound ?? 0),
    receivedPerSecond: perSecond(receivedOf(counts?.window)),
    cpuShare: passes === 0 || counts === undefined ? 0 : rounded(passesOf(counts.window) / passes),
  };
}

const namesOf = ({ namespace, workload, app, version }: Identity): PodView['identity'] => ({ namespace, workload, app, version });
const receivedOf = (counts: PodCounts | undefined): number => (counts === undefined ? 0 : counts.inbound + counts.local);
/** What an agent of a node does for a pod: a request in the pass of its caller is the caller's. */
const passesOf = ({ outbound, inbound }: PodCounts): number => outbound + inbound;
const rounded = (value: number): number => Math.round(value * 1000) / 1000;
