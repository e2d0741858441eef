/**
 * Keeps one resource of the API server in the sink, as client-go's reflector does.
 *
 *             ┌───────── expired (410 as an answer or as an event), missing ─────────┐
 *             ▼                                                                      │
 *     ┌──▶ listing ── all pages ──▶ watching ── ended, broken, silent ──▶ watching from the last version seen
 *     └─ failed, after a wait
 *
 * Invariants (test/agent/sources/kubernetes/):
 *  1. nothing is taken away because the server cannot be read: only an event, a complete list, or a resource that the server does not
 *     have at two looks ("the API server is away", "a custom resource comes, goes and comes back");
 *  2. a watch goes on from the last version that was seen, in an object or in a bookmark ("a watch is resumed");
 *  3. requests that fail follow each other with growing waits; a watch that works ends that, and so does another resource that finds
 *     the server there again ("waits grow, and a watch that works ends them", "the first that finds the server calls the others");
 *  4. it is settled once, when the first list is complete or the server is known not to have the resource ("a kind that may not be
 *     read").
 */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../../base/clock.ts';
import { refOf } from '../../model/problem.ts';
import type { ObjectPart, Origin, RawObject, SourceReport } from '../../model/sink.ts';
import type { Absences } from './absences.ts';
import type { ApiClient } from './api-client.ts';
import { ApiFailure } from './failure.ts';
import { Following } from './following.ts';
import { type ServerHealth, serverProblem } from './health.ts';
import type { Pace } from './pace.ts';
import { type Item, type ListRequest, listPages, openWatch, type WatchEvent } from './requests.ts';
import { apiVersionOf, fullName, type Resource } from './resources.ts';
import { neededMetadata } from './needed-metadata.ts';

/** Objects that are validated in a turn; the heartbeat shares this thread. */
const OBJECTS_A_TURN = 50;
/** A watch without an event that the server ends sooner does not work. */
const SHORT_MS = 1000;
/** The first may fall into a restart of the server. */
const ABSENT_LOOKS = 2;
/** Between looks for a resource that the server does not have. */
const LONGEST_ABSENCE_MS = 60_000;
/** Of users of the cluster, who may not name paths of this node. */
const WHOLE: Origin = { trusted: false, locate: () => null };
const METADATA: Origin = { ...WHOLE, metadataOnly: true };

export interface ReflectorOptions {
  readonly resource: Resource;
  readonly client: ApiClient;
  readonly sink: ObjectPart;
  readonly health: ServerHealth;
  readonly absences: Absences;
  readonly clock: Clock;
  readonly pace: Pace;
  /** As Math.random. */
  readonly random: () => number;
  /** Whether a server that refuses to tell of it settles it too. */
  readonly isDispensable: boolean;
  readonly onSettled: () => void;
}

export class Reflector {
  readonly #options: ReflectorOptions;
  readonly #resource: Resource;
  readonly #name: string;
  readonly #stop: AbortSignal;
  readonly #following: Following;
  #doing: 'list' | 'watch' = 'list';
  /** Of the API group. */
  #version: string;
  /** The last version that was seen; '0': none yet, '': one that the server no longer knows. */
  #since = '0';
  #settled = false;
  /** Looks in a row that found no such resource. */
  #absences = 0;
  /** Those of the time when the latest look began. */
  #news: AbortSignal;
  /** Of the time when the latest request began: one that fails after the server's return is made again at once. */
  #back: AbortSignal;
  /** The credentials were refused, and read again. */
  #renewed = false;

  constructor(options: ReflectorOptions, stop: AbortSignal) {
    this.#options = options;
    this.#resource = options.resource;
    const { scope } = options.resource;
    this.#name = `${fullName(options.resource)}${scope === '' ? '' : ` (${scope})`}`;
    this.#following = new Following(fullName(options.resource), scope, options.clock);
    this.#version = options.resource.versions[0] ?? '';
    this.#news = options.absences.news;
    this.#back = options.health.back;
    this.#stop = stop;
  }

  get name(): string {
    return this.#name;
  }

  get resource(): Resource {
    return this.#resource;
  }

