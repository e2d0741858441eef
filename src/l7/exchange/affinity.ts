/** Keeps requests of one key at one endpoint: what the cluster's balancer hashes, and the cookie that a client without key gets. */
import { murmur3Text } from '../../base/hash.ts';
import type { WireText } from '../message/wire-text.ts';
import { checkedText, fieldName } from '../message/wire-text.ts';
import type { Exchange } from './exchange.ts';

const DIGITS = 8;

/** Finds the request's key, or makes one. */
export function hashRequest(exchange: Exchange): void {
  const policy = exchange.destination?.slot.cluster?.hash ?? null;
  if (policy === null) return;
  exchange.hash = policy.hash(exchange.head, () => exchange.origin.sourceOf(exchange.clientIp));
  if (exchange.hash >= 0) return;
  const value = connectionKey(exchange);
  exchange.cookie = policy.cookie(value);
  if (exchange.cookie !== null) exchange.hash = policy.hashOfNewCookie(value);
}

/**
 * The value of a new cookie follows from the connection, as in Envoy (hash_policy.cc, CookieHashMethod): a client that ignores
 * cookies stays at one endpoint for as long as its connection lasts.
 */
function connectionKey({ down, origin }: Exchange): WireText {
  const connection = `${down.peerAddress()} ${origin.kind === 'gateway' ? '' : origin.destination.ip}:${origin.port}`;
  const digits = [0, 1].map((seed) => murmur3Text(connection, seed).toString(16).padStart(DIGITS, '0'));
  return checkedText(fieldName(digits.join('')));
}
