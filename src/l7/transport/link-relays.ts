/** The relays between connections of a LinkTransport: started by the engine, ended by either side or by their length. */
import type { LinkConnection } from './link-connection.ts';

/** Has a connection looked at in the next turn. */
type List = (connection: LinkConnection) => void;

/** A relay that cannot run has ended at once, with nothing moved. */
export function startRelay(source: LinkConnection, destination: LinkConnection | null, bytes: number, list: List): void {
  if (source.relay !== null || source.relayed !== null) return;
  list(source);
  const refused =
    destination === null || destination === source || destination.broken || destination.shutdown !== 'no' || destination.feeder !== null;
  if (refused || bytes === 0 || source.ended) {
    source.relayed = 0;
    return;
  }
  source.relay = { to: destination, left: bytes, moved: 0 };
  destination.feeder = source;
}

/** Whether the relay from this connection has to wait until its destination takes more. */
export function relayHeld({ relay }: LinkConnection): boolean {
  return relay !== null && (relay.to.unsent > 0 || relay.to.connecting);
}

/** Passes `bytes` on; returns the destination. */
export function moveRelayed(source: LinkConnection, bytes: Uint8Array, list: List): LinkConnection {
  const relay = source.relay!;
  relay.left -= bytes.length;
  relay.moved += bytes.length;
  relay.to.append(bytes);
  if (relay.left === 0) endRelayFrom(source, list);
  return relay.to;
}

/** The relay of which this connection is the source, if there is one. `onRelayed` is told when it is looked at. */
export function endRelayFrom(source: LinkConnection | null, list: List): void {
  const relay = source?.relay ?? null;
  if (source === null || relay === null) return;
  relay.to.feeder = null;
  source.relayed = relay.moved;
  source.relay = null;
  list(source);
}

/** Both relays of a connection that is over. */
export function endRelays(connection: LinkConnection, list: List): void {
  endRelayFrom(connection, list);
  endRelayFrom(connection.feeder, list);
}
