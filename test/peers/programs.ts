/**
 * Programs of HTTP/2 as they are installed: curl, nghttp and h2load as clients; nginx, nghttpd and Node.js as servers, ws for WebSocket
 * over HTTP/2 (RFC 8441), grpcio's health service, which the kubelet's kind of probe asks as well, Connect's gRPC-Web, Go's net/http, and
 * HTTPX with Hypercorn. Of HTTP/1: HAProxy as a client's proxy, HTTP/1.0 without a host, and an upgrade that the server does not take.
 * Each client asks each server, at a gateway and from pod to pod.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { atGateway, betweenPods, canMakePods, type Place, type Server } from './places.ts';
import { stopAll } from './processes.ts';

const FIRST_PORT = 28_220;
const CONTENT = 'what the server says\n';
const STREAMS = 2000;
const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const NODE = [process.execPath, '--disable-warning=ExperimentalWarning'] as const;

interface Client {
  readonly name: string;
  readonly command: (host: string, port: number) => readonly [string, ...string[]];
  readonly isGood: (stdout: string) => boolean;
}

/** One request of curl each: Debian 12's fails directly as well when it uses a connection again. */
const CLIENTS: readonly Client[] = [
  {
    name: 'curl',
    command: (host, port) => [
      'curl',
      '-sS',
      '--http2-prior-knowledge',
      '-w',
      '%{http_version} %{http_code}',
      `http://${host}:${port}/index.html`,
    ],
    isGood: (stdout) => stdout === `${CONTENT}2 200`,
  },
  {
    name: 'nghttp',
    command: (host, port) => ['nghttp', '-m', '20', '--no-dep', `http://${host}:${port}/index.html`],
    isGood: (stdout) => stdout === CONTENT.repeat(20),
  },
  {
    name: 'nghttp with padding and continuations',
    command: (host, port) => ['nghttp', '-b', '255', '--continuation', `http://${host}:${port}/index.html`],
    isGood: (stdout) => stdout === CONTENT,
  },
  {
    name: 'h2load',
    command: (host, port) => ['h2load', '--no-tls-proto=h2c', `-n${STREAMS}`, '-c10', '-m100', `http://${host}:${port}/index.html`],
    isGood: (stdout) => stdout.includes(`${STREAMS} succeeded, 0 failed, 0 errored`) && stdout.includes(`${STREAMS} 2xx`),
  },
];
const HEALTH = ['env', `PYTHONPATH=${process.env['HEALTH_PACKAGES'] ?? ''}`, 'python3', script('health_grpcio.py')] as const;
const HEALTH_CHECKS: readonly Client[] = [
  {
    name: "grpcio's health check",
    command: (host, port) => [...HEALTH, 'client', host, String(port)],
    isGood: (stdout) => stdout === 'healthy\n',
  },
  {
    name: 'grpc-health-probe',
    command: (host, port) => [join(process.env['PEER_PROGRAMS'] ?? '', 'grpc-health-probe'), `-addr=${host}:${port}`],
    isGood: () => true,
  },
];
/** Clients that speak either version and ask in many ways. */
function bothVersions(name: string, program: readonly [string, ...string[]]): readonly Client[] {
  return ['http1', 'http2'].map((version) => ({
    name: `${name} over ${version}`,
    command: (host: string, port: number) => [...program, 'client', host, String(port), version] as const,
    isGood: (stdout: string) => stdout === 'answered\n',
  }));
}
const GO = [join(process.env['PEER_PROGRAMS'] ?? '', 'go-http')] as const;
const ASGI = ['env', `PYTHONPATH=${process.env['ASGI_PACKAGES'] ?? ''}`, 'python3', script('asgi.py')] as const;
const WEB = ['env', `WEB_PACKAGES=${process.env['WEB_PACKAGES'] ?? ''}`, ...NODE, script('grpc-web.mjs')] as const;
const WEB_CALLS: readonly Client[] = [
  {
    name: "Connect's gRPC-Web, over HTTP/1 and HTTP/2,",
    command: (host, port) => [...WEB, 'client', host, String(port)],
    isGood: (stdout) => stdout === 'answered over both\n',
  },
];
const WEBSOCKETS: readonly Client[] = [
  {
    name: 'WebSocket over HTTP/2',
    command: (host, port) => [...NODE, script('websocket-http2.ts'), host, String(port)],
    isGood: (stdout) => stdout === 'echo of hello\n',
  },
];

const curl = (name: string, ...words: readonly string[]): Client => ({
  name,
  command: (host, port) => ['curl', '-sS', ...words, '-w', '%{http_code}', `http://${host}:${port}/index.html`],
  isGood: (stdout) => stdout === `${CONTENT}200`,
});
const OLDER: readonly Client[] = [
  curl('curl over HTTP/1.0 without a host', '-0', '-H', 'Host:'),
  curl('curl that offers an upgrade to HTTP/2', '--http2'),
  {
    name: 'HAProxy, after its health check,',
    command: (host, port) => [script('haproxy-client'), host, String(port)],
    isGood: (stdout) => stdout === CONTENT,
  },
];

