/** Programs that run in pods and know nothing of an agent. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ChildProcess } from 'node:child_process';
import { type Pod, PYTHON } from '../pod-network.ts';

/** Says who connects to where, then sends back what comes. */
const GREETER = `
import asyncio, socket, sys

def text(address):
    return address[0].removeprefix('::ffff:')

async def serve(reader, writer):
    try:
        writer.write(f"{text(writer.get_extra_info('peername'))} {text(writer.get_extra_info('sockname'))}\\n".encode())
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()
    except ConnectionError:
        pass

async def main():
    for port in sys.argv[1:]:
        listener = socket.create_server(('::', int(port)), family=socket.AF_INET6, dualstack_ipv6=True, backlog=4096)
        await asyncio.start_server(serve, sock=listener)
    print('ready', flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
`;

export function startGreeter(pod: Pod, ...ports: readonly number[]): Promise<ChildProcess> {
  return pod.serve([PYTHON, '-c', GREETER, ...ports.map(String)]);
}

/** Answers every request with a line, by default the client's address and the one that it asked. */
export async function startNginx(
  pod: Pod,
  onClose: (task: () => void) => unknown,
  line = '$remote_addr $server_addr',
): Promise<ChildProcess> {
  const directory = mkdtempSync(join(tmpdir(), 'nwt-nginx-'));
  onClose(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, 'nginx.conf');
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((what) => `${what}_temp_path ${directory};`).join(' ');
  writeFileSync(
    file,
    `daemon off; master_process off; pid ${directory}/pid; error_log ${directory}/error.log; events { worker_connections 4096; }
     http { access_log off; default_type text/plain; keepalive_requests 1000000; ${paths}
       server { listen 80 reuseport backlog=4096; listen [::]:80 reuseport backlog=4096; location / { return 200 "${line}\\n"; } } }`,
  );
  const child = pod.start(['/usr/sbin/nginx', '-c', file, '-p', directory, '-e', join(directory, 'error.log')], { stdio: 'ignore' });
  await pod.listens(80);
  return child;
}

export interface Conversation {
  /** What the client's getpeername said. */
  readonly peer: string;
  /** The first line that came. */
  readonly line: string;
  /** The name of the errno, where it failed. */
  readonly error?: string;
}

const CALLER = `
import errno, json, socket, sys
address, port = sys.argv[1], int(sys.argv[2])
client = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET)
client.settimeout(60)
try:
    client.connect((address, port))
    peer = client.getpeername()
    line = client.makefile().readline().strip()
    print(json.dumps({'peer': f'{peer[0]} {peer[1]}', 'line': line}))
except OSError as error:
    print(json.dumps({'peer': '', 'line': '', 'error': errno.errorcode.get(error.errno, str(error))}))
`;

/** Connects once and reads a line. The socket's family is the address's: \`::ffff:a.b.c.d\` is a v4-mapped one. */
export async function call(pod: Pod, address: string, port: number): Promise<Conversation> {
  const { stdout, stderr } = await pod.python(CALLER, address, String(port));
  if (stderr !== '') throw new Error(stderr);
  return JSON.parse(stdout) as Conversation;
}

/** Connects over and over, one after the other, and prints a line of JSON for each: when it began, what came of it. */
const KNOCKER = `
import errno, json, socket, sys, time
address, port, pause = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
while True:
    began = time.monotonic()
    client = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET)
    client.settimeout(60)
    result = {'began': began * 1000}
    try:
        client.connect((address, port))
        file = client.makefile('rw')
        result['line'] = file.readline().strip()
        file.write('echo\\n')
        file.flush()
        result['echo'] = file.readline().strip()
        # tcpi_total_retrans of struct tcp_info
        result['retransmits'] = int.from_bytes(client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[100:104], 'little')
    except OSError as error:
        result['error'] = errno.errorcode.get(error.errno, str(error))
    client.close()
    result['ended'] = time.monotonic() * 1000
    print(json.dumps(result), flush=True)
    time.sleep(pause)
`;

export interface Knock {
  /** Milliseconds of the machine's monotonic clock. */
  readonly began: number;
  readonly ended: number;
  readonly line?: string;
  readonly echo?: string;
  /** Not 0: it did not succeed at the first try. */
  readonly retransmits?: number;
  readonly error?: string;
}

/** A client that goes on connecting until it is stopped. */
export class Knocker {
  readonly knocks: Knock[] = [];
  readonly #child: ChildProcess;
  /** When all has been read. */
  readonly #closed: Promise<unknown>;

  constructor(pod: Pod, address: string, port: number, pauseMs = 2) {
    this.#child = pod.start([PYTHON, '-c', KNOCKER, address, String(port), String(pauseMs / 1000)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: this.#child.stdout! });
    this.#closed = once(lines, 'close');
    lines.on('line', (line) => this.knocks.push(JSON.parse(line) as Knock));
  }

  /** Those that began at or after a moment. */
  since(moment: number): Knock[] {
    return this.knocks.filter(({ began }) => began >= moment);
  }

  /** A connection that is under way is lost. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#closed;
  }
}

/** The machine's monotonic clock in milliseconds, as the knockers read it. */
export function monotonicNow(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
