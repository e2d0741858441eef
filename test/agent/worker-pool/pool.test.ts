/** Real threads, the real engine, real sockets: workers that throw, hang and exit under connections. */
import { spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import t from 'tap';
import { SeriesTable } from '../../../src/agent/telemetry/series-table.ts';
import { WorkerPool } from '../../../src/agent/worker-pool/pool.ts';
import { systemClock } from '../../../src/base/clock.ts';
import type { ListenerConfig } from '../../../src/l7/engine-port.ts';
import type { PackedDelta } from '../../../src/l7/packed/packed-delta.ts';
import { PackedRecords, type PackedSnapshot } from '../../../src/l7/packed/packed-records.ts';
import type { Fault } from './faulty-worker.ts';

const WORKERS = 2;
const METRICS_VALUES = 65_536;
const NOWHERE = { clusters: [], virtualHosts: [], addresses: [], endpoints: [] };
const PATIENCE_MS = 60_000;
const inherited = process.env['NODEWAY_TEST_LISTENERS'];

if (inherited === undefined) {
  // Node.js cannot make a listening socket without accepting from it, so the test is started again by somebody who can.
  const script = fileURLToPath(new URL('listening-sockets.py', import.meta.url));
  const command = [script, String(WORKERS), process.execPath, ...process.execArgv, fileURLToPath(import.meta.url)];
  const { status, error } = spawnSync('python3', command, { stdio: 'inherit' });
  if (error === undefined) process.exitCode = status ?? 1;
  else t.test('workers that fail', { skip: `${error.message}; run scripts/setup tests` }, async () => {});
} else {
  run(inherited.split(',').map(Number), Number(process.env['NODEWAY_TEST_PORT']));
}

function snapshot(version: number): PackedSnapshot {
  const none = { workloads: new Map(), scopes: new Map(), virtualHosts: new Map(), addresses: new Map(), clusters: new Map() };
  return {
    version,
    mesh: { connectTimeoutMs: 1000, rootNamespace: 'istio-system', gatewayName: 'istio-ingressgateway', pathNormalization: 'base' },
    records: { ...none, gateways: new Map([['80', { port: 80, layer: 'gateway' }]]) },
    endpoints: new Map(),
    packed: new PackedRecords(),
  };
}

function whole(version: number): PackedDelta {
  const { mesh, records } = snapshot(version);
  return { version, mesh, records: { gateways: { set: records.gateways, remove: [] } }, endpoints: [], packed: NOWHERE, slabs: [] };
}

/** `404` for an answer, else the error's code. */
function ask(port: number): Promise<string> {
  return open(port).ask();
}

/** A connection on which nothing has been sent yet. */
function open(port: number): { ask: () => Promise<string> } {
  let text = '';
  const socket = connect({ host: '127.0.0.1', port });
  const ended = new Promise<string>((done) => {
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    socket.on('close', () => done(text.slice(9, 12) || 'empty'));
  });
  return {
    ask: () => {
      socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      return ended;
    },
  };
}

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await delay(10);
  }
}

