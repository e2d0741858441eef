import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Place, type Proxy, findProgram } from './proxy.ts';

export const haproxy: Proxy = {
  name: 'haproxy',
  describes: 'HAProxy, one thread; what the ratios refer to',
  missing,
  configure: (place) => configure(place, ''),
};

export const haproxySplice: Proxy = {
  name: 'haproxy-splice',
  describes: 'HAProxy that lets the kernel move the bodies of answers (splice)',
  cells: ['body10k', 'body1m'],
  missing,
  configure: (place) => configure(place, 'option splice-response'),
};

function missing(): string | null {
  return findProgram('haproxy') === null ? 'haproxy is not installed' : null;
}

function configure(place: Place, option: string): [string, ...string[]] {
  const file = join(place.directory, 'haproxy.cfg');
  writeFileSync(file, configuration(place, option));
  return [findProgram('haproxy') ?? 'haproxy', '-db', '-f', file];
}

/** Of the frontend, whatever it speaks. */
export const RULES = `  unique-id-format %[uuid]
  unique-id-header x-request-id
  acl api path_beg /api
  acl admin path_beg /admin
  acl root req.hdr(x-role) -m str root
  acl green req.hdr(x-tenant) -m str green
  acl blue req.hdr(x-tenant) -m str blue
  http-request deny deny_status 404 unless api or admin
  use_backend second if admin root
  use_backend second if api green
  use_backend first if api blue
`;

function configuration({ port, upstreamPort }: Place, option: string): string {
  return `global
  nbthread 1
  maxconn 12000
  no strict-limits
  maxpipes 200
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s
  http-reuse always
  retries 2
  ${option}
frontend entry
  bind 127.0.0.1:${port} backlog 4096
${RULES}backend first
  server upstream 127.0.0.1:${upstreamPort}
backend second
  server upstream 127.0.0.1:${upstreamPort}
`;
}
