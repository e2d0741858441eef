/** The demonstration: sets the application up, walks through the steps, and takes it all down again. */
import { cp, mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent } from './agent.ts';
import { readChapters } from './chapters.ts';
import { Cluster } from './cluster.ts';
import { claim, DIRECTORY, removeDirectory, sweep, sweepAll } from './leftovers.ts';
import { HELP, type Options, parseOptions } from './options.ts';
import { Report } from './report.ts';
import { killed, outsider, removed } from './steps/agent-gone.ts';
import { blocked, gatewayAlone, routes, withoutAgent } from './steps/application.ts';
import { canary, retries, shadowing } from './steps/faulty-release.ts';
import { bulkhead, circuitBreaker } from './steps/limits.ts';
import { abTest } from './steps/releases.ts';
import type { Step } from './steps/step.ts';
import { watching } from './steps/watching.ts';
import { Walk } from './walk.ts';

const STEPS: readonly Step[] = [
  withoutAgent,
  blocked,
  gatewayAlone,
  routes,
  abTest,
  shadowing,
  canary,
  retries,
  circuitBreaker,
  bulkhead,
  watching,
  killed,
  outsider,
  removed,
];
const GATEWAY_PORT = 80;

class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

async function main(options: Options): Promise<number> {
  let report = new Report(process.stdout);
  const owner = await claim();
  if (owner !== null) {
    report.line(`A demonstration runs already: process ${owner}. Stop it with: kill ${owner}`);
    return 2;
  }
  const undo: (() => Promise<unknown>)[] = [removeDirectory];
  const interrupted = untilInterrupted();
  try {
    await Promise.race([demonstrate(options, report, undo, interrupted), interrupted]);
    return summarise(report);
  } catch (error) {
    report.end();
    report = new Report(process.stdout);
    report.line(error instanceof Interrupted ? '' : `\n${error instanceof Error ? error.message : String(error)}`);
    return error instanceof Interrupted ? 130 : 1;
  } finally {
    report.note('removing everything again …');
    for (const step of undo.toReversed()) await step().catch((error: unknown) => report.line(`not removed: ${String(error)}`));
  }
}

async function demonstrate(options: Options, report: Report, undo: (() => Promise<unknown>)[], interrupted: Promise<never>): Promise<void> {
  const swept = await sweep(options.nodeway);
  if (swept.length > 0) report.note(`removed what an earlier run left: ${swept.join(', ')}`);
  undo.push(() => sweepAll(options.nodeway));
  const cluster = await Cluster.create({ directory: DIRECTORY, env: { SEED: options.seed, SLEEP_SECONDS: String(options.sleepSeconds) } });
  undo.push(() => cluster.dispose());
  undo.push(() => keepLogs(options.logs, report));
  const addresses = [cluster.network.nodeAddress, ...((await free('127.0.0.1', GATEWAY_PORT)) ? ['127.0.0.1'] : [])];
  const ports = { metricsPort: await freePort(), adminPort: await freePort() };
  const { nodeway } = options;
  const agent = new Agent({ nodeway, directory: DIRECTORY, manifests: cluster.manifests, gatewayAddresses: addresses, ...ports });
  undo.push(() => agent.withdraw());
  const client = await cluster.addClient('visitor', 'outside');
  const gateway = `http://${cluster.network.nodeAddress}`;
  const chapters = await readChapters(options.manifestsFrom);
  const walk = new Walk({
    cluster,
    agent,
    chapters,
    manifestsFrom: options.manifestsFrom,
    report,
    gateway,
    client,
    sleepSeconds: options.sleepSeconds,
  });
  await takeSteps(walk, options);
  if (options.keep) await keep(walk, addresses, ports, interrupted);
}

async function takeSteps(walk: Walk, { steps, keep }: Options): Promise<void> {
  const last = STEPS.length - (keep ? 2 : 1);
  const until = Math.min(last, Math.max(...(steps ?? [last])));
  for (const [number, step] of STEPS.entries()) {
    if (number > until) break;
    walk.quiet = steps !== null && !steps.has(number);
    if (!walk.quiet) walk.report.step(String(number), step.title, step.why);
    await step.prepare(walk);
    if (!walk.quiet) await step.walk(walk);
  }
}

async function keep(
  walk: Walk,
  addresses: readonly string[],
  ports: { metricsPort: number; adminPort: number },
  interrupted: Promise<never>,
): Promise<void> {
  const { report, cluster } = walk;
  const [frontend] = cluster.podsOf('sa-frontend');
  report.line();
  report.title(`Running. The page: ${addresses.map((address) => `http://${address}/`).join('  or  ')}`);
  report.line(`   rules      edit or add files in ${cluster.manifests}`);
  report.line(
    `   a pod      ip netns exec ${frontend?.place.netns ?? ''} curl -d '{"sentence":"I love it"}' -H 'content-type: application/json' http://sa-web-app/sentiment`,
  );
  report.line(`   metrics    curl http://127.0.0.1:${ports.metricsPort}/metrics`);
  report.line(`   status     scripts/nodeway status --admin-address 127.0.0.1:${ports.adminPort}`);
  report.line(`   stop       Ctrl-C here, or: kill ${process.pid}`);
  await interrupted;
}

/** Where they were asked for, and wherever somebody has to find out what went wrong. */
async function keepLogs(asked: string | null, report: Report): Promise<void> {
  if (asked === null && report.failures.length === 0) return;
  const directory = asked ?? (await mkdtemp(join(tmpdir(), 'nodeway-demo-')));
  await cp(join(DIRECTORY, 'logs'), directory, { recursive: true });
  report.note(`logs of the pods and the agent, and its last metrics: ${directory}`);
}

function summarise(report: Report): number {
  const { held, failures } = report;
  report.line();
  report.title(
    failures.length === 0
      ? `All ${held} checks held.`
      : `${failures.length} of ${held + failures.length} checks did not hold: ${failures.join('; ')}`,
  );
  return failures.length === 0 ? 0 : 1;
}

function untilInterrupted(): Promise<never> {
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => reject(new Interrupted(signal)));
  });
  interrupted.catch(() => {}); // may come when nobody waits any more
  return interrupted;
}

async function free(host: string, port: number): Promise<boolean> {
  return (await listenOnce(host, port)) !== null;
}

async function freePort(): Promise<number> {
  return (await listenOnce('127.0.0.1', 0)) as number;
}

function listenOnce(host: string, port: number): Promise<number | null> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(null));
    server.listen(port, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : null));
    });
  });
}

try {
  const options = parseOptions(process.argv.slice(2), STEPS.length);
  if (options.help) process.stdout.write(HELP);
  const code = options.help ? 0 : await main(options);
  // Of an interrupted walk something may still be waiting for answers that nobody gives any more.
  process.exit(code);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(2);
}
