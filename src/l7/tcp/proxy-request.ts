/**
 * Asks a forward proxy for a connection to a target, by CONNECT over HTTP/1.1 (RFC 9110 §9.3.6), and reads what it answers:
 *
 *     asking ──2xx──▶ opened: what follows are the target's bytes
 *        └── another status, no answer in time, not HTTP, gone ──▶ refused
 */
import { Timer } from '../../base/timer-wheel.ts';
import { send } from '../send.ts';
import type { CloseReason, ConnectionHandler, ConnectionId, Transport } from '../transport.ts';

/** No head of a proxy's answer is longer. */
const MAX_HEAD = 16 * 1024;
const END = Buffer.from('\r\n\r\n', 'latin1');
const ACCEPTED = /^HTTP\/1\.[01] 2\d\d(?: |\r)/;

export interface ProxyAnswer {
  /** @param rest bytes of the target that came with the answer. */
  opened(rest: Uint8Array | null): void;
  /** The connection is still there, unless it was closed without our doing. */
  refused(closed: boolean): void;
}

export class ProxyRequest implements ConnectionHandler {
  readonly #transport: Transport;
  readonly #answer: ProxyAnswer;
  readonly #timer: Timer;
  #head: Buffer = Buffer.alloc(0);

  /** @param target `host:port`. @param timeoutMs until the proxy must have answered. */
  constructor(transport: Transport, id: ConnectionId, target: string, timeoutMs: number, answer: ProxyAnswer) {
    this.#transport = transport;
    this.#answer = answer;
    this.#timer = new Timer(() => this.#answer.refused(false));
    transport.setHandler(id, this);
    transport.timers.arm(this.#timer, timeoutMs);
    const request = Buffer.from(`CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\n\r\n`, 'latin1');
    send(transport, id, request, 0, request.length);
  }

  /** Nobody waits for the answer any more. */
  cancel(): void {
    this.#transport.timers.disarm(this.#timer);
  }

  onData(start: number, end: number): void {
    this.#head = Buffer.concat([this.#head, this.#transport.arena.subarray(start, end)]);
    const at = this.#head.indexOf(END);
    if (at < 0 && this.#head.length < MAX_HEAD) return;
    this.cancel();
    if (at < 0 || !ACCEPTED.test(this.#head.toString('latin1', 0, at + 2))) return this.#answer.refused(false);
    const rest = this.#head.subarray(at + END.length);
    this.#answer.opened(rest.length === 0 ? null : rest);
  }

  onEnd(): void {
    this.cancel();
    this.#answer.refused(false);
  }

  onClose(_reason: CloseReason): void {
    this.cancel();
    this.#answer.refused(true);
  }

  onConnect(): void {}
  onBlocked(): void {}
  onDrained(): void {}
  onRelayed(): void {}
}
