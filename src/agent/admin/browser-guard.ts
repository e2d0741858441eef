/**
 * The admin endpoint listens on loopback, but a browser on the same machine runs pages of others. A page reaches it through
 * a name of its own that resolves to 127.0.0.1 (DNS rebinding: the Host header gives it away) or by a cross-site request (the
 * Origin or Sec-Fetch-Site header does). A link to the console may stand anywhere: who follows it looks at the console, and the page
 * that had the link sees nothing of it.
 */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { type Reply, plain } from './http-server.ts';

export function refuseForeignPages(request: Pick<IncomingMessage, 'headers' | 'method' | 'url'>): Reply | null {
  const { host, origin } = request.headers;
  if (host === undefined || !isAddressOrLocalhost(host)) {
    return plain('refused: ask for this endpoint by IP address or as localhost', 403);
  }
  if (origin !== undefined && origin !== `http://${host}`) return plain('refused: asked by a page of another origin', 403);
  const site = request.headers['sec-fetch-site'];
  const isForeign = site !== undefined && site !== 'same-origin' && site !== 'none';
  return isForeign && !followsLink(request) ? plain('refused: asked by a page of another site', 403) : null;
}

function followsLink({ headers, method, url }: Pick<IncomingMessage, 'headers' | 'method' | 'url'>): boolean {
  return method === 'GET' && url === '/' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
}

function isAddressOrLocalhost(host: string): boolean {
  const name = host.replace(/:\d+$/, '');
  return name === 'localhost' || isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0;
}
