/** What the admin endpoint shows of pods, their routes and clusters, and the graph of services. */
import { GATEWAY_CLIENT } from '../../l7/explain/explanation.ts';
import type { Snapshot } from '../../l7/snapshot.ts';
import type { PoolsAnswer } from '../../l7/question.ts';
import type { Ledger } from '../../l7/upstream/ledger.ts';
import type { TrafficReport } from '../traffic/traffic-window.ts';
import { type ClusterQuestion, clustersView } from './cluster-view.ts';
import { type ExplainSources, explainReply } from './explain-view.ts';
import { type AdminRequest, json, plain, type Reply, type Routes } from './http-server.ts';
import { graphView, podsView } from './mesh-view.ts';
import { podRoutes } from './pod-routes.ts';
import type { AgentStatus } from './status.ts';

export interface MeshSources extends ExplainSources {
  readonly status: () => AgentStatus;
  readonly traffic: () => Promise<TrafficReport>;
  /** Of the workers. */
  readonly pools: () => Promise<readonly PoolsAnswer[]>;
  readonly ledger: Ledger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const MOST_CLUSTERS = 500;

export function meshRoutes(sources: MeshSources): Routes {
  return {
    'GET /pods': async () => json(podsView(sources.status().pods, await sources.traffic(), (pod) => identityIn(sources.snapshot(), pod))),
    'GET /graph': async () => json(graphView(await sources.traffic())),
    'GET /clusters': (request) => clusters(sources, request),
    'GET /routes': ({ query }) => routes(sources.snapshot(), query.get('pod') ?? ''),
    'GET /explain': (request) => explainReply(sources, request),
  };
}

function identityIn(snapshot: Snapshot | null, pod: string) {
  return snapshot?.records.workloads.get(pod)?.identity ?? null;
}

/** `?pod=NAMESPACE/NAME` or `?pod=gateway`, `?service=HOST`, `?limit=N`. */
async function clusters(sources: MeshSources, { query }: AdminRequest): Promise<Reply> {
  const snapshot = sources.snapshot();
  const pod = query.get('pod');
  const isKnown = pod === null || pod === GATEWAY_CLIENT || snapshot?.records.workloads.has(pod) === true;
  if (!isKnown) return plain(unknownPod(snapshot, pod), 404);
  if (snapshot === null) return json({ truncated: false, clusters: [] });
  const limit = Number(query.get('limit') ?? MOST_CLUSTERS);
  if (!Number.isInteger(limit) || limit < 1) return plain(`limit: "${query.get('limit')}" is not a whole number above 0`, 400);
  const question: ClusterQuestion = { pod, service: query.get('service'), limit };
  const answers = await sources.pools();
  return json(clustersView(question, { snapshot, ledger: sources.ledger, answers, now: sources.now() }));
}

function routes(snapshot: Snapshot | null, pod: string): Reply {
  const seen = snapshot === null ? null : podRoutes(snapshot, pod);
  return seen === null ? plain(unknownPod(snapshot, pod), 404) : json(seen);
}

/** For people. */
function unknownPod(snapshot: Snapshot | null, pod: string): string {
  const known = [...(snapshot?.records.workloads.keys() ?? [])];
  return `${pod} is not enrolled on this node; enrolled: ${known.join(', ') || 'none'}`;
}
