/** What the contract test needs of an implementation: the transport, and peers on the other side of its connections. */
import type { Acceptor, Address, CloseReason, ConnectionHandler, ConnectionId, Transport } from '../../../src/l7/transport.ts';

/** The other end of a connection. */
export interface Peer {
  write(bytes: Uint8Array): void;
  end(): void;
  reset(): void;
  /** Stops and starts taking bytes. */
  pause(): void;
  resume(): void;
  readonly receivedBytes: number;
  received(): Buffer;
  readonly ended: boolean;
  readonly wasReset: boolean;
}

export interface PeerServer {
  readonly address: Address;
  /** The connections that arrived, in order. */
  readonly peers: readonly Peer[];
}

export interface Lab {
  readonly transport: Transport;
  dial(address: Address): Promise<Peer>;
  serve(): Promise<PeerServer>;
  /** An address where nobody listens. */
  refusing(): Promise<Address>;
  /** An address that never answers. */
  silent(): Promise<Address>;
  dispose(): Promise<void>;
}

export type MakeLab = () => Promise<Lab>;

const PATIENCE_MS = 60_000;

/** Waits until `condition` holds; throws with `what` when it does not. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Some time, and some turns of the loop, for anything wrong to show: a process that did not run for a while finds the time over at once. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(() => setImmediate(resolve), 10));
}

/** The thread does not run for so long, as one whose process is throttled. */
export function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** A handler that writes down what it is told. */
export class Recorder implements ConnectionHandler {
  readonly log: string[] = [];
  readonly chunks: Buffer[] = [];
  bytes = 0;
  relayed: number[] = [];
  reason: CloseReason | 0 = 0;
  id: ConnectionId = -1;
  readonly transport: Transport;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  has(event: string): boolean {
    return this.log.includes(event);
  }
  count(event: string): number {
    return this.log.filter((entry) => entry === event).length;
  }
  received(): Buffer {
    return Buffer.concat(this.chunks);
  }
  onConnect(): void {
    this.log.push('connect');
  }
  onData(start: number, end: number): void {
    if (this.log.at(-1) !== 'data') this.log.push('data');
    this.chunks.push(Buffer.from(this.transport.arena.subarray(start, end)));
    this.bytes += end - start;
  }
  onEnd(): void {
    this.log.push('end');
  }
  onClose(reason: CloseReason): void {
    this.reason = reason;
    this.log.push('close');
  }
  onBlocked(): void {
    this.log.push('blocked');
  }
  onDrained(): void {
    this.log.push('drained');
  }
  onRelayed(bytes: number): void {
    this.relayed.push(bytes);
    this.log.push('relayed');
  }
}

/** Writes `bytes` through the arena, in pieces that fit a reservation. */
export function send(transport: Transport, id: ConnectionId, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += 32_768) {
    const piece = bytes.subarray(at, at + 32_768);
    const start = transport.reserve(piece.length);
    transport.arena.set(piece, start);
    transport.write(id, start, start + piece.length);
  }
}

/** Listens; accepted connections get recorders, or what `make` gives them. */
export function listen<Handler extends Recorder = Recorder>(
  transport: Transport,
  make: (transport: Transport) => Handler,
): { readonly address: Address; readonly handlers: Handler[]; readonly listener: number } {
  const handlers: Handler[] = [];
  const acceptor: Acceptor = {
    onAccept(id) {
      const handler = make(transport);
      handler.id = id;
      handlers.push(handler);
      return handler;
    },
  };
  const listener = transport.listen({ address: '127.0.0.1', port: 0 }, acceptor);
  return { address: transport.listenerAddress(listener), handlers, listener };
}

/** Bytes that show by themselves when they are lost, doubled or out of order. */
export function pattern(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = (seed * 2_654_435_761) >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
