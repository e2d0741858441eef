/** What the lines of requests have in common that went the same way and ended alike. */
import type { ClusterConfig } from '../config/cluster.ts';
import type { Outcome } from '../message/outcome.ts';
import type { ExchangeRecord, FallbackService } from '../record/exchange-record.ts';
import type { LogEntry } from './log-entry.ts';

export class Ending {
  #outcome: Outcome | null = null;
  #route: ExchangeRecord['route'] = null;
  #cluster: ClusterConfig | null = null;
  #fallbackService: FallbackService = 'unknown';
  #endpointAddress = '';
  #endpointPort = 0;
  #status = 0;
  #flags = 0;
  #attempts = 0;
  #protocol: string | null = null;
  #localText = '';
  #serverName = '';
  #inbound = false;

  /** Of few bits; endings that differ mostly have another one. */
  static hash({ endpointAddress, endpointPort, status, attempts }: ExchangeRecord): number {
    const { length } = endpointAddress;
    const last = length < 2 ? 0 : endpointAddress.charCodeAt(length - 1) + 7 * endpointAddress.charCodeAt(length - 2);
    return last + endpointPort + status + 3 * attempts;
  }

  is(entry: LogEntry, record: ExchangeRecord): boolean {
    return this.#isOutcome(record) && this.#isWay(record) && this.#isClient(entry);
  }

  note(entry: LogEntry, record: ExchangeRecord): void {
    this.#outcome = record.outcome;
    this.#route = record.route;
    this.#cluster = record.cluster;
    this.#fallbackService = record.fallbackService;
    this.#endpointAddress = record.endpointAddress;
    this.#endpointPort = record.endpointPort;
    this.#status = record.status;
    this.#flags = record.flags;
    this.#attempts = record.attempts;
    this.#protocol = protocolOf(entry);
    this.#localText = entry.localText;
    this.#serverName = entry.serverName;
    this.#inbound = entry.inbound;
  }

  #isOutcome({ outcome, status, flags, attempts }: ExchangeRecord): boolean {
    return outcome === this.#outcome && status === this.#status && flags === this.#flags && attempts === this.#attempts;
  }

  #isWay({ route, cluster, fallbackService, endpointAddress, endpointPort }: ExchangeRecord): boolean {
    if (route !== this.#route || cluster !== this.#cluster || fallbackService !== this.#fallbackService) return false;
    return endpointPort === this.#endpointPort && endpointAddress === this.#endpointAddress;
  }

  #isClient(entry: LogEntry): boolean {
    if (entry.inbound !== this.#inbound) return false;
    return entry.localText === this.#localText && protocolOf(entry) === this.#protocol && entry.serverName === this.#serverName;
  }
}

/** Null: it is no request. */
function protocolOf({ note }: LogEntry): string | null {
  return note === null ? null : note.protocol;
}
