/** The two requests by which a resource is read, and what is taken of their answers. */
import type { RawObject } from '../../model/sink.ts';
import type { ApiClient, ApiRequest } from './api-client.ts';
import { ApiFailure, failureOf, type Status } from './failure.ts';
import { jsonLines, parse } from './json-lines.ts';
import { pathOf, type Resource } from './resources.ts';

/** As client-go. */
const PAGE_ITEMS = 500;
const LIST_SILENCE_MS = 30_000;
/** The API server sends a bookmark every minute. */
const WATCH_SILENCE_MS = 150_000;
const WATCH_LEAST_S = 300;
/** One list of everything of a kind, which a server may send in one piece. */
const MAX_LIST_BYTES = 256 * 1024 * 1024;

/** An object as the API sends it: in lists without its type. */
export type Item = Pick<RawObject, 'metadata'>;

export interface Page {
  readonly items: readonly Item[];
  /** The version of the list as a whole; watches begin there. */
  readonly revision: string;
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: Item & { readonly metadata: { readonly resourceVersion: string } };
}

export interface ListRequest {
  readonly resource: Resource;
  readonly version: string;
  /** '0': as the server has it at hand; '': as it is now. */
  readonly since: '0' | '';
  /** In pages, where the server can. */
  readonly paged: boolean;
  readonly onBytes: (bytes: number) => void;
}

/** The pages of a list, the last one last. */
export async function* listPages(client: ApiClient, list: ListRequest, stop: AbortSignal): AsyncGenerator<Page> {
  const { resource, version, since, paged, onBytes } = list;
  const limit: Record<string, string> = paged ? { limit: String(PAGE_ITEMS) } : {};
  let position: Record<string, string> = since === '' ? {} : { resourceVersion: since };
  for (;;) {
    const query = { ...selection(resource), ...limit, ...position };
    const accept = acceptOf(resource, 'PartialObjectMetadataList');
    const request: ApiRequest = { path: pathOf(resource, version), query, accept, silenceMs: LIST_SILENCE_MS, onBytes };
    const { items, metadata } = listOf(parse(await textOf(await client.get(request, stop))));
    yield { items, revision: metadata.resourceVersion };
    if (metadata.continue === undefined || metadata.continue === '') return;
    position = { continue: metadata.continue };
  }
}

interface WatchRequest {
  readonly resource: Resource;
  readonly version: string;
  readonly since: string;
  /** From 0 to 1: how much longer than the least time the server should keep the watch. */
  readonly spread: number;
  readonly onBytes: (bytes: number) => void;
}

/** Resolves when the server has taken the watch on. */
export async function openWatch(client: ApiClient, watch: WatchRequest, stop: AbortSignal): Promise<AsyncIterable<WatchEvent>> {
  const { resource, version, since, spread, onBytes } = watch;
  const query = {
    ...selection(resource),
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion: since,
    timeoutSeconds: String(Math.round(WATCH_LEAST_S * (1 + spread))),
  };
  const accept = acceptOf(resource, 'PartialObjectMetadata');
  const request = { path: pathOf(resource, version), query, accept, silenceMs: WATCH_SILENCE_MS, onBytes };
  return eventsOf(await client.get(request, stop));
}

async function* eventsOf(body: AsyncIterable<Buffer>): AsyncGenerator<WatchEvent> {
  for await (const line of jsonLines(body)) {
    const { type, object } = (line ?? {}) as { readonly type?: unknown; readonly object?: unknown };
    if (type === 'ERROR') {
      const status = (object ?? {}) as Status;
      throw failureOf(status.code ?? 0, status);
    }
    if (typeof revisionOf(object) !== 'string') throw new ApiFailure('unreachable', `the API server sent a watch event of another form`);
    yield line as WatchEvent;
  }
}

function selection({ fieldSelector, labelSelector }: Resource): Record<string, string> {
  return { ...(fieldSelector !== null && { fieldSelector }), ...(labelSelector !== null && { labelSelector }) };
}

function acceptOf({ metadataOnly }: Resource, as: string): string {
  return metadataOnly ? `application/json;as=${as};g=meta.k8s.io;v=v1` : 'application/json';
}

async function textOf(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_LIST_BYTES) throw new ApiFailure('unreachable', `the API server sent a list of more than ${MAX_LIST_BYTES} bytes`);
  }
  return Buffer.concat(chunks, length).toString('utf8');
}

interface List {
  readonly items: readonly Item[];
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
}

function listOf(value: unknown): List {
  const items = (value as { readonly items?: unknown } | null)?.items ?? [];
  if (typeof revisionOf(value) !== 'string' || !Array.isArray(items)) {
    throw new ApiFailure('unreachable', 'the API server sent something that is not a list');
  }
  return { ...(value as List), items: items as Item[] };
}

function revisionOf(value: unknown): unknown {
  return (value as { readonly metadata?: { readonly resourceVersion?: unknown } } | null | undefined)?.metadata?.resourceVersion;
}
