/**
 * An API server in this process, as far as a source sees one: lists in pages, watches that replay what came after a version, bookmarks,
 * 410 for what is too old. A test makes it fail.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ApiObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
    readonly managedFields?: readonly unknown[];
  };
  readonly spec?: unknown;
}

interface Versioned extends ApiObject {
  readonly metadata: ApiObject['metadata'] & { readonly resourceVersion: string; readonly uid: string };
}

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

interface HistoryEntry {
  readonly revision: number;
  readonly path: string;
  readonly type: EventType;
  readonly object: Versioned;
}

interface OpenWatch {
  readonly path: string;
  readonly response: ServerResponse;
}

/** What a source asked for. */
export interface Asked {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly accept: string;
  readonly authorization: string;
  readonly isWatch: boolean;
}

export type Fault =
  { readonly code: number; readonly status?: object; readonly retryAfter?: number } | 'silent' | 'broken' | 'silent-watch';

const keyOf = ({ metadata: { namespace = '', name } }: ApiObject): string => `${namespace}/${name}`;

export class ApiDouble {
  readonly asked: Asked[] = [];
  /** What a request gets instead of its answer. */
  fault: (request: Asked) => Fault | null = () => null;
  /** Objects on a page; 0: as many as the request allows. */
  pageItems = 0;
  /** Runs before a further page is made. */
  onNextPage: () => void = () => {};
  readonly #objects = new Map<string, Map<string, Versioned>>();
  readonly #history: HistoryEntry[] = [];
  #watches: OpenWatch[] = [];
  #revision = 100;
  /** Older versions are forgotten. */
  #oldest = 0;
  #server: Server | null = null;
  #port = 0;

  constructor(paths: readonly string[]) {
    for (const path of paths) this.serve(path);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Also the way back, at the same port. */
  async open(): Promise<void> {
    const server = createServer((request, response) => this.#answer(request, response));
    await new Promise<void>((done) => server.listen(this.#port, '127.0.0.1', done));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    this.#watches = [];
    if (server === null) return;
    const closed = new Promise((done) => server.close(done));
    server.closeAllConnections();
    await closed;
  }

  /** A resource exists from now on. */
  serve(path: string): void {
    this.#objects.set(path, new Map());
  }

  /** As when a custom resource's definition is deleted: its watches end. */
  unserve(path: string): void {
    this.#objects.delete(path);
    this.endWatches(path);
  }

  watches(path: string): number {
    return this.#watches.filter((watch) => watch.path === path).length;
  }

  put(path: string, object: ApiObject): void {
    const objects = this.#objectsAt(path);
    const revision = ++this.#revision;
    const metadata = { ...object.metadata, resourceVersion: String(revision), uid: `uid-${keyOf(object)}` };
    const versioned: Versioned = { ...object, metadata };
    const type = objects.has(keyOf(object)) ? 'MODIFIED' : 'ADDED';
    objects.set(keyOf(object), versioned);
    this.#tell({ revision, path, type, object: versioned });
  }

  delete(path: string, name: string, namespace = 'a'): void {
    const objects = this.#objectsAt(path);
    const object = objects.get(`${namespace}/${name}`);
    if (object === undefined) throw new Error(`no ${name} at ${path}`);
    objects.delete(`${namespace}/${name}`);
    const revision = ++this.#revision;
    this.#tell({
      revision,
      path,
      type: 'DELETED',
      object: { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } },
    });
  }

  /** Time passes in the cluster, elsewhere than at this path. */
  pass(): string {
    return String(++this.#revision);
  }

  bookmark(path: string): string {
    const metadata = { resourceVersion: String(this.#revision) };
    this.send(path, `${JSON.stringify({ type: 'BOOKMARK', object: { metadata } })}\n`);
    return metadata.resourceVersion;
  }

  /** Versions before this one are forgotten. */
  compact(): void {
    this.#oldest = this.#revision;
  }

  send(path: string, text: string): void {
    for (const watch of this.#watches) if (watch.path === path) watch.response.write(text);
  }

  endWatches(path: string): void {
    for (const watch of this.#take(path)) watch.response.end();
  }

  breakWatches(path: string): void {
    for (const watch of this.#take(path)) watch.response.destroy();
  }

  #take(path: string): OpenWatch[] {
    const taken = this.#watches.filter((watch) => watch.path === path);
    this.#watches = this.#watches.filter((watch) => watch.path !== path);
    return taken;
  }

  #objectsAt(path: string): Map<string, Versioned> {
    const objects = this.#objects.get(path);
    if (objects === undefined) throw new Error(`nothing is served at ${path}`);
    return objects;
  }

  #tell(entry: HistoryEntry): void {
    this.#history.push(entry);
    this.send(entry.path, lineOf(entry));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '', 'http://localhost');
    const query = Object.fromEntries(url.searchParams);
    const { accept = '', authorization = '' } = request.headers;
    const asked = { path: url.pathname, query, accept, authorization, isWatch: query['watch'] === 'true' };
    this.asked.push(asked);
    const fault = this.fault(asked);
    const objects = this.#objects.get(asked.path);
    if (fault === 'silent') return;
    if (fault === 'broken') return void response.destroy();
    if (fault !== null && typeof fault === 'object') {
      if (fault.retryAfter !== undefined) response.setHeader('Retry-After', fault.retryAfter);
      return refuse(response, fault.code, fault.status);
    }
    if (objects === undefined) return refuse(response, 404);
    if (asked.isWatch) this.#watch(asked, response, fault === 'silent-watch');
    else this.#list(asked, objects, response);
  }

  #list({ path, query }: Asked, objects: ReadonlyMap<string, Versioned>, response: ServerResponse): void {
    const [from = '0', revision = String(this.#revision)] = query['continue']?.split('@') ?? [];
    if (query['continue'] !== undefined) this.onNextPage();
    if (Number(revision) < this.#oldest) return refuse(response, 410, { message: 'The provided continue parameter is too old' });
    const begin = Number(from);
    const count = query['limit'] === undefined || this.pageItems === 0 ? objects.size : Math.min(this.pageItems, Number(query['limit']));
    const items = [...objects.values()].slice(begin, begin + count);
    const end = begin + items.length;
    const more = end < objects.size ? { continue: `${end}@${revision}` } : {};
    respond(response, 200, { kind: `${path}List`, metadata: { resourceVersion: revision, ...more }, items });
  }

  #watch({ path, query }: Asked, response: ServerResponse, isSilent: boolean): void {
    const since = Number(query['resourceVersion']);
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.flushHeaders();
    if (isSilent) return;
    if (since < this.#oldest) {
      const object = { kind: 'Status', code: 410, reason: 'Expired', message: `too old resource version: ${since}` };
      response.end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
      return;
    }
    this.#watches.push({ path, response });
    for (const entry of this.#history) if (entry.path === path && entry.revision > since) response.write(lineOf(entry));
  }
}

const lineOf = ({ type, object }: HistoryEntry): string => `${JSON.stringify({ type, object })}\n`;

function respond(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'Content-Type': 'application/json', Connection: 'close' }).end(JSON.stringify(body));
}

function refuse(response: ServerResponse, code: number, status: object = {}): void {
  respond(response, code, { kind: 'Status', status: 'Failure', code, message: `status ${code}`, ...status });
}
