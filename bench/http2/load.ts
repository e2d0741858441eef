/** h2load as the client and nghttpd as the upstream, both on the load's core. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { findProgram, REQUEST } from '../proxies/proxy.ts';
import { listens, LOAD_CORE, type PinnedProcess, type ProcessGroup } from '../process.ts';

const LISTEN_LIMIT_MS = 5000;
/** A message without compression, of 50 bytes (gRPC over HTTP/2, "Length-Prefixed-Message"). */
const MESSAGE = Buffer.concat([Buffer.from([0, 0, 0, 0, 50]), Buffer.alloc(50, 'x')]);
const ANSWER_BYTES = 100;
const GRPC_PATH = `${REQUEST.path}.grpc`;
/** Longer than what a stream may send without being read. */
export const LARGE_PATH = `${REQUEST.path}.large`;
const LARGE_BYTES = 4_000_000;

export interface Load {
  readonly connections: number;
  /** At a time on each. */
  readonly streams: number;
  /** Calls of a unary method of gRPC instead of GET. */
  readonly grpc: boolean;
  /** Each request has something in its head that the ones before had not. */
  readonly unlike?: boolean;
}

/** Targets of requests that are unlike each other: more than any proxy may remember. */
const UNLIKE = 5000;

export interface LoadResult {
  readonly requests: number;
  readonly rps: number;
  /** Also those whose status was not 2xx. */
  readonly failed: number;
  readonly meanUs: number;
}

/** Answers each request with the same body; gRPC's with trailers. */
export async function startUpstream(processes: ProcessGroup, directory: string, port: number): Promise<PinnedProcess | null> {
  const root = join(directory, 'upstream');
  mkdirSync(join(root, 'api'), { recursive: true });
  const grpc = Buffer.concat([Buffer.from([0, 0, 0, 0, ANSWER_BYTES - 5]), Buffer.alloc(ANSWER_BYTES - 5, 'y')]);
  writeFileSync(join(root, REQUEST.path), 'y'.repeat(ANSWER_BYTES));
  writeFileSync(join(root, GRPC_PATH), grpc);
  writeFileSync(join(root, LARGE_PATH), Buffer.alloc(LARGE_BYTES, 'z'));
  writeFileSync(join(directory, 'types'), 'application/grpc grpc\n');
  const types = `--mime-types-file=${join(directory, 'types')}`;
  const command = [
    findProgram('nghttpd') ?? 'nghttpd',
    '--no-tls',
    '--address=127.0.0.1',
    `--htdocs=${root}`,
    types,
    '--max-concurrent-streams=1000',
  ];
  const upstream = processes.launch([...command, '--trailer=grpc-status: 0', String(port)], {
    core: LOAD_CORE,
    logFile: join(directory, 'upstream.log'),
  });
  return (await listens(upstream, port, LISTEN_LIMIT_MS)) ? upstream : null;
}

/** Null: h2load gave no result. */
export async function drive(
  processes: ProcessGroup,
  directory: string,
  port: number,
  load: Load,
  seconds: number,
): Promise<LoadResult | null> {
  const { connections, streams, grpc, unlike = false } = load;
  const message = join(directory, 'message');
  if (grpc) writeFileSync(message, MESSAGE);
  const call = grpc ? ['-d', message, '-H', 'content-type: application/grpc', '-H', 'te: trailers'] : [];
  const size = ['-c', String(connections), '-m', String(streams), '-D', String(seconds), '-t', '1'];
  const target = `http://127.0.0.1:${port}${grpc ? GRPC_PATH : REQUEST.path}`;
  const command = [findProgram('h2load') ?? 'h2load', '--no-tls-proto=h2c', ...size, '-H', REQUEST.header, ...call];
  if (unlike) command.push('-i', writeTargets(directory, target));
  else command.push(target);
  const client = processes.launch(command, { core: LOAD_CORE });
  const output = await text(client.child.stdout!);
  await client.exited;
  return resultOf(output);
}

function writeTargets(directory: string, target: string): string {
  const file = join(directory, 'targets');
  writeFileSync(file, Array.from({ length: UNLIKE }, (_, i) => `${target}?id=${randomUUID()}-${i}\n`).join(''));
  return file;
}

/** What h2load says at its end. */
function resultOf(output: string): LoadResult | null {
  const rps = /finished in [^,]+, ([\d.]+) req\/s/.exec(output)?.[1];
  const counts = /requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/.exec(output);
  const statuses = /status codes: \d+ 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/.exec(output);
  const mean = /time for request: +\S+ +\S+ +([\d.]+)(us|ms|s)/.exec(output);
  if (rps === undefined || counts === null || statuses === null || mean === null) return null;
  // What is on its way at the end counts as started only.
  const failed = [...counts.slice(3), ...statuses.slice(1)].reduce((sum, count) => sum + Number(count), 0);
  const unit = { us: 1, ms: 1000, s: 1e6 }[mean[2] as 'us' | 'ms' | 's'];
  return { requests: Number(counts[1]), rps: Number(rps), failed, meanUs: Number(mean[1]) * unit };
}
