/** What is pinned under /sys/fs/bpf, and the lock that says that an agent runs. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type DatapathAddon } from './addon.ts';
import { mountPoint } from './mounts.ts';

export const BPFFS = '/sys/fs/bpf';
/** A directory, so that the agents of a node share it from their containers, whose own /run is not the node's. */
const RUN = '/run/nodeway';
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
  return join(RUN, `${nameOf(instance)}.mounted-bpffs`);
}

export function lockPath(instance: string): string {
  return join(RUN, `${nameOf(instance)}.lock`);
}

/** @throws DatapathError naming the process that holds it. */
export function lockNode(addon: DatapathAddon, instance: string): number {
  const path = lockPath(instance);
  mkdirSync(dirname(path), { recursive: true });
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

/** Programs of other versions of the agent and their maps. Returns the names of their layouts. */
export function removeOtherVersions(addon: DatapathAddon, instance: string): string[] {
  const root = pinRoot(instance);
  const others = readdirSync(root).filter((name) => name !== addon.abi);
  for (const other of others) removePins(join(root, other));
  return others;
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
