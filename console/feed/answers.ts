/** What the admin endpoint answers, by question. The one place where the console names the agent's addresses. */
import type { AgentStatus } from '../../src/agent/admin/status.ts';
import type { ClustersView } from '../../src/agent/admin/cluster-view.ts';
import type { GraphView, PodsView } from '../../src/agent/admin/mesh-view.ts';
import type { PodRoutes } from '../../src/agent/admin/pod-routes.ts';
import type { ObjectReport } from '../../src/agent/model/report.ts';
import type { ToldRequest } from '../../src/l7/tap/told-request.ts';
import { callsOf, type Mesh, meshOf } from '../graph/model.ts';
import type { Reading } from './feeds.ts';
import { useReading } from './use-reading.ts';

export type { AgentStatus, ClustersView, Mesh, ObjectReport, PodRoutes, PodsView, ToldRequest };

interface RecentRequests {
  readonly slow: readonly ToldRequest[];
  readonly failed: readonly ToldRequest[];
  readonly dropped: number;
}

export interface RecentRequest extends ToldRequest {
  /** Distinct among those that are kept, and the same in the next answer. */
  readonly key: string;
  readonly slow: boolean;
  readonly failed: boolean;
}

export const useStatus = (): Reading<AgentStatus> => useReading('/status');
export const useObjects = (): Reading<readonly ObjectReport[]> => useReading('/objects');

export const usePods = (): Reading<PodsView> => useReading('/pods');
export const useClusters = (pod: string): Reading<ClustersView> => useReading(`/clusters?pod=${encodeURIComponent(pod)}`);
export const useRoutes = (pod: string): Reading<PodRoutes> => useReading(`/routes?pod=${encodeURIComponent(pod)}`);

export function useMesh(): Reading<Mesh> {
  return mapped(useReading<GraphView>('/graph'), (view) => meshOf(callsOf(view)));
}

export function useRequests(): Reading<{ readonly requests: readonly RecentRequest[]; readonly dropped: number }> {
  return mapped(useReading<RecentRequests>('/requests'), ({ slow, failed, dropped }) => ({ requests: merged(slow, failed), dropped }));
}

/** A request that failed late is in both lists. */
export function merged(slow: readonly ToldRequest[], failed: readonly ToldRequest[]): RecentRequest[] {
  const requests = new Map<string, RecentRequest>();
  const add = (request: ToldRequest, mark: 'slow' | 'failed'): void => {
    const key = [request.at, request.requestId, request.side, request.durationMs, request.path].join(' ');
    const known = requests.get(key) ?? { ...request, key, slow: false, failed: false };
    requests.set(key, { ...known, [mark]: true });
  };
  for (const request of slow) add(request, 'slow');
  for (const request of failed) add(request, 'failed');
  return [...requests.values()];
}

function mapped<From, To>({ data, ...rest }: Reading<From>, map: (data: From) => To): Reading<To> {
  return { ...rest, data: data === null ? null : map(data) };
}
