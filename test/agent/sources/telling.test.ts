/** What a sink gets of large and small changes, in whatever order they come. */
import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { type ObjectRef, refKey, refOf } from '../../../src/agent/model/problem.ts';
import type { ObjectSink, RawObject } from '../../../src/agent/model/sink.ts';
import { parseManifest } from '../../../src/agent/sources/file-text.ts';
import type { ObjectNews } from '../../../src/agent/sources/inventory.ts';
import { PIECE, Telling } from '../../../src/agent/sources/telling.ts';

/** Remembers the versions that it has, and what it got between each `begin` and `end`. */
class Recorder {
  readonly has = new Map<string, string>();
  readonly changes: string[][] = [];
  #open: string[] | null = null;

  readonly sink: Omit<ObjectSink, 'part'> = {
    begin: () => void (this.#open = []),
    end: () => {
      if (this.#open === null) throw new Error('an end without a beginning');
      this.changes.push(this.#open);
      this.#open = null;
    },
    upsert: (object: RawObject) => this.#note(refOf(object), (object as RawObject & { version: string }).version),
    upsertChecked: () => {
      throw new Error('what is told here was not checked');
    },
    remove: (ref: ObjectRef) => this.#note(ref, null),
    relist: () => {},
    listed: () => {},
    problem: (file: string) => void this.#open?.push(`problems of ${file}`),
    synced: () => {},
  };

  #note(ref: ObjectRef, version: string | null): void {
    if (this.#open === null) throw new Error('told outside of a change');
    this.#open.push(ref.name);
    if (version === null) this.has.delete(refKey(ref));
    else this.has.set(refKey(ref), version);
  }
}

function news(names: readonly string[], version: string | null): ObjectNews[] {
  const text = names.map((name) => `---\napiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}}\nversion: "${version}"\n`).join('');
  return parseManifest('f', text).objects.map((object) => ({ ref: object.ref, now: version === null ? null : object }));
}

const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `n${index}`);

t.test('a change of a piece is one change, a larger one comes in pieces, and a small one passes between them', async (t) => {
  const recorder = new Recorder();
  const telling = new Telling(recorder.sink);
  await telling.tell(news(many(PIECE), 'one'), [['f', []]]);
  t.equal(recorder.changes.length, 1);
  t.equal(recorder.changes[0]?.length, PIECE + 1, 'and the problems with it');
  recorder.changes.length = 0;
  await telling.tell(news(many(5 * PIECE), 'two'), []);
  await telling.tell(news(['small'], 'two'), []);
  const before = recorder.changes.length;
  t.ok(before <= 4, `after ${before} changes`);
  t.same(recorder.changes.at(-1), ['small']);
  t.ok(recorder.has.size < 3 * PIECE, 'most of the large change is still to come');
  while (recorder.has.size < 5 * PIECE + 1) await setImmediate();
  await telling.stop();
  t.equal(recorder.changes.flat().length, 5 * PIECE + 1, 'each object is told once');
  t.ok(recorder.changes.every((change) => change.length <= PIECE));
});

t.test('what is newer wins over what waits, also where it is gone or large again', async (t) => {
  const recorder = new Recorder();
  const telling = new Telling(recorder.sink);
  const names = many(4 * PIECE);
  const last = names.slice(-3);
  await telling.tell(news(names, 'old'), []);
  await telling.tell(news(last.slice(0, 1), 'new'), []);
  await telling.tell(news(last.slice(1, 2), null), []);
  await telling.tell(news(names.slice(-2 * PIECE, -3), 'newer'), []);
  while (recorder.has.size < 4 * PIECE - 1) await setImmediate();
  await telling.stop();
  const version = (name: string): string | undefined => recorder.has.get(`/Namespace//${name}`);
  t.equal(version(last[0] as string), 'new');
  t.equal(version(last[1] as string), undefined);
  t.equal(version(last[2] as string), 'old');
  t.equal(version(names.at(-4) as string), 'newer');
  t.equal(version(names.at(-2 * PIECE) as string), 'newer');
  t.equal(version(names[0] as string), 'old');
});

t.test('before the source is synced everything is one change', async (t) => {
  const recorder = new Recorder();
  await new Telling(recorder.sink).whole(news(many(3 * PIECE), 'one'), []);
  t.equal(recorder.changes.length, 1);
});

t.test('nothing is told after a stop', async (t) => {
  const recorder = new Recorder();
  const telling = new Telling(recorder.sink);
  await telling.tell(news(many(5 * PIECE), 'one'), []);
  await telling.stop();
  const { size } = recorder.has;
  for (let turn = 0; turn < 20; turn++) await setImmediate();
  t.equal(recorder.has.size, size);
  t.ok(size < 5 * PIECE);
});
