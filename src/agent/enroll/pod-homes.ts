/**
 * Finds the network namespaces of pods: by the path that the manifests name, else by the pod's processes.
 *
 * A path is only a way to a namespace. It may come to lead to another one, and the number in /proc/PID may become that of another pod's
 * process. So where a namespace is held already, the question is whether the path still leads to that one; a process counts
 * only as long as it is the pod's; and that nothing was found proves nothing: a process that is being started is still in the node's own
 * namespace, and /proc cannot be read while the agent is out of descriptors.
 */
import { backoff } from './backoff.ts';
import { type NamespaceFiles, type NamespaceIdentity, OWN_NAMESPACE, sameNamespace } from './pod-namespace.ts';

/** A namespace, and a way to it. */
export interface Whereabouts {
  readonly path: string;
  readonly namespace: NamespaceIdentity;
}

export interface Sought {
  readonly id: string;
  readonly uid: string;
  /** The path that the manifests name. */
  readonly named: string | null;
  /** The namespace that is held, and where it was last seen. */
  readonly held: Whereabouts | null;
}

/** Null: it was looked for and seen nowhere. Undefined: it was not looked for, because its next search is not due yet. */
export type Sighting = Whereabouts | null | undefined;
export type Sightings = ReadonlyMap<string, Sighting>;

export interface PodProcesses {
  /** Ids of the processes of these pods, by pod UID. */
  find(uids: ReadonlySet<string>): ReadonlyMap<string, readonly number[]>;
  /** Ids of the processes in a cgroup, by its directory; none where there is no such cgroup. */
  inCgroup(directory: string): readonly number[];
  belongs(pid: number, uid: string): boolean;
}

export class PodHomes {
  readonly #files: NamespaceFiles;
  readonly #processes: PodProcesses;
  /** Searches that found nothing, or only what is being started. Each reads a file for every process of the node, so they become rarer. */
  #vain = new Map<string, { readonly times: number; readonly nextAt: number }>();

  /** Cgroups in which pods' first processes will be, where that is known. */
  readonly #expected = new Map<string, string>();

  constructor(files: NamespaceFiles, processes: PodProcesses) {
    this.#files = files;
    this.#processes = processes;
  }

  look(pods: readonly Sought[], now: number): Sightings {
    const seen = new Map<string, Sighting>(pods.map((pod) => [pod.id, this.#atKnownPath(pod)]));
    const lost = pods.filter(({ id, named, uid }) => seen.get(id) === null && named === null && uid !== '');
    for (const pod of lost) {
      const at = this.#whereExpected(pod);
      if (at === null) seen.delete(pod.id);
      else seen.set(pod.id, at);
    }
    const unfound = lost.filter(({ id }) => !seen.has(id));
    for (const id of this.#expected.keys()) if (!unfound.some((pod) => pod.id === id)) this.#expected.delete(id);
    const due = unfound.filter(({ id }) => now >= (this.#vain.get(id)?.nextAt ?? 0));
    const found = due.length === 0 ? null : this.#processes.find(new Set(due.map(({ uid }) => uid)));
    for (const pod of due) seen.set(pod.id, this.#among(pod, found?.get(pod.uid) ?? []));
    const own = this.own();
    const isVain = ({ id, held }: Sought): boolean => {
      const at = seen.get(id);
      return !at || (held === null && sameNamespace(at.namespace, own));
    };
    this.#planSearches(unfound.filter(isVain), now);
    return seen;
  }

  /** The next search for it is due at once, or, where the cgroup is known in which it will be, that is looked at each time. */
  expect(id: string, cgroup: string | null): void {
    if (cgroup === null) this.#vain.delete(id);
    else this.#expected.set(id, cgroup);
  }

  /** The node's own namespace, where no pod of its own is. */
  own(): NamespaceIdentity | null {
    return this.#files.at(OWN_NAMESPACE);
  }

  #atKnownPath({ named, held }: Sought): Whereabouts | null {
    const path = named ?? held?.path;
    const namespace = path === undefined ? null : this.#files.at(path);
    if (path === undefined || namespace === null) return null;
    const trusted = named !== null || (held !== null && sameNamespace(held.namespace, namespace));
    return trusted ? { path, namespace } : null;
  }

  /** Null: not yet. */
  #whereExpected(pod: Sought): Whereabouts | null {
    const cgroup = this.#expected.get(pod.id);
    const at = cgroup === undefined ? null : this.#among(pod, this.#processes.inCgroup(cgroup));
    return at === null || sameNamespace(at.namespace, this.own()) ? null : at;
  }

  #among({ uid, held }: Sought, pids: readonly number[]): Whereabouts | null {
    const places = pids.flatMap((pid) => this.#placeOf(pid, uid));
    const own = this.own();
    const elsewhere = places.find(({ namespace }) => !sameNamespace(namespace, own)) ?? null;
    if (held === null) return elsewhere ?? places[0] ?? null;
    return places.find(({ namespace }) => sameNamespace(namespace, held.namespace)) ?? elsewhere;
  }

  /** Asked whose process it is after the namespace was looked at: its id may have become another's since it was found. */
  #placeOf(pid: number, uid: string): Whereabouts[] {
    const path = `/proc/${pid}/ns/net`;
    const namespace = this.#files.at(path);
    return namespace !== null && this.#processes.belongs(pid, uid) ? [{ path, namespace }] : [];
  }

  #planSearches(unseen: readonly Sought[], now: number): void {
    const before = this.#vain;
    this.#vain = new Map(
      unseen.map(({ id }) => {
        const last = before.get(id);
        if (last !== undefined && now < last.nextAt) return [id, last];
        const times = (last?.times ?? 0) + 1;
        return [id, { times, nextAt: now + backoff(times) }];
      }),
    );
  }
}
