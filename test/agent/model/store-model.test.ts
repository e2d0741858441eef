/** The store against a model that keeps every version of every source and looks through all of them. */
import { isDeepStrictEqual } from 'node:util';
import * as fc from '../../base/fast-check.ts';
import { unpack } from '../../../src/agent/model/packed.ts';
import t from 'tap';
import { type ObjectRef, type ObjectType, refKey, refOf, typeKey } from '../../../src/agent/model/problem.ts';
import type { ObjectSink, Origin, RawObject } from '../../../src/agent/model/sink.ts';
import { ObjectStore } from '../../../src/agent/model/store.ts';

const TYPES = [
  { apiVersion: 'v1', kind: 'ConfigMap' },
  { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
  // Not served: it is never in effect, and must not touch those of its name.
  { apiVersion: 'example.com/v1', kind: 'ConfigMap' },
] as const;
const SOURCES = ['first', 'second', 'third'];
const ORIGIN: Origin = { trusted: false, locate: () => null };

type Command =
  | { readonly kind: 'upsert'; readonly source: number; readonly type: number; readonly name: string; readonly good: boolean }
  | { readonly kind: 'remove'; readonly source: number; readonly type: number; readonly name: string }
  | { readonly kind: 'relist' | 'listed'; readonly source: number; readonly type: number }
  | { readonly kind: 'take' };

const source = fc.nat(SOURCES.length - 1);
const type = fc.nat(TYPES.length - 1);
const name = fc.constantFrom('a', 'b', 'c');
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('upsert' as const), source, type, name, good: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), source, type, name }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('relist' as const, 'listed' as const), source, type }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('take' as const) }) },
);

/** What one source said last of an object, and the last good thing that it said. */
interface Said {
  readonly ref: ObjectRef;
  good: RawObject | null;
  last: RawObject;
}

class Model {
  readonly said = SOURCES.map(() => new Map<string, Said>());
  readonly unseen = SOURCES.map(() => new Map<string, Set<string>>());

  inForce(): Map<string, RawObject> {
    const found = new Map<string, RawObject>();
    for (const said of this.said) for (const [key, { good }] of said) if (good !== null && !found.has(key)) found.set(key, good);
    return found;
  }

  troubled(): Set<string> {
    const keys = this.said.flatMap((said) => [...said.keys()]);
    const bad = this.said.flatMap((said) => [...said].filter(([, { last, good }]) => last !== good && served(last)).map(([key]) => key));
    const foreign = this.said.flatMap((said) => [...said].filter(([, { last }]) => !served(last)).map(([key]) => key));
    return new Set([...bad, ...foreign, ...keys.filter((key, index) => keys.indexOf(key) !== index)]);
  }

  upsert(from: number, object: RawObject, good: boolean): void {
    const ref = refOf(object);
    const before = this.said[from]?.get(refKey(ref));
    this.unseen[from]?.get(typeKey(ref))?.delete(refKey(ref));
    this.said[from]?.set(refKey(ref), { ref, last: object, good: good && served(object) ? object : (before?.good ?? null) });
  }

  remove(from: number, ref: ObjectRef): void {
    this.unseen[from]?.get(typeKey(ref))?.delete(refKey(ref));
    this.said[from]?.delete(refKey(ref));
  }

  relist(from: number, of: ObjectType): void {
    const keys = [...(this.said[from] ?? [])].filter(([, { ref }]) => typeKey(ref) === typeKey(of)).map(([key]) => key);
    this.unseen[from]?.set(typeKey(of), new Set(keys));
  }

  listed(from: number, of: ObjectType): void {
    for (const key of this.unseen[from]?.get(typeKey(of)) ?? []) this.said[from]?.delete(key);
    this.unseen[from]?.delete(typeKey(of));
  }
}

const served = ({ apiVersion }: RawObject): boolean => apiVersion !== 'example.com/v1';

t.test('the store behaves as its model', async (t) => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const store = new ObjectStore();
      const sinks = SOURCES.map((each) => store.contribute(each));
      const model = new Model();
      let taken = new Map<string, RawObject>();
      for (const [step, command] of commands.entries()) {
        if (command.kind === 'take') {
          checkChanges(store, taken, model.inForce());
          taken = model.inForce();
        } else run(command, step, sinks[command.source] as ObjectSink, model);
        checkInForce(store, model);
      }
    }),
    { numRuns: 500 },
  );
  t.pass('after every command');
});

function equal(is: unknown, should: unknown, what: string): void {
  if (JSON.stringify(is) !== JSON.stringify(should)) throw new Error(`${what}: ${JSON.stringify(is)}, not ${JSON.stringify(should)}`);
}

function sorted(entries: Iterable<readonly [string, unknown]>): unknown {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
}

function run(command: Exclude<Command, { kind: 'take' }>, step: number, sink: ObjectSink, model: Model): void {
  const { apiVersion, kind } = TYPES[command.type] as (typeof TYPES)[number];
  const ref = { ...refOf({ apiVersion, kind, metadata: { name: 'name' in command ? command.name : '', namespace: 'default' } }) };
  if (command.kind === 'upsert') {
    const labels = command.good ? { step: String(step) } : { step };
    const object = { apiVersion, kind, metadata: { name: command.name, namespace: 'default', labels } } as RawObject;
    sink.upsert(object, ORIGIN);
    model.upsert(command.source, object, command.good);
  } else if (command.kind === 'remove') {
    sink.remove(ref);
    model.remove(command.source, ref);
  } else {
    sink[command.kind](ref);
    model[command.kind](command.source, ref);
  }
}

function checkInForce(store: ObjectStore, model: Model): void {
  const listed = [...store.list('ConfigMap'), ...store.list('EndpointSlice')];
  equal(sorted(listed.map((object) => [refKey(refOf(object)), object])), sorted(model.inForce()), 'in effect');
  const troubled = new Set(store.problems().map(({ object }) => refKey(object as ObjectRef)));
  equal([...troubled].sort(), [...model.troubled()].sort(), 'objects with problems');
}

function checkChanges(store: ObjectStore, before: ReadonlyMap<string, RawObject>, now: ReadonlyMap<string, RawObject>): void {
  const expected = [...new Set([...before.keys(), ...now.keys()])]
    .filter((key) => !isDeepStrictEqual(before.get(key), now.get(key)))
    .map((key) => [key, now.get(key) ?? null] as const);
  equal(sorted(store.takeChanges().map(({ ref, object }) => [refKey(ref), object && unpack(object)])), sorted(expected), 'changes');
}