  /** Whether it is not watched, or not read yet. A resource that the server does not have has nothing to tell. */
  get isBehind(): boolean {
    return this.#following.isStale && this.#absences < ABSENT_LOOKS;
  }

  report(): SourceReport {
    return this.#following.report();
  }

  /** Resolves when it has been stopped. */
  async run(): Promise<void> {
    while (!this.#stop.aborted) {
      this.#back = this.#options.health.back;
      try {
        await (this.#doing === 'list' ? this.#listVersions() : this.#watch());
      } catch (error) {
        if (this.#stop.aborted) return;
        if (!(error instanceof ApiFailure)) throw error;
        await this.#recover(error);
      }
    }
  }

  /** The first version that the server has. */
  async #listVersions(): Promise<void> {
    const { versions } = this.#resource;
    this.#news = this.#options.absences.news;
    for (const [index, version] of versions.entries()) {
      try {
        this.#version = version;
        return await this.#list();
      } catch (error) {
        const isMissing = error instanceof ApiFailure && error.reason === 'missing';
        if (!isMissing || index === versions.length - 1) throw error;
      }
    }
  }

  async #list(): Promise<void> {
    try {
      await this.#readList(this.#since === '0' ? '0' : '', true);
    } catch (error) {
      if (!(error instanceof ApiFailure) || error.reason !== 'expired') throw error;
      // Between two pages, or from the start: the list in one piece is the one that cannot expire.
      await this.#readList('', false);
    }
    this.#doing = 'watch';
    this.#absences = 0;
    this.#options.absences.listed(this.#name);
    this.#works();
    this.#settle();
  }

