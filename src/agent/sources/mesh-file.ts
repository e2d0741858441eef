/**
 * Istio's MeshConfig from a file, as if it stood in the ConfigMap of the agent's own namespace. The file is looked at every second. While
 * it cannot be read, what was there before stays in effect, and the problem is told.
 */
import { readFile } from 'node:fs/promises';
import type { Cancel, Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { ObjectSink, ObjectSource, RawObject } from '../model/sink.ts';
import { lookAt } from './look.ts';

const LOOK_MS = 1000;

export class MeshFileSource implements ObjectSource {
  readonly name = 'mesh file';
  readonly #file: string;
  readonly #namespace: string;
  readonly #clock: Clock;
  #stamp = '';
  #cancel: Cancel = () => {};
  #looking = false;

  constructor(file: string, namespace: string, clock: Clock) {
    this.#file = file;
    this.#namespace = namespace;
    this.#clock = clock;
  }

  async start(sink: ObjectSink): Promise<void> {
    await this.#look(sink);
    sink.synced();
    this.#cancel = this.#clock.every(LOOK_MS, () => void this.#look(sink));
  }

  async stop(): Promise<void> {
    this.#cancel();
  }

  /** One look at a time: a slow disk must not pile them up. */
  async #look(sink: ObjectSink): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const { stamp } = await lookAt(this.#file);
      if (stamp !== this.#stamp) await this.#read(sink);
      this.#stamp = stamp;
    } finally {
      this.#looking = false;
    }
  }

  async #read(sink: ObjectSink): Promise<void> {
    const place = { file: this.#file, line: 1, column: 1 };
    try {
      const mesh = await readFile(this.#file, 'utf8');
      const metadata = { name: 'istio', namespace: this.#namespace };
      const object: RawObject & { readonly data: { readonly mesh: string } } = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata,
        data: { mesh },
      };
      sink.problem(this.#file, []);
      sink.upsert(object, { trusted: true, ...place, locate: () => null });
    } catch (error) {
      const message = `cannot be read: ${messageOf(error)}; what was there before stays in effect`;
      sink.problem(this.#file, [{ severity: 'error', object: null, path: '', message, ...place }]);
    }
  }
}
