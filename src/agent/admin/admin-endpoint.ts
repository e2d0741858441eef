/** The endpoint for the node's administrator and for `nodeway status`; on loopback by default. */
import { LOG_LEVELS, type LogLevel } from '../log-level.ts';
import type { ObjectReport } from '../model/report.ts';
import type { RequestLog } from '../requests/request-log.ts';
import { refuseForeignPages } from './browser-guard.ts';
import { consolePages } from './console-pages.ts';
import { type AdminRequest, type Handler, HttpServer, type Routes, json, plain } from './http-server.ts';
import { type MeshSources, meshRoutes } from './mesh-routes.ts';
import { requestRoutes } from './request-routes.ts';
import { type SnapshotView, snapshotView } from './snapshot-view.ts';

export interface AdminSources extends MeshSources {
  /** The settings in effect. */
  readonly config: () => unknown;
  readonly objects: () => readonly ObjectReport[];
  readonly logLevel: { get(): string; set(level: LogLevel): void };
  readonly requests: RequestLog;
  readonly quit: () => void;
}

export function adminEndpoint(sources: AdminSources): HttpServer {
  const setLogLevel: Handler = ({ body }) => {
    const level = LOG_LEVELS.find((known) => known === body.trim());
    if (level === undefined) return plain(`"${body.trim()}" is not one of ${LOG_LEVELS.join(', ')}`, 400);
    sources.logLevel.set(level);
    return plain(level);
  };
  const pages = consolePages();
  const routes: Routes = {
    'GET /': (request) => (wantsPage(request) ? pages['index.html'](request) : plain(listing(routes))),
    'GET /console.js': pages['console.js'],
    'GET /console.css': pages['console.css'],
    'GET /icon.svg': pages['icon.svg'],
    'GET /licenses.txt': pages['licenses.txt'],
    'GET /config': () => json(sources.config()),
    'GET /snapshot': () => json(view(sources)),
    'GET /status': () => json(sources.status()),
    ...meshRoutes(sources),
    'GET /objects': () => json(sources.objects()),
    ...requestRoutes(sources.requests),
    'GET /log-level': () => plain(sources.logLevel.get()),
    'PUT /log-level': setLogLevel,
    'POST /log-level': setLogLevel,
    'POST /quit': () => {
      sources.quit();
      return plain('draining', 202);
    },
  };
  return new HttpServer(routes, refuseForeignPages);
}

/** A browser says so; `curl` takes anything, and gets what it can ask for. */
function wantsPage({ headers }: AdminRequest): boolean {
  return headers.accept?.includes('text/html') ?? false;
}

function listing(routes: Routes): string {
  return `the admin endpoint of a Nodeway agent; a browser gets the console\n${Object.keys(routes).join('\n')}`;
}

function view({ snapshot }: AdminSources): SnapshotView | null {
  const now = snapshot();
  return now === null ? null : snapshotView(now);
}
