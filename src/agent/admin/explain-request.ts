/** The request that somebody asks about: its head as it would be on the wire, and where its connection would go. */
import { isIP } from 'node:net';
import { socketText } from '../../base/socket-address.ts';
import { GATEWAY_CLIENT, type ExplainQuestion } from '../../l7/explain/explanation.ts';
import type { Snapshot } from '../../l7/snapshot.ts';

export { GATEWAY_CLIENT };

export interface AskedRequest {
  readonly pod: string;
  readonly method: string;
  readonly authority: string;
  /** With its query. */
  readonly path: string;
  /** `ip:port`, or `:port` of this node's Gateways. */
  readonly address: string;
  /** Whether the address was found, from the name or given. Without one an address that nobody has is asked about. */
  readonly isAddressKnown: boolean;
}

/** RFC 5737: nobody's. */
const NOBODYS = '192.0.2.1';
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const MOST_HEADERS = 100;

/** A text says what is wrong. */
export function askedRequest(
  query: URLSearchParams,
  snapshot: Snapshot,
  clusterDomain: string,
): { readonly asked: AskedRequest; readonly question: ExplainQuestion } | string {
  const [pod = '', method = 'GET', text = ''] = ['pod', 'method', 'url'].map((name) => query.get(name) ?? undefined);
  if (!TOKEN.test(method)) return `method: "${method}" is not a method`;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.protocol !== 'http:')
    return `url: "${text}" is not like http://reviews:9080/path (what TLS carries is not looked into)`;
  const headers = query.getAll('header');
  const bad = headers.find((line) => !/^[^\s:]+:[^\r\n\0]*$/.test(line) || !TOKEN.test(line.split(':')[0] as string));
  if (bad !== undefined || headers.length > MOST_HEADERS) return `header: "${bad ?? headers.length}" is not like "Name: value"`;
  const port = url.port === '' ? 80 : Number(url.port);
  const given = query.get('address');
  if (given !== null && isIP(given) === 0) return `address: "${given}" is not an IP address`;
  const isGateway = pod === GATEWAY_CLIENT;
  const found = given ?? (isGateway ? NOBODYS : addressOf(url.hostname.replace(/^\[(.*)\]$/, '$1'), port, pod, snapshot, clusterDomain));
  const ip = found ?? NOBODYS;
  const authority = headers.find((line) => /^host:/i.test(line))?.replace(/^host:\s*/i, '') ?? url.host;
  const lines = [`Host: ${authority}`, ...headers.filter((line) => !/^host:/i.test(line))];
  const path = rawPath(text);
  const head = `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
  const asked = { pod, method, authority, path, address: isGateway ? `:${port}` : socketText(ip, port), isAddressKnown: found !== null };
  return { asked, question: { pod, ip, port, head } };
}

/** As it was written: URL would resolve dots and encode what the agent gets as it is. */
function rawPath(url: string): string {
  const [, path = ''] = /^http:\/\/[^/?#]*([^#\s]*)/i.exec(url) ?? [];
  return path.startsWith('/') ? path : `/${path}`;
}

/** Of the service that the pod's resolver would find under this name, at that port if it has one there; null: of none. */
function addressOf(name: string, port: number, pod: string, { records }: Snapshot, clusterDomain: string): string | null {
  if (isIP(name) !== 0) return name;
  const namespace = pod.split('/')[0] ?? '';
  const domain = name.replace(/\.$/, '');
  const names = new Set([
    domain,
    `${domain}.${namespace}.svc.${clusterDomain}`,
    `${domain}.svc.${clusterDomain}`,
    `${domain}.${clusterDomain}`,
  ]);
  let other: string | null = null;
  for (const { entries } of records.addresses.values()) {
    for (const [key, destination] of entries) {
      const id = destination.to === 'cluster' ? destination.cluster : destination.opaque;
      if (id === undefined || !names.has(records.clusters.get(id)?.service.host ?? '')) continue;
      const [, ip = '', at] = /^\[?([^\]/*]+?)\]?:(\d+)$/.exec(key) ?? [];
      if (isIP(ip) === 0) continue;
      if (Number(at) === port) return ip;
      other ??= ip;
    }
  }
  return other;
}
