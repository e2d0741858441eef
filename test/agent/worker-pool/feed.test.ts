import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { Feed } from '../../../src/agent/worker-pool/feed.ts';
import type { ToWorker } from '../../../src/agent/worker-pool/protocol.ts';
import { Packing } from '../../l7/runtime/packing.ts';
import { clusterConfig, delta, host, route } from '../../l7/runtime/snapshots.ts';

/** A change that takes several parts. */
function large(version: number, count: number) {
  return delta(version, {
    set: {
      clusters: Object.fromEntries(Array.from({ length: count }, (_, i) => [`c${i}`, clusterConfig(`c${i}`)])),
      virtualHosts: {
        v: host(
          ['v'],
          Array.from({ length: count }, (_, i) => route(`r${i}`)),
        ),
      },
    },
  });
}

type Push = { readonly delta: number } | { readonly message: number };
const push: fc.Arbitrary<Push> = fc.oneof(fc.record({ delta: fc.nat(200) }), fc.record({ message: fc.nat(9) }));

/** A worker that answers in its own time: `take` does the next thing that it has been sent, `finish` ends a commit. */
class SlowWorker {
  readonly done: string[] = [];
  readonly #waiting: ToWorker[] = [];
  #parts = 0;
  #committing: number | null = null;
  #settling = false;
  #isConfigured = false;
  /** How many parts were under way at once, before the first configuration was in effect and afterwards. */
  readonly most = { first: 0, later: 0 };

  readonly receive = (message: ToWorker): void => {
    if (message.type === 'part') {
      if (this.#settling || this.#committing !== null) throw new Error('a part before the change before it has settled');
      this.#parts++;
      const when = this.#isConfigured ? 'later' : 'first';
      this.most[when] = Math.max(this.most[when], this.#parts);
    }
    this.#waiting.push(message);
  };

  /** @returns whether there was something to do. */
  step(feed: Feed): boolean {
    const message = this.#waiting.shift();
    if (message !== undefined) this.#take(feed, message);
    else if (this.#committing !== null) this.#confirm(feed, this.#committing);
    else if (this.#settling) this.#settle(feed);
    else return false;
    return true;
  }

  #take(feed: Feed, message: ToWorker): void {
    if (message.type === 'part') {
      this.#parts--;
      feed.taken();
    } else if (message.type === 'commit') {
      if (this.#parts > 0) throw new Error('a commit before all parts');
      this.#committing = message.version;
    } else if (message.type === 'unlisten') {
      this.done.push(`message ${message.id}`);
    }
  }

  #confirm(feed: Feed, version: number): void {
    this.done.push(`version ${version}`);
    this.#committing = null;
    this.#settling = true;
    this.#isConfigured = true;
    feed.configured();
  }

  #settle(feed: Feed): void {
    this.#settling = false;
    feed.settled();
  }
}

t.test('a worker gets everything in order, and never more than it has room for', async () => {
  fc.assert(
    fc.property(fc.array(push, { maxLength: 12 }), fc.array(fc.nat(6), { minLength: 12, maxLength: 12 }), (pushes, pauses) => {
      const worker = new SlowWorker();
      const feed = new Feed(worker.receive);
      const wanted: string[] = [];
      for (const [i, item] of pushes.entries()) {
        if ('delta' in item) {
          wanted.push(`version ${i}`);
          feed.configure(new Packing().pack(large(i, item.delta)));
        } else {
          wanted.push(`message ${i}`);
          feed.post({ type: 'unlisten', id: i });
        }
        for (let k = 0; k < (pauses[i] as number); k++) worker.step(feed);
      }
      while (worker.step(feed));
      if (JSON.stringify(worker.done) !== JSON.stringify(wanted)) throw new Error(`${worker.done.join()} instead of ${wanted.join()}`);
      const { first, later } = worker.most;
      if (first > 1000 || later > 2) throw new Error(`${first} and ${later} parts under way`);
    }),
  );
});

t.test('of a first configuration a worker gets much at once, but not all that there may be', (t) => {
  const worker = new SlowWorker();
  const feed = new Feed(worker.receive);
  feed.configure(new Packing().pack(large(1, 40_000)));
  t.equal(worker.most.first, 1000);
  while (worker.step(feed));
  t.equal(worker.done.join(), 'version 1');
  feed.configure(new Packing().pack(large(2, 1000)));
  while (worker.step(feed));
  t.equal(worker.most.later, 2);
  t.end();
});
