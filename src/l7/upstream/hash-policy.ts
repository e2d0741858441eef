/** Where the key of a request comes from (DestinationRule consistentHash), and the cookie that is made when it is missing. */
import { murmur3, murmur3Text } from '../../base/hash.ts';
import type { Head } from '../message/head.ts';
import { H, type Interner, NameLease } from '../message/header-names.ts';
import { join, literal, NOTHING, type WireText } from '../message/wire-text.ts';
import type { HashKey } from '../config/cluster.ts';

export class HashPolicy {
  readonly key: HashKey;
  readonly #header: number;

  readonly #lease: NameLease | null;

  /** @param names a lease that is given back with `dispose`, or a table that keeps the name. */
  constructor(key: HashKey, names: Interner) {
    this.key = key;
    this.#lease = names instanceof NameLease ? names : null;
    this.#header = key.kind === 'header' ? names.intern(key.name) : -1;
  }

  /** The hash of the request's key, or -1 when it has none. @param clientIp asked for only when the key is the source address. */
  hash(head: Head, clientIp: () => string): number {
    switch (this.key.kind) {
      case 'header': {
        const index = head.find(this.#header);
        return index < 0 ? -1 : murmur3(head.bytes, head.valueStart[index] as number, head.valueEnd[index] as number, 0);
      }
      case 'source-address':
        return murmur3Text(clientIp(), 0);
      case 'query':
        return hashOf(queryValue(head, this.key.name));
      case 'cookie':
        return hashOf(cookieValue(head, this.key.name));
    }
  }

  /** The hash under which a request will come back that has got the cookie `value`. */
  hashOfNewCookie(value: string): number {
    return murmur3Text(value, 0);
  }

  /** The Set-Cookie value for a new key, or null when this policy makes none. @param value letters and digits. */
  cookie(value: string): WireText | null {
    if (this.key.kind !== 'cookie' || this.key.ttlSeconds === null) return null;
    const { name, path, ttlSeconds, attributes = NOTHING } = this.key;
    const age = literal(ttlSeconds > 0 ? `; Max-Age=${ttlSeconds}` : '');
    const scope = path === '' ? path : join(literal('; Path='), path);
    return join(name, literal(`="${value}"`), age, scope, attributes, literal('; HttpOnly'));
  }

  dispose(): void {
    this.#lease?.release();
  }
}

function hashOf(value: string | null): number {
  return value === null ? -1 : murmur3Text(value, 0);
}

function queryValue(head: Head, name: string): string | null {
  const query = Buffer.from(head.bytes.subarray(head.queryStart, head.queryEnd)).toString('latin1');
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=');
    if ((equals < 0 ? pair : pair.slice(0, equals)) === name) return equals < 0 ? '' : pair.slice(equals + 1);
  }
  return null;
}

function cookieValue(head: Head, name: string): string | null {
  for (let i = 0; i < head.count; i++) {
    if (head.id[i] !== H.cookie) continue;
    for (const pair of head.value(i).split(';')) {
      const equals = pair.indexOf('=');
      if (equals < 0 || pair.slice(0, equals).trim() !== name) continue;
      return pair
        .slice(equals + 1)
        .trim()
        .replace(/^"(.*)"$/, '$1');
    }
  }
  return null;
}