interface Kind {
  readonly name: string;
  readonly wire: Server['wire'];
  readonly start: (directory: string, port: number) => readonly [string, ...string[]];
  readonly clients: readonly Client[];
}

const NGINX = (
  directory: string,
  port: number,
  wire: 'http2' | '' = 'http2',
): string => `daemon off; master_process off; pid ${directory}/pid; error_log stderr crit;
events {} http { access_log off; client_body_temp_path ${directory}; proxy_temp_path ${directory};
fastcgi_temp_path ${directory}; uwsgi_temp_path ${directory}; scgi_temp_path ${directory};
keepalive_requests 100; server { listen ${port} ${wire}; root ${directory}; } }`;
const NODE_SERVER = (port: number): string =>
  `require('node:http2').createServer((_, response) => response.end(${JSON.stringify(CONTENT)})).listen(${port});`;

const WEBSOCKET_SERVER = (port: number): string =>
  `new (require('ws').WebSocketServer)({ port: ${port} }).on('connection', (socket) => socket.on('message', (text) => socket.send('echo of ' + text)));`;

const KINDS: readonly Kind[] = [
  {
    // Which sends GOAWAY after a hundred requests.
    name: 'nginx',
    wire: 'http2',
    clients: CLIENTS,
    start: (directory, port) => {
      const file = join(directory, `nginx-${port}.conf`);
      writeFileSync(file, NGINX(directory, port));
      return ['nginx', '-c', file];
    },
  },
  {
    name: 'nginx over http1',
    wire: 'http1',
    clients: OLDER,
    start: (directory, port) => {
      const file = join(directory, `nginx-${port}.conf`);
      writeFileSync(file, NGINX(directory, port, ''));
      return ['nginx', '-c', file];
    },
  },
  { name: 'nghttpd', wire: 'http2', clients: CLIENTS, start: (directory, port) => ['nghttpd', '--no-tls', '-d', directory, String(port)] },
  { name: 'Node.js', wire: 'http2', clients: CLIENTS, start: (_, port) => [...NODE, '-e', NODE_SERVER(port)] },
  { name: 'grpcio', wire: 'http2', clients: HEALTH_CHECKS, start: (_, port) => [...HEALTH, 'server', String(port)] },
  { name: 'Connect over HTTP/2', wire: 'http2', clients: WEB_CALLS, start: (_, port) => [...WEB, 'server', 'http2', String(port)] },
  { name: 'Connect over HTTP/1', wire: 'http1', clients: WEB_CALLS, start: (_, port) => [...WEB, 'server', 'http1', String(port)] },
  ...(['http1', 'http2'] as const).flatMap((wire): Kind[] => [
    { name: `Go over ${wire}`, wire, clients: bothVersions("Go's net/http", GO), start: (_, port) => [...GO, 'server', String(port)] },
    { name: `Hypercorn over ${wire}`, wire, clients: bothVersions('HTTPX', ASGI), start: (_, port) => [...ASGI, 'server', String(port)] },
  ]),
  { name: 'ws', wire: 'http1', clients: WEBSOCKETS, start: (_, port) => [...NODE, '-e', WEBSOCKET_SERVER(port)] },
];

let passed = 0;
let failed = 0;

async function ask(place: Place, clients: readonly Client[], server: string): Promise<void> {
  try {
    for (const { name, command, isGood } of clients) {
      const { code, stdout, stderr } = await place.client('timeout', ['60', ...command(place.host, place.port)]);
      const good = code === 0 && isGood(stdout);
      console.log(`${good ? 'ok    ' : 'FAILED'} ${place.name}: ${name} asks ${server}`);
      if (good) passed++;
      else failed++;
      if (!good) console.log(`exit code ${code}\n${stdout.slice(-500)}\n${stderr.slice(-500)}`);
    }
  } finally {
    await place.close();
  }
}

const directory = mkdtempSync(join(tmpdir(), 'nwt-programs-'));
writeFileSync(join(directory, 'index.html'), CONTENT);
try {
  let port = FIRST_PORT;
  for (const { name, wire, clients, start } of KINDS) {
    const server = (): Server => {
      const [command, ...words] = start(directory, port);
      return { command, words, port, wire };
    };
    await ask(await atGateway(server(), port + 1), clients, name);
    port += 2;
    if (canMakePods()) await ask(await betweenPods('programs', server()), clients, name);
    port += 2;
  }
} finally {
  stopAll();
  rmSync(directory, { recursive: true });
}
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0) process.exitCode = 1;
