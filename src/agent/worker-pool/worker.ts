/** A worker thread's entry: one transport, one engine, one set of counters. Everything it does comes over its port. */
import { hostname } from 'node:os';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { type Clock, systemClock } from '../../base/clock.ts';
import { giveMemoryBack } from '../../base/memory.ts';
import { comeFirst } from '../../base/priority.ts';
import { systemRandom } from '../../base/random.ts';
import { LineRing } from '../../base/line-ring.ts';
import { Engine } from '../../l7/engine.ts';
import type { Answer, Question } from '../../l7/question.ts';
import type { OriginalDestinations } from '../../l7/engine-port.ts';
import { type Exemplar, type SeriesDefinition, Stats, type StatsAudience } from '../../l7/record/stats.ts';
import { Ledger } from '../../l7/upstream/ledger.ts';
import { NativeTransport } from '../../l7/transport/native.ts';
import { threadTime } from '../../l7/transport/native-binding.ts';
import { LoopWatch } from './loop-watch.ts';
import type { FromWorker, TimedExemplar, ToWorker, WorkerSettings } from './protocol.ts';
import { Vitals } from './vitals.ts';

/** Well under the supervisor's patience, and rare enough to cost nothing. */
const HEARTBEAT_MS = 50;
const EXEMPLAR_BATCH_MS = 500;
const MOST_EXEMPLARS = 512;

await start(workerData as WorkerSettings, parentPort as MessagePort);

async function start(settings: WorkerSettings, port: MessagePort): Promise<void> {
  comeFirst(settings.priority);
  const send = (message: FromWorker): void => port.postMessage(message);
  const clock = systemClock();
  const stats = new Stats({ ...announceSeries(send), exemplar: tellExemplars(send, clock) }, settings.metricsValues);
  const watch = new LoopWatch(new Vitals(settings.vitals), clock, threadTime());
  const engine = new Engine({
    transport: NativeTransport.create({ sharers: settings.workers }),
    stats,
    originalDestinations: await openOriginalDestinations(settings),
    mark: settings.mark,
    limits: { silentSeriesMs: settings.silentSeriesMs, slowRequestMs: settings.slowRequestMs },
    ledger: new Ledger(settings.ledger, settings.index),
    random: systemRandom(),
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    log: (level, message, fields) => send({ type: 'log', level, message, fields }),
    hostname: hostname(),
    openLogRing: (sink) => openRing('logRing', sink, send),
    openTapRing: () => openRing('tapRing', '', send),
    openSpanRing: (provider) => openRing('spanRing', provider, send),
    watch: (work) => watch.during(work),
    unfit: (cause) =>
      queueMicrotask(() => {
        throw new Error(cause);
      }),
  });
  let isFirst = true;
  const inForce = (version: number): void => {
    // What the first configuration was made with is collected before there are requests that would wait for that.
    if (isFirst) giveMemoryBack();
    isFirst = false;
    send({ type: 'configured', version });
  };
  port.on('message', (message: ToWorker) => watch.during(() => obey(engine, message, { send, inForce })));
  // At once: who takes it for started expects its heart to beat, however long the start took.
  watch.beat();
  clock.every(HEARTBEAT_MS, () => watch.beat());
  send({ type: 'started', stats: stats.memory });
}

function openRing(type: 'logRing' | 'tapRing' | 'spanRing', sink: string, send: (message: FromWorker) => void): LineRing {
  const ring = new LineRing();
  send({ type, sink, memory: ring.memory });
  return ring;
}

interface Replies {
  readonly send: (message: FromWorker) => void;
  /** A configuration has taken effect. */
  readonly inForce: (version: number) => void;
}

function obey(engine: Engine, message: ToWorker, { send, inForce }: Replies): void {
  const { configurator } = engine;
  switch (message.type) {
    case 'part':
      configurator.take(message.part);
      return send({ type: 'taken' });
    case 'commit': {
      const { version } = message;
      return configurator.commit(
        version,
        () => inForce(version),
        () => send({ type: 'settled' }),
      );
    }
    case 'listen':
      // A descriptor that cannot be served is a broken promise and ends the worker.
      engine.listen(message.listener, { fd: message.listener.fd });
      return send({ type: 'listening', id: message.listener.id });
    case 'unlisten':
      engine.unlisten(message.id);
      return send({ type: 'unlistened', id: message.id });
    case 'tap':
      engine.tap.filters = message.filters;
      return;
    case 'ask':
      return send({ type: 'answer', id: message.id, answer: answerTo(engine, message.question) });
    case 'drain':
      return engine.drain(message.deadlineMs, () => send({ type: 'drained' }));
  }
}

function answerTo(engine: Engine, question: Question): Answer {
  return question.ask === 'pools' ? engine.pools() : engine.explain(question);
}

/** A burst of new series, as the first requests make them, leaves as one message. */
function announceSeries(send: (message: FromWorker) => void): StatsAudience {
  let added: SeriesDefinition[] = [];
  let ended: number[] = [];
  const tell = (): void => {
    send({ type: 'series', added, ended });
    added = [];
    ended = [];
  };
  return {
    added(series) {
      if (added.push(series) + ended.length === 1) queueMicrotask(tell);
    },
    ended(cells) {
      if (added.length + ended.length === 0 && cells.length > 0) queueMicrotask(tell);
      ended.push(...cells);
    },
  };
}

/** Of one histogram the last one of a while leaves, and of all no more than some. */
function tellExemplars(send: (message: FromWorker) => void, clock: Clock): (exemplar: Exemplar) => void {
  const latest = new Map<number, TimedExemplar>();
  const tell = (): void => {
    send({ type: 'exemplars', exemplars: [...latest.values()] });
    latest.clear();
  };
  return (exemplar) => {
    if (latest.size === 0) clock.after(EXEMPLAR_BATCH_MS, tell);
    if (latest.size < MOST_EXEMPLARS || latest.has(exemplar.cell)) latest.set(exemplar.cell, { ...exemplar, at: clock.now() });
  };
}

async function openOriginalDestinations({ originalDestinations, taken }: WorkerSettings): Promise<OriginalDestinations> {
  if (originalDestinations < 0) return { take: () => null };
  const { OriginalDestinationMap } = await import('../../datapath/original-destinations.ts');
  return new OriginalDestinationMap(originalDestinations, taken);
}
