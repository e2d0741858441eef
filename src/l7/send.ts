/** Sends bytes of any array over a transport, whose writes take slices of its arena only. */
import type { ConnectionId, Transport } from './transport.ts';

const COPY_STEP = 32 * 1024;

export function send(transport: Transport, connection: ConnectionId, bytes: Uint8Array, start: number, end: number): void {
  if (bytes === transport.arena) {
    transport.write(connection, start, end);
    return;
  }
  for (let from = start; from < end; from += COPY_STEP) {
    const to = Math.min(end, from + COPY_STEP);
    const at = transport.reserve(to - from);
    transport.arena.set(bytes.subarray(from, to), at);
    transport.write(connection, at, at + to - from);
  }
}
