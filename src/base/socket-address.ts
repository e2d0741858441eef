/** Where a server listens. */
export interface SocketAddress {
  readonly ip: string;
  readonly port: number;
}

/** `ip:port`; an IPv6 address stands in brackets (RFC 3986 §3.2.2). */
export function socketText(ip: string, port: number): string {
  return `${ip.includes(':') ? `[${ip}]` : ip}:${port}`;
}
