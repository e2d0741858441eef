/**
 * `scripts/bench --suite attacks`: what each attack on HTTP/2 costs an agent of one worker while it goes on, and what an honest client
 * beside it notices. The exit code says whether everything could be measured, never how well it went.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CLIENT_ATTACKS } from '../../test/l7/http2/client-attacks.ts';
import { memory, usage } from '../accounting.ts';
import { freePort, listens, LOAD_CORE, PROXY_CORE, ProcessGroup } from '../process.ts';
import { nodewayWith } from '../proxies/nodeway.ts';
import { aligned } from '../report.ts';
import { SLOW_ATTACKS } from './slow.ts';

const ATTACKER = fileURLToPath(new URL('attacker.ts', import.meta.url));
const HONEST_EVERY_MS = 5;
const START_LIMIT_MS = 15_000;
/** Least of all: the attacker shares its core with the honest client and the server. */
const LEAST = ['nice', '-n', '19'];
const SERVER = (port: number): string => `require('node:http').createServer((request, response) => {
  if (request.url === '/silent') return void request.resume();
  response.end('x'.repeat(request.url === '/large' ? 1_000_000 : 1));
}).listen(${port}, '127.0.0.1');`;
/** Heads of two kilobytes that no server has to make, and an answer of the agent itself: a server under attack is another matter. */
const HONEST_PATH = '/honest';
const ROUTES = `    - match: [{ uri: { exact: ${HONEST_PATH} } }]
      directResponse: { status: 200, body: { string: fine } }
    - match: [{ uri: { exact: /head } }]
      redirect: { uri: /${'x'.repeat(2000)} }
    - route: [{ destination: { host: first } }]
`;

interface Honest {
  readonly p50: number;
  readonly p99: number;
  readonly failed: number;
}

/** A request each few milliseconds, until the promise is settled. */
async function askMeanwhile(port: number, during: Promise<unknown>): Promise<Honest> {
  const session = connect(`http://127.0.0.1:${port}`);
  const took: number[] = [];
  let [running, failed] = [true, 0];
  void during.finally(() => (running = false));
  const asked: Promise<void>[] = [];
  while (running) {
    const before = performance.now();
    const stream = session.request({ ':path': HONEST_PATH, ':authority': 'shop' }).resume();
    asked.push(
      new Promise((resolve) => {
        let status = 0;
        stream.on('response', (headers) => (status = headers[':status'] ?? 0));
        stream.on('error', () => {});
        stream.on('close', () => {
          if (status === 200) took.push(performance.now() - before);
          else failed++;
          resolve();
        });
      }),
    );
    await sleep(HONEST_EVERY_MS);
  }
  await Promise.all(asked);
  session.destroy();
  const sorted = took.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? NaN;
  return { p50: at(0.5), p99: at(0.99), failed };
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      suite: { type: 'string' },
      seconds: { type: 'string', default: '2' },
      only: { type: 'string', default: '' },
      priority: { type: 'boolean', default: false },
    },
  });
  const processes = new ProcessGroup(values.priority);
  const directory = mkdtempSync(join(tmpdir(), 'nodeway-bench-'));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void processes.stopAll().then(() => process.exit(1)));
  try {
    const [port, upstreamPort] = [await freePort(), await freePort()];
    const server = processes.launch([process.execPath, '-e', SERVER(upstreamPort)], { core: LOAD_CORE });
    const nodeway = nodewayWith({ name: 'nodeway', describes: '', routes: ROUTES });
    const command = nodeway.configure({ directory, port, upstreamPort });
    const agent = processes.launch(command, { core: PROXY_CORE, logFile: join(directory, 'output.log') });
    if (!(await listens(server, upstreamPort, START_LIMIT_MS)) || !(await listens(agent, port, START_LIMIT_MS))) {
      process.stdout.write('FAILED the server or the agent does not listen\n');
      return 1;
    }
    const seconds = Number(values.seconds);
    await askMeanwhile(port, sleep(2000));
    const measure = async (name: string, during: Promise<number>): Promise<string[]> => {
      const before = [usage(agent.pid).runUs, memory(agent.pid).residentMb, performance.now()] as const;
      const honest = askMeanwhile(port, during);
      const over = await during;
      const [cpuUs, elapsedMs] = [usage(agent.pid).runUs - before[0], performance.now() - before[2]];
      const grown = memory(agent.pid).residentMb - before[1];
      const { p50, p99, failed } = await honest;
      const each = over > 0 ? (cpuUs / over / 1000).toFixed(2) : '-';
      const share = `${((cpuUs / 1000 / elapsedMs) * 100).toFixed(0)} %`;
      const rate = over > 0 ? ((over / elapsedMs) * 1000).toFixed(0) : '-';
      return [name, rate, share, each, p50.toFixed(1), p99.toFixed(1), String(failed), `${grown < 0.5 ? 0 : grown.toFixed(0)} MB`];
    };
    const attack = async (index: number): Promise<number> => {
      const words = [...LEAST, process.execPath, '--disable-warning=ExperimentalWarning', ATTACKER, index, port, seconds];
      const attacker = processes.launch(words.map(String), { core: LOAD_CORE });
      return Number(await text(attacker.child.stdout!));
    };
    const lines = [await measure('none', sleep(seconds * 1000, 0))];
    for (const [index, { name }] of [...CLIENT_ATTACKS, ...SLOW_ATTACKS].entries()) {
      const { atStandstill = false, code = 0 } = CLIENT_ATTACKS[index] ?? {};
      if (!atStandstill && code !== null && name.includes(values.only)) lines.push(await measure(name, attack(index)));
    }
    lines.push(await measure('none, afterwards', sleep(seconds * 1000, 0)));
    const headings = ['attack', 'connections ended a second', 'CPU of the agent', 'ms each', 'p50 ms', 'p99 ms', 'failed', 'memory'];
    process.stdout.write(`${aligned([headings, ...lines], () => false)}\n`);
    return 0;
  } finally {
    await processes.stopAll();
    rmSync(directory, { recursive: true, force: true });
  }
}

process.exitCode = await main();
