/**
 * Where file systems are mounted, as this process sees it. In a container with a cgroup namespace of its own, paths of cgroups are told
 * from the container's cgroup: `/` is that one, and `/../..` is two above it (cgroup_namespaces(7)). So the mount whose root is the
 * farthest up shows the most.
 */
import { readFileSync, statfsSync } from 'node:fs';
import { messageOf } from '../base/errors.ts';

/** f_type of cgroup v2 (linux/magic.h). A cgroup of version 1 looks alike, and only attaching to it fails: EBADF. */
const CGROUP2_MAGIC = 0x63677270;

interface Mount {
  readonly type: string;
  readonly point: string;
  /** What of the file system is shown there. */
  readonly root: string;
}

/** A path of /proc/PID/cgroup or of a mount's root: so many cgroups up from where we are, then down these. */
interface CgroupPath {
  readonly up: number;
  readonly down: readonly string[];
}

/** Where a file system of this type is mounted, or whether it is at `path`. */
export function mountPoint(type: string, path?: string): string | null {
  const found = ownMounts().find((mount) => mount.type === type && (path === undefined || mount.point === path));
  return found?.point ?? null;
}

/** Where the most of the v2 hierarchy is seen (in a container with the node's own mount, that one), and how far above our cgroup. */
export function cgroupMount(mounts: readonly Mount[] = ownMounts()): { readonly point: string; readonly up: number } | null {
  const mount = mountOfCgroups(mounts);
  return mount === null ? null : { point: mount.point, up: cgroupPath(mount.root).up };
}

export const cgroupRoot = (): string | null => cgroupMount()?.point ?? null;

/** Why no program can be attached to `path`; empty where one can. */
export function whyNoCgroup(path: string): string {
  try {
    const { type } = statfsSync(path);
    return type === CGROUP2_MAGIC ? '' : `${path} is not in the cgroup v2 hierarchy`;
  } catch (error) {
    return messageOf(error);
  }
}

/** Whether a cgroup, as /proc/PID/cgroup names it, is below the mount that `cgroupMount` finds. */
export function isBelowCgroupRoot(path: string, mounts: readonly Mount[] = ownMounts()): boolean {
  const mount = mountOfCgroups(mounts);
  if (mount === null) return false;
  const [root, cgroup] = [cgroupPath(mount.root), cgroupPath(path)];
  if (cgroup.up !== root.up) return cgroup.up < root.up && root.down.length === 0;
  return root.down.every((name, index) => cgroup.down[index] === name);
}

export function cgroupPath(path: string): CgroupPath {
  const names = path.split('/').filter((name) => name !== '');
  const up = names.filter((name) => name === '..').length;
  return { up, down: names.slice(up) };
}

/** The lines of /proc/self/mountinfo (proc(5)): number, parent, device, root, mount point, …, `-`, type. */
export function parseMounts(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root, point] = before.split(' ').map(unescaped);
    const [type] = after.split(' ');
    return root === undefined || point === undefined || type === undefined ? [] : [{ type, point, root }];
  });
}

function ownMounts(): Mount[] {
  return parseMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
}

function mountOfCgroups(mounts: readonly Mount[]): Mount | null {
  const [first, ...others] = mounts.filter(({ type }) => type === 'cgroup2');
  return others.reduce((best, mount) => (showsMore(mount, best) ? mount : best), first ?? null) ?? null;
}

function showsMore(mount: Mount, than: Mount | null): boolean {
  if (than === null) return true;
  const [a, b] = [cgroupPath(mount.root), cgroupPath(than.root)];
  return a.up !== b.up ? a.up > b.up : a.down.length < b.down.length;
}

/** Blanks, tabs, newlines and backslashes stand there in octal. */
function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}
