/**
 * Watches that come and go with what the objects make necessary: labels of pods elsewhere, owners of this node's pods, and other nodes.
 *
 *     needed ──> opening ── listed, or refused ──> open ── not needed for LINGER_MS ──> closed, and what it gave is taken back
 *
 * Invariants (test/agent/sources/kubernetes/scopes.test.ts):
 *  1. what is needed is open or opening, and each object comes by it or by one that brings more;
 *  2. one that is replaced stays until its successors were read, so that nothing is unknown in between;
 *  3. however often needs change, there are not many more watches than are needed.
 */
import type { Cancel, Clock } from '../../../base/clock.ts';
import type { Needs } from '../../model/needs.ts';
import type { ClosablePart, ObjectSink, SourceReport } from '../../model/sink.ts';
import { covers, type PodSelector, podSelectors } from './pod-selectors.ts';
import type { Reflector } from './reflector.ts';
import { fullName, otherNodes, ownersIn, podsElsewhere, type Resource } from './resources.ts';

/** The last pod of a Deployment may leave the node and the next one come. */
const LINGER_MS = 60_000;
/** A watch that brings more than is needed is kept if it is not much more. */
const SPARE_VALUES = 8;

export type OpenReflector = (resource: Resource, sink: ClosablePart, onSettled: () => void, stop: AbortSignal) => Reflector;

interface Scope {
  readonly key: string;
  /** Null: of another kind. */
  readonly selector: PodSelector | null;
  readonly part: ClosablePart;
  readonly reflector: Reflector;
  readonly stop: AbortController;
  /** Resolves when it was read or cannot be, or is not needed any more. */
  readonly settled: PromiseWithResolvers<void>;
  readonly run: Promise<void>;
  isSettled: boolean;
  /** Ends it, when it is not needed. */
  cancelClose: Cancel | null;
}

interface Required {
  readonly needs: Needs;
  readonly scopes: ReadonlySet<Scope>;
}

export interface ScopesOptions {
  readonly sink: ObjectSink;
  readonly nodeName: string;
  readonly clock: Clock;
  readonly open: OpenReflector;
  /** A resource is not read any more. */
  readonly onClosed: (name: string) => void;
}

export class Scopes {
  readonly #options: ScopesOptions;
  readonly #scopes = new Map<string, Scope>();
  readonly #closing = new Set<Promise<void>>();
  #opened = 0;
  #required: Required = { needs: { pods: [], owners: [], places: false }, scopes: new Set() };

  constructor(options: ScopesOptions) {
    this.#options = options;
  }

  /** Resolves when everything needed was read or cannot be; null: it is. What is needed is looked at when it is another object. */
  require(needs: Needs): Promise<void> | null {
    if (needs !== this.#required.needs) this.#required = { needs, scopes: this.#open(needs) };
    const waiting = [...this.#required.scopes].filter(({ isSettled }) => !isSettled);
    if (waiting.length === 0) {
      this.#closeReplaced();
      return null;
    }
    return Promise.all(waiting.map(({ settled }) => settled.promise)).then(() => this.#closeReplaced());
  }

  report(): SourceReport[] {
    return [...this.#scopes.values()].map(({ reflector }) => reflector.report());
  }

  async stop(): Promise<void> {
    for (const scope of [...this.#scopes.values()]) this.#end(scope);
    await Promise.all(this.#closing);
  }

  /** What is needed from now on; the rest ends, sooner or later. */
  #open({ pods, owners, places }: Needs): ReadonlySet<Scope> {
    const selected = podSelectors(pods).map((selector) => this.#selecting(selector));
    const owning = owners.map((scope) => this.#at(ownersIn(scope), null));
    const elsewhere = places ? [this.#at(otherNodes(this.#options.nodeName), null)] : [];
    const needed = new Set([...selected, ...owning, ...elsewhere]);
    for (const scope of needed) {
      scope.cancelClose?.();
      scope.cancelClose = null;
    }
    for (const scope of [...this.#scopes.values()]) {
      if (needed.has(scope)) continue;
      if (scope.isSettled) this.#closeLater(scope);
      else this.#end(scope);
    }
    return needed;
  }

  #selecting(selector: PodSelector): Scope {
    const enough = [...this.#scopes.values()].find((scope) => scope.selector !== null && isRoughly(scope.selector, selector));
    return enough ?? this.#at(podsElsewhere(selector, this.#options.nodeName), selector);
  }

  #at(resource: Resource, selector: PodSelector | null): Scope {
    const key = `${fullName(resource)} ${resource.scope}`;
    const known = this.#scopes.get(key);
    if (known !== undefined) return known;
    const stop = new AbortController();
    const part = this.#options.sink.part(`${key} ${++this.#opened}`);
    const settled = Promise.withResolvers<void>();
    const onSettled = (): void => {
      scope.isSettled = true;
      settled.resolve();
    };
    const reflector = this.#options.open(resource, part, onSettled, stop.signal);
    const scope: Scope = {
      ...{ key, selector, part, reflector, stop, settled, run: reflector.run() },
      isSettled: false,
      cancelClose: null,
    };
    this.#scopes.set(key, scope);
    return scope;
  }

  #closeLater(scope: Scope): void {
    scope.cancelClose ??= this.#options.clock.after(LINGER_MS, () => this.#end(scope));
  }

  /** Those of pods: what they brought comes by others now. */
  #closeReplaced(): void {
    const unneeded = [...this.#scopes.values()].filter(({ selector, cancelClose }) => selector !== null && cancelClose !== null);
    for (const scope of unneeded) this.#end(scope);
  }

  #end(scope: Scope): void {
    this.#scopes.delete(scope.key);
    scope.cancelClose?.();
    scope.stop.abort();
    scope.settled.resolve();
    const closing = scope.run.then(() => {
      scope.part.close();
      this.#options.onClosed(scope.reflector.name);
      this.#closing.delete(closing);
    });
    this.#closing.add(closing);
  }
}

function isRoughly(open: PodSelector, wanted: PodSelector): boolean {
  if (open.namespace !== wanted.namespace || !covers(open, wanted)) return false;
  if (open.values.length === 0) return wanted.values.length === 0;
  return open.values.length <= 2 * wanted.values.length + SPARE_VALUES;
}
