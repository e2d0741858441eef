/**
 * Spans or records of logs on their way to one collector: sent in batches, one at a time.
 *
 *     empty ──item──▶ gathering ──DELAY_MS, or a full batch──▶ sending ──taken──▶ gathering, or empty
 *                                                                └──failed──▶ waiting ──back-off──▶ sending
 *
 * Invariants (test/agent/telemetry/export-queue.test.ts):
 *  1. a collector that is slow, dead or not there costs at most MOST items of memory: what is more is dropped and counted;
 *  2. a batch that was not taken is dropped and counted, because the collector may have it already; those that came later are sent;
 *  3. nobody waits for it.
 */
import type { Cancel, Clock } from '../../../base/clock.ts';
import { messageOf } from '../../../base/errors.ts';
import type { SocketAddress } from '../../../base/socket-address.ts';
import type { Log } from '../../log.ts';
import type { ExporterConfig } from '../../model/compile/index.ts';
import type { Sender } from './sender.ts';

/** As OpenTelemetry's batch processor. */
const MOST = 2048;
const BATCH = 512;
const DELAY_MS = 1000;
const FIRST_BACKOFF_MS = 1000;
const MAX_BACKOFF_MS = 60_000;

export interface ExportMeans<T> {
  readonly clock: Clock;
  readonly log: Log;
  /** Where a name is served now; null: nowhere. */
  readonly resolve: (host: string, port: number) => Promise<SocketAddress | null>;
  readonly open: (config: ExporterConfig, address: SocketAddress) => Promise<Sender<T>>;
}

export class ExportQueue<T> {
  readonly config: ExporterConfig;
  sent = 0;
  dropped = 0;
  failed = 0;
  readonly #means: ExportMeans<T>;
  #waiting: T[] = [];
  #planned: Cancel | null = null;
  #isSending = false;
  #backoffMs = 0;
  #sender: { readonly sender: Sender<T>; readonly address: string } | null = null;
  #closed = false;

  constructor(config: ExporterConfig, means: ExportMeans<T>) {
    this.config = config;
    this.#means = means;
  }

  add(items: readonly T[]): void {
    const room = MOST - this.#waiting.length;
    for (const item of items.slice(0, Math.max(0, room))) this.#waiting.push(item);
    this.dropped += Math.max(0, items.length - room);
    if (this.#isSending || this.#backoffMs > 0) return;
    if (this.#waiting.length >= BATCH) this.#sendNow();
    else this.#plan(DELAY_MS);
  }

  close(): void {
    this.#closed = true;
    this.#planned?.();
    this.#sender?.sender.close();
  }

  #plan(delayMs: number): void {
    if (this.#planned !== null || this.#closed) return;
    this.#planned = this.#means.clock.after(delayMs, () => this.#sendNow());
  }

  #sendNow(): void {
    this.#planned?.();
    this.#planned = null;
    if (this.#waiting.length === 0 || this.#isSending || this.#closed) return;
    const batch = this.#waiting.splice(0, BATCH);
    this.#isSending = true;
    void this.#send(batch).then((error) => {
      this.#isSending = false;
      if (error === null) this.#succeeded(batch.length);
      else this.#failed(batch.length, error);
      if (this.#waiting.length > 0) this.#plan(this.#backoffMs > 0 ? this.#backoffMs : this.#waiting.length >= BATCH ? 0 : DELAY_MS);
    });
  }

  /** @returns what went wrong, or null. */
  async #send(batch: readonly T[]): Promise<string | null> {
    try {
      const sender = await this.#connected();
      if (sender === null) return 'no address is known for it';
      await sender.send(batch);
      return null;
    } catch (error) {
      return messageOf(error);
    }
  }

  async #connected(): Promise<Sender<T> | null> {
    const { host, port } = this.config;
    const address = await this.#means.resolve(host, port);
    const text = address === null ? '' : `${address.ip}|${address.port}`;
    if (this.#sender?.address === text) return this.#sender.sender;
    this.#sender?.sender.close();
    this.#sender = null;
    if (address === null) return null;
    const sender = await this.#means.open(this.config, address);
    this.#sender = { sender, address: text };
    return sender;
  }

  #succeeded(count: number): void {
    if (this.#backoffMs > 0) this.#means.log.info({ provider: this.config.name }, 'a collector takes again what is told');
    this.#backoffMs = 0;
    this.sent += count;
  }

  #failed(count: number, error: string): void {
    const { name, host, port } = this.config;
    this.failed += count;
    if (this.#backoffMs === 0) {
      this.#means.log.warn(
        { provider: name, collector: `${host}:${port}`, error },
        'a collector does not take what is told; it is dropped',
      );
    }
    this.#backoffMs = Math.min(MAX_BACKOFF_MS, this.#backoffMs === 0 ? FIRST_BACKOFF_MS : 2 * this.#backoffMs);
  }
}
