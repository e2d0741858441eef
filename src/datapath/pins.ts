/** What is pinned under /sys/fs/bpf, whose lock says that an agent runs, and where cgroup v2 is. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DatapathAddon } from './addon.ts';

export const BPFFS = '/sys/fs/bpf';
/** As the addon names them. */
const POD_PIN = 'pod_';

export class DatapathError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DatapathError';
    this.code = code;
  }
}

function nameOf(instance: string): string {
  return instance === '' ? 'nodeway' : `nodeway-${instance}`;
}

export function pinRoot(instance: string): string {
  return join(BPFFS, nameOf(instance));
}

/** Left by the agent that mounted bpffs, so that cleanup undoes it. */
export function mountMarker(instance: string): string {
  return `/run/${nameOf(instance)}.mounted-bpffs`;
}

export function lockPath(instance: string): string {
  return `/run/${nameOf(instance)}.lock`;
}

/** Where a file system of this type is mounted, or whether it is at `path`. */
export function mountPoint(type: string, path?: string): string | null {
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  return mounts.find((mount) => mount[2] === type && (path === undefined || mount[1] === path))?.[1] ?? null;
}

/** @throws DatapathError naming the process that holds it. */
export function lockNode(addon: DatapathAddon, instance: string): number {
  const path = lockPath(instance);
  const fd = addon.lock(path);
  if (fd < 0) {
    const pid = readFileSync(path, 'utf8').trim();
    throw new DatapathError('AGENT_RUNNING', `another agent (pid ${pid || 'not known yet'}) runs on this node; stop it first`);
  }
  writeFileSync(path, `${process.pid}\n`);
  return fd;
}

export function preparePins(addon: DatapathAddon, instance: string): string {
  if (mountPoint('bpf', BPFFS) === null) {
    addon.mountBpffs();
    writeFileSync(mountMarker(instance), '');
  }
  const root = pinRoot(instance);
  mkdirSync(join(root, addon.abi), { recursive: true, mode: 0o700 });
  return join(root, addon.abi);
}

/** Programs of other versions of the agent and their maps. */
export function removeOtherVersions(addon: DatapathAddon, instance: string): void {
  const root = pinRoot(instance);
  for (const other of readdirSync(root)) if (other !== addon.abi) removePins(join(root, other));
}

/** The link of the pod's inbound program. */
export function podPin(directory: string, cookie: string): string {
  return join(directory, `${POD_PIN}${cookie}`);
}

/** Cookies of pods that have a link, of which an agent that crashed while it enrolled one may know nothing more. */
export function pinnedPods(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.startsWith(POD_PIN))
    .map((name) => name.slice(POD_PIN.length));
}

/** Links first: nothing is captured while maps go. */
export function removePins(directory: string): string[] {
  if (!existsSync(directory)) return [];
  const removed: string[] = [];
  const entries = readdirSync(directory, { withFileTypes: true }).sort(
    (a, b) => Number(a.name.startsWith('nw_')) - Number(b.name.startsWith('nw_')),
  );
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) removed.push(...removePins(path));
    else {
      unlinkSync(path);
      removed.push(path);
    }
  }
  rmdirSync(directory);
  return [...removed, directory];
}