function run(descriptors: readonly number[], port: number): void {
  const table = new SeriesTable(systemClock(), 3_600_000);
  const rooms = new Set<number>();
  const pool = new WorkerPool({
    count: WORKERS,
    entry: new URL('faulty-worker.ts', import.meta.url),
    settings: { mark: 0, originalDestinations: -1, silentSeriesMs: 0, slowRequestMs: 0, metricsValues: METRICS_VALUES, priority: null },
    clock: systemClock(),
    log: pino({ level: 'silent' }),
    onChange: () => {},
    onSeries: (member, added, ended) => {
      rooms.add(member.stats?.length ?? METRICS_VALUES);
      table.end(member, ended);
      table.add(member, added);
    },
    onSpanRing: () => {},
    onExemplars: () => {},
    onLogRing: () => {},
    onTapRing: () => {},
    onRetire: (member) => table.retire(member),
  });
  const faults = new BroadcastChannel('nodeway-test-faults');
  /** Whether the worker that was told to break has reached that point: what came before may be lost with it, what comes after may not. */
  let broken = false;
  faults.onmessage = () => (broken = true);
  const breakWorker = (index: number, fault: Fault): void => {
    broken = false;
    faults.postMessage({ index, fault });
  };
  const served = (): number => {
    const requests = [...(table.families.get('istio_requests_total')?.values() ?? [])];
    return requests.reduce((sum, series) => sum + series.value(0), 0);
  };
  t.teardown(async () => {
    faults.close();
    await pool.stop();
  });

  t.test('starts, is configured, serves', async (t) => {
    pool.start();
    pool.configure(snapshot(1), whole(1));
    pool.listen(
      7,
      descriptors.map((fd): ListenerConfig => ({ kind: 'gateway', id: 7, fd, port: 80 })),
    );
    await until('all workers listen', () => pool.version >= 1 && pool.listening(7));
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask(port)));
    t.strictSame(new Set(answers), new Set(['404']));
    await until('what they counted is known', () => served() >= 40);
    t.equal(served(), 40);
    t.strictSame([...rooms], [METRICS_VALUES]);
  });

  for (const fault of ['throw', 'exit', 'reject', 'hang'] as const) {
    t.test(`a worker that ${fault}s is replaced, and nobody is refused`, async (t) => {
      const restarts = pool.restarts;
      const counted = served();
      const before: Promise<string>[] = [];
      const after: Promise<string>[] = [];
      // The kernel shares them out between the workers.
      const silent = Array.from({ length: 16 }, () => open(port));
      await until('workers have had turns since', async () => (await ask(port)) === '404' && (await ask(port)) === '404');
      breakWorker(0, fault);
      const deadline = performance.now() + PATIENCE_MS;
      while (pool.restarts === restarts || !pool.listening(7)) {
        for (let i = 0; i < 4; i++) (broken ? after : before).push(ask(port));
        await delay(20);
        if (performance.now() > deadline) throw new Error('the worker was not replaced');
      }
      const answers = await Promise.all([...before, ...after]);
      const kinds = (some: readonly string[]): string[] =>
        [...Map.groupBy(some, (kind) => kind)].map(([kind, all]) => `${kind}: ${all.length}`);
      t.notOk(answers.includes('ECONNREFUSED'));
      t.strictSame(
        kinds(await Promise.all(silent.map((connection) => connection.ask()))),
        [`404: ${silent.length}`],
        'what was accepted and not touched is answered by the next worker',
      );
      // A worker takes with it what it was at. What waited in its queue is answered by the next one.
      t.strictSame(kinds(answers.slice(before.length)), [`404: ${after.length}`]);
      t.strictSame(new Set(await Promise.all(Array.from({ length: 20 }, () => ask(port)))), new Set(['404']));
      const answered = answers.filter((answer) => answer === '404').length;
      await until('what the broken worker and its successor counted is known', () => served() >= counted + answered + 20);
      t.ok(pool.version >= 1);
    });
  }

  t.test('deltas reach replaced workers too', async () => {
    pool.configure(snapshot(2), whole(2));
    await until('both run version 2', () => pool.version >= 2);
    const restarts = pool.restarts;
    breakWorker(1, 'throw');
    await until('it is replaced', () => pool.restarts > restarts && pool.version >= 2 && pool.listening(7));
  });

  t.test('a listener that is taken away is confirmed by all, and connections then wait in its queue', async (t) => {
    await pool.unlisten(7);
    t.equal(pool.listening(7), false);
    const waiting = ask(port);
    await delay(50);
    pool.listen(
      8,
      descriptors.map((fd): ListenerConfig => ({ kind: 'gateway', id: 8, fd, port: 80 })),
    );
    t.equal(await waiting, '404');
  });

  t.test('drains', async (t) => {
    await pool.drain(PATIENCE_MS);
    t.ok(pool.members.every((member) => member.drained));
  });
}