  async #readList(since: ListRequest['since'], paged: boolean): Promise<void> {
    const { client, sink } = this.#options;
    const { onBytes } = this.#following;
    const list = { resource: this.#resource, version: this.#version, since, paged, onBytes };
    this.#following.lists++;
    let revision: string | null = null;
    let given = 0;
    for await (const page of listPages(client, list, this.#stop)) {
      if (revision === null) {
        if (this.#absences > 0) await this.#appear();
        sink.relist(this.#resource.type);
      }
      revision = page.revision;
      for (const item of page.items) {
        this.#give(item);
        if (++given % OBJECTS_A_TURN === 0) await setImmediate();
        this.#stop.throwIfAborted();
      }
    }
    sink.listed(this.#resource.type);
    this.#since = revision ?? '';
  }

  /** It was not there before. */
  async #appear(): Promise<void> {
    const looked = this.#options.absences.found(this.#name, this.#stop);
    if (!this.#resource.refers) return;
    await looked;
    this.#stop.throwIfAborted();
  }

  async #watch(): Promise<void> {
    const { client, clock, random } = this.#options;
    const { onBytes } = this.#following;
    const watch = { resource: this.#resource, version: this.#version, since: this.#since, spread: random(), onBytes };
    const events = await openWatch(client, watch, this.#stop);
    this.#works();
    this.#following.begins();
    const began = clock.monotonic();
    const error = await this.#follow(events);
    this.#following.ends(error);
    if (error !== null || clock.monotonic() - began < SHORT_MS) await this.#pause();
  }

  /** @returns what broke the watch; null: it has ended. */
  async #follow(events: AsyncIterable<WatchEvent>): Promise<ApiFailure | null> {
    const { clock, health, pace } = this.#options;
    const began = clock.monotonic();
    try {
      for await (const event of events) {
        pace.reset();
        this.#take(event);
      }
      return null;
    } catch (error) {
      // A watch that ends in whatever way is nothing to tell of, as long as the next one begins.
      if (error instanceof ApiFailure && error.reason === 'unreachable') return error;
      throw error;
    } finally {
      if (clock.monotonic() - began >= SHORT_MS) pace.reset();
      // That the server came back while it was watched is no reason to ask at once.
      this.#back = health.back;
    }
  }

  #take({ type, object }: WatchEvent): void {
    if (type !== 'BOOKMARK') this.#following.events++;
    if (type === 'DELETED') this.#options.sink.remove(refOf(this.#typed(object)));
    else if (type !== 'BOOKMARK') this.#give(object);
    this.#since = object.metadata.resourceVersion;
  }

  #give(item: Item): void {
    const { namespaces, metadataOnly } = this.#resource;
    if (namespaces?.has(item.metadata.namespace ?? '') === false) return;
    this.#options.sink.upsert(this.#typed(item), metadataOnly ? METADATA : WHOLE);
  }

  #typed(item: Item): RawObject {
    const { kind, metadataOnly } = this.#resource;
    const metadata = metadataOnly ? neededMetadata(item.metadata) : item.metadata;
    return { ...item, metadata, apiVersion: apiVersionOf(this.#resource, this.#version), kind };
  }

  async #recover(failure: ApiFailure): Promise<void> {
    this.#following.fails(failure);
    switch (failure.reason) {
      case 'unauthorized':
        if (this.#renewCredentials(failure)) return;
        break;
      case 'forbidden':
        this.#report(`the agent may not ${this.#doing} ${this.#name}: ${failure.message}`);
        break;
      case 'missing':
        return this.#recoverMissing();
      case 'expired':
        if (this.#doing === 'list') this.#options.health.failed(this.#name, failure.message);
        this.#doing = 'list';
        this.#since = '';
        break;
      case 'unreachable':
        return this.#waitForServer(failure);
    }
    await this.#pause();
  }

  /** As long as the pace says, or until another resource finds the server there again. */
  async #pause(): Promise<void> {
    const { pace } = this.#options;
    const back = this.#back;
    await pace.wait(AbortSignal.any([this.#stop, back]));
    // A server that has just come back does not yet answer everything as it should; the waits had grown while it was away.
    if (back.aborted) pace.reset();
  }

  async #waitForServer({ message, retryAfterMs }: ApiFailure): Promise<void> {
    const { health, pace } = this.#options;
    health.failed(this.#name, message);
    // A server that names a time is there, and knows better than a bound that has grown while it was not.
    if (retryAfterMs > 0) return pace.wait(this.#stop, { leastMs: retryAfterMs, longestMs: retryAfterMs });
    await this.#pause();
  }

  /** Tokens are replaced before they expire; the one that was sent may have been read just before. Returns whether to try at once. */
  #renewCredentials(failure: ApiFailure): boolean {
    this.#options.client.renewCredentials();
    if (this.#renewed) this.#options.health.failed(this.#name, `it does not accept the credentials of the agent (${failure.message})`);
    const isFirst = !this.#renewed;
    this.#renewed = true;
    return isFirst;
  }

  async #recoverMissing(): Promise<void> {
    const { sink, pace, absences } = this.#options;
    // A watch is refused in this way too; then the list says whether another version is there.
    if (this.#doing === 'watch') {
      this.#doing = 'list';
      this.#since = '';
      return this.#pause();
    }
    if (!this.#resource.optional) {
      this.#report(`the API server has no ${this.#name}`);
      return this.#pause();
    }
    this.#works();
    // Waits have grown for another reason.
    if (this.#absences === 0) pace.reset();
    if (++this.#absences >= ABSENT_LOOKS || !this.#settled) {
      sink.relist(this.#resource.type);
      sink.listed(this.#resource.type);
      this.#settle();
    }
    absences.missing(this.#name, this.#news);
    // A second look at once would not tell of a restart of the server.
    const end = this.#absences >= ABSENT_LOOKS ? AbortSignal.any([this.#stop, this.#news]) : this.#stop;
    await pace.wait(end, { longestMs: LONGEST_ABSENCE_MS });
    if (this.#news.aborted) pace.reset();
  }

  /** Of this resource alone: the server is there. */
  #report(message: string): void {
    this.#options.health.works(this.#name);
    this.#options.sink.problem(this.#name, [serverProblem(message)]);
    if (this.#options.isDispensable) this.#settle();
  }

  #works(): void {
    this.#renewed = false;
    this.#options.health.works(this.#name);
    this.#options.sink.problem(this.#name, []);
  }

  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#options.onSettled();
  }
}
