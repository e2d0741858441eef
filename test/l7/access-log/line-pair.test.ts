import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { LineRing } from '../../../src/base/line-ring.ts';
import { AccessLog } from '../../../src/l7/access-log/access-log.ts';
import { LineFormat } from '../../../src/l7/access-log/line-format.ts';
import { LogEntry } from '../../../src/l7/access-log/log-entry.ts';
import type { AccessLogConfig, LogLine } from '../../../src/l7/config/telemetry.ts';
import { ExchangeRecord } from '../../../src/l7/record/exchange-record.ts';
import { line, noteOf, place, tell, told } from './told.ts';

const text: LogLine = {
  kind: 'text',
  parts: ['<', { command: 'REQ', names: [':path'], most: 0 }, ' ', { command: 'DURATION', names: [], most: 0 }],
};
const other: LogLine = { kind: 'text', parts: [{ command: 'REQ', names: [':authority'], most: 0 }, '>\n'] };
const short: LogLine = { kind: 'json', fields: [['path', [{ command: 'REQ', names: [':path'], most: 0 }]]] };

const configs = (of: LogLine): AccessLogConfig[] => [{ sink: 's', line: of, filter: null }];

/** One connection at a time; a note is taken for each request. */
class World {
  readonly ring = new LineRing();
  readonly wanted: string[] = [];
  readonly log: AccessLog;
  #publish = (): void => {};

  constructor() {
    const defer = (task: () => void): void => void (this.#publish = task);
    this.log = new AccessLog({ ...place, open: () => this.ring, defer });
  }

  endTurn(): void {
    this.#publish();
    this.#publish = () => {};
  }

  /** @param follows the policy's line is that of who called, which follows the callee's. */
  write(of: readonly AccessLogConfig[], record: ExchangeRecord, follower: readonly AccessLogConfig[] | null): void {
    const { log } = this;
    const policies = [of, follower ?? []].map((one) => log.policy(one));
    log.write(policies[0]!, record, policies[1]);
    const entry = Object.assign(new LogEntry(), log.entry);
    const written = new LineFormat(of[0]!.line, { request: [], response: [] }, place).write(entry, record);
    this.wanted.push(written.bytes.toString('latin1', 0, written.length - 1));
  }

  read(): string[] {
    this.endTurn();
    const lines: string[] = [];
    this.ring.read((one) => lines.push(one.toString('latin1')));
    return lines;
  }
}

/** What becomes of a request: attempts at a callee, and whether who called has a line, at once or in a later turn. */
const request = fc.record({
  callee: fc.array(told, { maxLength: 2 }),
  caller: told,
  isTold: fc.boolean(),
  turn: fc.constantFrom('none' as const, 'between' as const, 'after' as const),
  length: fc.oneof({ weight: 20, arbitrary: fc.constant(0) }, fc.constantFrom(4000, 9000)),
});

t.test('lines are the same whether two are written together or each by itself', async () => {
  const formats = fc.constantFrom([line, line], [line, short], [short, line], [text, text], [text, other], [other, text], [line, text]);
  fc.assert(
    fc.property(formats, fc.array(request, { maxLength: 20 }), ([first, second], requests) => {
      const world = new World();
      const theirs = configs(first);
      const ours = first === second ? theirs : configs(second);
      // Headers that are asked for are known before the first request.
      for (const one of [theirs, ours]) world.log.policy(one);
      const record = new ExchangeRecord();
      const { entry } = world.log;
      for (const { callee, caller, isTold, turn, length } of requests) {
        tell({ ...caller, path: length > 0 ? `/${'"'.repeat(length)}` : caller.path }, entry, record);
        const { note } = entry;
        for (const attempt of callee) {
          tell(attempt, entry, record);
          entry.note = note;
          world.write(theirs, record, ours);
        }
        if (turn === 'between') world.endTurn();
        tell(caller, entry, record);
        entry.note = note;
        if (isTold) world.write(ours, record, null);
        if (turn === 'after') world.endTurn();
      }
      const got = world.read();
      const different = world.wanted.findIndex((one, index) => got[index] !== one);
      if (different >= 0 || got.length !== world.wanted.length)
        throw new Error(`line ${different} of ${got.length}: got ${got[different]}, want ${world.wanted[different]}`);
      if (world.ring.lines !== got.length) throw new Error(`${world.ring.lines} are counted of ${got.length}`);
    }),
  );
});

t.test('the next request of a connection is not taken for the one whose callee has its line', async (t) => {
  const world = new World();
  const both = configs(short);
  const record = new ExchangeRecord();
  const { entry } = world.log;
  const note = (entry.note = noteOf(Buffer.from('/first')));
  for (const follower of [both, null, both]) world.write(both, record, follower);
  noteOf(Buffer.from('/second'), note);
  world.write(both, record, null);
  t.same(world.read(), world.wanted);
});

t.test('two lines that have no room are two that are counted', async (t) => {
  const world = new World();
  const both = configs({ kind: 'text', parts: ['x'.repeat(8000), { command: 'DURATION', names: [], most: 0 }] });
  const pairs = Math.ceil(LineRing.BYTES / 16_000) + 10;
  for (let i = 0; i < pairs; i++) {
    world.write(both, new ExchangeRecord(), both);
    world.write(both, new ExchangeRecord(), null);
  }
  t.equal(world.read().length, world.ring.lines);
  t.ok(world.ring.dropped > 0);
  t.equal(world.ring.lines + world.ring.dropped, 2 * pairs);
});
