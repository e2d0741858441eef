/**
 * The cgroups of a node, in every hierarchy of the machine: one for its own programs, one for the kubelet alone, and `kubepods`, which the
 * kubelet makes. Whatever of the node still runs is in one of them.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { until } from '../until.ts';

export class NodeCgroups {
  readonly #label: string;
  readonly #mounts = hierarchies();

  constructor(label: string) {
    this.#label = label;
  }

  /** As the kubelet's configuration names it. */
  get root(): string {
    return `/${this.#label}`;
  }

  get system(): string {
    return this.#processes('system');
  }

  get kubelet(): string {
    return this.#processes('kubelet');
  }

  /** Of the kubelet, as the agent names it. */
  get kubeletPath(): string {
    return dirname(this.kubelet);
  }

  make(): void {
    for (const mount of this.#mounts) {
      const root = join(mount.path, this.#label);
      mkdirSync(root, { recursive: true });
      // A new cpuset of v1 is empty, and takes no process.
      if (mount.controllers.includes('cpuset')) {
        for (const file of ['cpuset.cpus', 'cpuset.mems']) writeFileSync(join(root, file), readFileSync(join(mount.path, file)));
      }
      if (mount.unified) for (const child of ['system', 'kubelet']) mkdirSync(join(root, child), { recursive: true });
      if (this.#mounts.length === 1) for (const parent of [mount.path, root]) delegate(parent);
    }
  }

  /** Ends everything in them. */
  async kill(): Promise<void> {
    const left = (): number[] => this.#mounts.flatMap(({ path }) => processesBelow(join(path, this.#label)));
    await until(() => {
      for (const pid of left()) end(pid);
      return left().length === 0;
    }, `the end of all processes of ${this.#label}`);
  }

  /** The kernel counts threads that are ending for a moment longer than it lists their process. */
  async remove(): Promise<void> {
    for (const { path } of this.#mounts) {
      const cgroup = join(path, this.#label);
      await until(() => removeBelow(cgroup), `the removal of ${cgroup}`);
    }
  }

  #processes(child: string): string {
    const unified = this.#mounts.find((mount) => mount.unified);
    if (unified === undefined) throw new Error('no cgroup v2 hierarchy is mounted');
    return join(unified.path, this.#label, child, 'cgroup.procs');
  }
}

interface Hierarchy {
  readonly path: string;
  readonly unified: boolean;
  readonly controllers: readonly string[];
}

function hierarchies(): Hierarchy[] {
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  const fields = mounts.map((line) => line.split(' '));
  return fields.flatMap(([, path = '', type = '', options = '']) => {
    if (type !== 'cgroup' && type !== 'cgroup2') return [];
    return [{ path, unified: type === 'cgroup2', controllers: options.split(',') }];
  });
}

/** On a machine with v2 alone a child has the controllers that its parent gives to its children. */
function delegate(cgroup: string): void {
  const controllers = readFileSync(join(cgroup, 'cgroup.controllers'), 'utf8').trim().split(' ');
  writeFileSync(join(cgroup, 'cgroup.subtree_control'), controllers.map((name) => `+${name}`).join(' '));
}

function childrenOf(cgroup: string): string[] {
  if (!existsSync(cgroup)) return [];
  const entries = readdirSync(cgroup, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(cgroup, name));
}

function processesBelow(cgroup: string): number[] {
  if (!existsSync(cgroup)) return [];
  let text = '';
  try {
    text = readFileSync(join(cgroup, 'cgroup.procs'), 'utf8');
  } catch {
    return []; // removed meanwhile
  }
  return [...text.split('\n').filter(Boolean).map(Number), ...childrenOf(cgroup).flatMap(processesBelow)];
}

/** Whether it is gone. */
function removeBelow(cgroup: string): boolean {
  if (!existsSync(cgroup)) return true;
  if (!childrenOf(cgroup).every(removeBelow)) return false;
  try {
    rmdirSync(cgroup);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
    throw error;
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Ended since it was listed.
  }
}
