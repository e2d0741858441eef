/** HTTP clients that go on until they are stopped. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type Pod, PYTHON } from '../pod-network.ts';

/** One request a connection, and what came of it. A connection that was refused is tried once only. */
const REQUESTER = `
import http.client, json, sys, time
address, host = sys.argv[1], sys.argv[2]
while True:
    began = time.monotonic()
    result = {'began': began * 1000}
    connection = http.client.HTTPConnection(address, 80, timeout=60)
    try:
        connection.request('GET', '/', headers={'Host': host})
        result['status'] = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        result['error'] = repr(error)
    connection.close()
    print(json.dumps(result), flush=True)
    time.sleep(0.002)
`;

export interface Exchanged {
  /** Milliseconds of the machine's monotonic clock. */
  readonly began: number;
  readonly status?: number;
  readonly error?: string;
}

export class Requester {
  readonly exchanged: Exchanged[] = [];
  readonly #child: ChildProcess;
  /** When all has been read. */
  readonly #closed: Promise<unknown>;

  constructor(pod: Pod, address: string, host: string) {
    this.#child = pod.start([PYTHON, '-c', REQUESTER, address, host], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: this.#child.stdout! });
    this.#closed = once(lines, 'close');
    lines.on('line', (line) => this.exchanged.push(JSON.parse(line) as Exchanged));
  }

  since(moment: number): Exchanged[] {
    return this.exchanged.filter(({ began }) => began >= moment);
  }

  failedSince(moment: number): Exchanged[] {
    return this.since(moment).filter(({ status }) => status !== 200);
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#closed;
  }
}

const HESITANT = `
import http.client, sys
connections = [http.client.HTTPConnection(sys.argv[1], 80, timeout=60) for _ in range(int(sys.argv[2]))]
for connection in connections: connection.connect()
print('connected', flush=True)
sys.stdin.readline()
for connection in connections:
    try:
        connection.request('GET', '/', headers={'Host': 'web'})
        print(connection.getresponse().status, flush=True)
    except (OSError, http.client.HTTPException) as error:
        print(repr(error), flush=True)
`;

/** Connects at once, and asks when it is told to. */
export class Hesitant {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async connect(pod: Pod, address: string, connections: number): Promise<Hesitant> {
    const command = [PYTHON, '-c', HESITANT, address, String(connections)];
    return new Hesitant(await pod.serve(command, { stdio: ['pipe', 'pipe', 'inherit'] }));
  }

  /** A status or an error for each connection. */
  async ask(): Promise<string[]> {
    const lines = this.#child.stdout!.setEncoding('utf8').toArray();
    this.#child.stdin!.end('\n');
    return (await lines).join('').trim().split('\n');
  }
}

/** What kube-proxy does: connections to a service's address go to one of its pods. */
export async function translateService(pod: Pod, clusterIP: string, port: number, endpoint: Pod): Promise<void> {
  const chain = 'chain output { type nat hook output priority -100;';
  const ruleset = `table ip kube { ${chain} ip daddr ${clusterIP} tcp dport ${port} dnat to ${endpoint.ipv4}:${port}; }; }`;
  const { code, stderr } = await pod.run(['/usr/sbin/nft', ruleset]);
  if (code !== 0) throw new Error(stderr);
}
