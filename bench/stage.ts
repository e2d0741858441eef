/** Starts proxies, each in a folder of its own, and clears away what is left of them. */
import { mkdtempSync, readFileSync, rmSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ports, generate } from './load.ts';
import { PROXY_CORE, type PinnedProcess, ProcessGroup, freePort, listens } from './process.ts';
import type { Proxy } from './proxies/proxy.ts';

const START_TIMEOUT_MS = 15_000;

export interface RunningProxy {
  readonly proxy: Proxy;
  readonly process: PinnedProcess;
  readonly ports: Ports;
}

export interface Absent {
  readonly name: string;
  readonly why: string;
}

export class Stage {
  readonly processes: ProcessGroup;
  readonly #directory: string;
  #started = 0;

  constructor(priority: boolean) {
    this.processes = new ProcessGroup(priority);
    this.#directory = mkdtempSync(join(tmpdir(), 'nodeway-bench-'));
  }

  /** One that answers, or why there is none. */
  async start(proxy: Proxy): Promise<RunningProxy | Absent> {
    const missing = proxy.missing();
    if (missing !== null) return { name: proxy.name, why: missing };
    const directory = join(this.#directory, `${proxy.name}-${++this.#started}`);
    mkdirSync(directory);
    const ports = { port: await freePort(), upstreamPort: await freePort() };
    const logFile = join(directory, 'output.log');
    const process = this.processes.launch(proxy.configure({ directory, ...ports }), { core: PROXY_CORE, logFile });
    const wrong = (await listens(process, ports.port, START_TIMEOUT_MS)) ? await this.#wrongAnswer(ports) : 'does not listen';
    if (wrong === null) return { proxy, process, ports };
    await process.stop();
    return { name: proxy.name, why: `${wrong}: ${lastLines(logFile)}` };
  }

  async clear(): Promise<void> {
    await this.processes.stopAll();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** What is fast but wrong is not compared. */
  async #wrongAnswer(ports: Ports): Promise<string | null> {
    const result = await generate(this.processes, ports, { conns: 1, rate: 50, secs: 1, warm: 0 });
    if (result === null || result.total === 0) return 'does not answer';
    if (result.failed > 0) return 'answers with something else than 200 and a body';
    return result.upstreamRequests === result.total ? null : 'answers without asking the upstream';
  }
}

function lastLines(file: string): string {
  return readFileSync(file, 'utf8').trim().split('\n').slice(-3).join(' | ').slice(0, 500);
}
