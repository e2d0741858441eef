/** The endpoint for the node's administrator and for `nodeway status`; on loopback by default. */
import type { Snapshot } from '../../l7/snapshot.ts';
import { LOG_LEVELS, type LogLevel } from '../log-level.ts';
import type { RequestLog } from '../requests/request-log.ts';
import { refuseForeignPages } from './browser-guard.ts';
import { HttpServer, type Routes, json, plain } from './http-server.ts';
import { requestRoutes } from './request-routes.ts';
import { type SnapshotView, snapshotView } from './snapshot-view.ts';
import type { AgentStatus } from './status.ts';

export interface AdminSources {
  /** The settings in effect. */
  readonly config: () => unknown;
  readonly snapshot: () => Snapshot | null;
  readonly status: () => AgentStatus;
  readonly logLevel: { get(): string; set(level: LogLevel): void };
  readonly requests: RequestLog;
  readonly quit: () => void;
}

export function adminEndpoint(sources: AdminSources): HttpServer {
  const routes: Routes = {
    'GET /': () => plain(`the admin endpoint of a Nodeway agent:\n${Object.keys(routes).join('\n')}`),
    'GET /config': () => json(sources.config()),
    'GET /snapshot': () => json(view(sources)),
    'GET /status': () => json(sources.status()),
    'GET /pods': () => json(sources.status().pods),
    'GET /clusters': () => json(clusters(view(sources))),
    ...requestRoutes(sources.requests),
    'GET /log-level': () => plain(sources.logLevel.get()),
    'PUT /log-level': ({ body }) => {
      const level = LOG_LEVELS.find((known) => known === body.trim());
      if (level === undefined) return plain(`"${body.trim()}" is not one of ${LOG_LEVELS.join(', ')}`, 400);
      sources.logLevel.set(level);
      return plain(level);
    },
    'POST /quit': () => {
      sources.quit();
      return plain('draining', 202);
    },
  };
  return new HttpServer(routes, refuseForeignPages);
}

function view({ snapshot }: AdminSources): SnapshotView | null {
  const now = snapshot();
  return now === null ? null : snapshotView(now);
}

/** Each with its endpoints. */
function clusters(snapshot: SnapshotView | null): unknown[] {
  return Object.values(snapshot?.clusters ?? {}).map((cluster) => ({ ...cluster, endpoints: snapshot?.endpoints[cluster.id] ?? [] }));
}
