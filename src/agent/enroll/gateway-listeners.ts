/** Serves the ports of Gateways at the node's addresses. A port that cannot be bound is reported and tried again; the others go on. */
import type { Cancel, Clock } from '../../base/clock.ts';
import { codeOf, messageOf } from '../../base/errors.ts';
import type { Log } from '../log.ts';
import { ListenerGroup, type ListenerIds } from './listener-group.ts';
import type { ListenerHost, NodeSockets } from './node-ports.ts';

const RETRY_MS = 2000;

export interface GatewayReport {
  readonly port: number;
  readonly address: string;
  readonly listening: boolean;
  readonly error: string;
}

export interface GatewayListenersOptions {
  readonly addresses: readonly string[];
  readonly sockets: NodeSockets;
  readonly workers: ListenerHost;
  readonly ids: ListenerIds;
  readonly mark: number;
  readonly clock: Clock;
  readonly log: Log;
}

interface Place {
  readonly port: number;
  readonly address: string;
  group: ListenerGroup | null;
  error: string;
  retryAt: number;
}

export class GatewayListeners {
  readonly #options: GatewayListenersOptions;
  readonly #places = new Map<string, Place>();
  /** Groups that are being closed: their port is free again only afterwards. */
  readonly #closing = new Set<Promise<void>>();
  #stopRetrying: Cancel = () => {};

  constructor(options: GatewayListenersOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopRetrying = this.#options.clock.every(RETRY_MS, () => this.#openMissing());
  }

  /** Stops listening at ports that no Gateway names any more. Call before the workers forget those Gateways. */
  drop(wanted: ReadonlySet<number>): void {
    for (const [key, place] of this.#places) {
      if (wanted.has(place.port)) continue;
      this.#places.delete(key);
      if (place.group !== null) this.#close(place.group);
    }
  }

  /** Listens at new ports. Call after the workers have got those Gateways. */
  serve(wanted: ReadonlySet<number>): void {
    for (const port of wanted) {
      for (const address of this.#options.addresses) {
        const key = `${address} ${port}`;
        if (!this.#places.has(key)) this.#places.set(key, { port, address, group: null, error: '', retryAt: 0 });
      }
    }
    this.#openMissing();
  }

  report(): GatewayReport[] {
    return [...this.#places.values()].map(({ port, address, group, error }) => ({ port, address, listening: group !== null, error }));
  }

  /** Whether every wanted port is served by all workers, or known to be impossible for now. */
  get settled(): boolean {
    return [...this.#places.values()].every((place) => (place.group === null ? place.error !== '' : place.group.ready));
  }

  async close(): Promise<void> {
    this.#stopRetrying();
    this.drop(new Set());
    await Promise.all(this.#closing);
  }

  #openMissing(): void {
    const now = this.#options.clock.monotonic();
    for (const place of this.#places.values()) {
      if (place.group === null && now >= place.retryAt) this.#open(place, now);
    }
  }

  #open(place: Place, now: number): void {
    const { ids, sockets, workers, mark, log } = this.#options;
    const { address, port } = place;
    try {
      const group = ListenerGroup.open({ netns: -1, address, port, mark }, ids, sockets, workers);
      group.serve((id, fd) => ({ kind: 'gateway', id, fd, port }));
      place.group = group;
      place.error = '';
      log.info({ address, port }, 'gateway port is open');
    } catch (error) {
      const message = explain(error, address, port);
      if (message !== place.error) log.warn({ address, port, error: message }, 'gateway port cannot be opened; tried again');
      place.error = message;
      place.retryAt = now + RETRY_MS;
    }
  }

  #close(group: ListenerGroup): void {
    const closing = group.close().finally(() => {
      this.#closing.delete(closing);
      this.#openMissing();
    });
    this.#closing.add(closing);
  }
}

function explain(error: unknown, address: string, port: number): string {
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return `another process listens at port ${port}; stop it, or choose addresses with --gateway-address`;
    case 'EACCES':
      return `port ${port} needs root or CAP_NET_BIND_SERVICE`;
    case 'EADDRNOTAVAIL':
      return `this node has no address ${address}`;
    default:
      return messageOf(error);
  }
}
