/** The programs of bench/load: the load generator, and the probe of the machine's phase. */
import { execFile } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { LOAD_CORE, type PinnedProcess, type ProcessGroup } from './process.ts';
import { REQUEST } from './proxies/proxy.ts';

const GENERATOR = fileURLToPath(new URL('../build/bench/generator', import.meta.url));
const PROBE = fileURLToPath(new URL('../build/bench/probe', import.meta.url));
const run = promisify(execFile);

/** As bench/load/generator.c has them. */
export interface Load {
  readonly conns: number;
  readonly rate?: number;
  readonly resp?: number;
  readonly churn?: 1;
  readonly secs: number;
  readonly warm: number;
}

export interface Ports {
  readonly port: number;
  readonly upstreamPort: number;
}

/** Latencies in microseconds. */
export interface LoadResult {
  readonly total: number;
  readonly rps: number;
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly failed: number;
  readonly unfinished: number;
  readonly upstreamRequests: number;
  readonly upstreamConnections: number;
  /** How much of its time the generator had nothing to do: near 0, it was the limit. */
  readonly idleShare: number;
  readonly cpuSeconds: number;
}

export interface Phase {
  readonly roundTripNs: number;
  readonly core0Ns: number;
  readonly core1Ns: number;
}

export async function probe(): Promise<Phase> {
  return JSON.parse((await run(PROBE)).stdout) as Phase;
}

/** Null when the generator could not do its work; it has said why. */
export async function generate(processes: ProcessGroup, ports: Ports, load: Load): Promise<LoadResult | null> {
  const generator = processes.launch(generatorCommand(ports, { ...load }), { core: LOAD_CORE });
  const output = await text(generator.child.stdout!);
  await generator.exited;
  return lastLine(output) as LoadResult | null;
}

/** Connections that have had one request each and stay open until `release`. */
export interface HeldConnections {
  readonly held: number;
  readonly failed: number;
  release(): Promise<LoadResult | null>;
}

export async function hold(processes: ProcessGroup, ports: Ports, conns: number): Promise<HeldConnections | null> {
  const generator = processes.launch(generatorCommand(ports, { conns, hold: 1, secs: 20, warm: 0 }), { core: LOAD_CORE });
  const first = await firstChunk(generator);
  const state = lastLine(first) as { held: number; failed: number } | null;
  if (state === null) return null;
  const release = async (): Promise<LoadResult | null> => {
    const output = text(generator.child.stdout!);
    generator.child.stdin!.end();
    return lastLine(await output) as LoadResult | null;
  };
  return { ...state, release };
}

async function firstChunk(generator: PinnedProcess): Promise<string> {
  const chunk = new Promise<string>((resolve) => {
    generator.child.stdout!.once('data', (data: Buffer) => {
      generator.child.stdout!.pause();
      resolve(data.toString());
    });
  });
  return Promise.race([chunk, generator.exited.then(() => '')]);
}

function generatorCommand({ port, upstreamPort }: Ports, parameters: Readonly<Record<string, number>>): string[] {
  const load = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
  return [
    GENERATOR,
    `target=127.0.0.1:${port}`,
    `listen=127.0.0.1:${upstreamPort}`,
    `path=${REQUEST.path}`,
    `header=${REQUEST.header}`,
    ...load,
  ];
}

function lastLine(output: string): unknown {
  const line = output.trim().split('\n').at(-1) ?? '';
  return line === '' ? null : JSON.parse(line);
}
