/** Sockets and network namespaces by descriptor. All throw errors with an errno's name as `code`. */
import { datapathAddon } from './addon.ts';

export function openNamespace(path: string): number {
  return datapathAddon().openNamespace(path);
}

export function namespaceCookie(netns: number): string {
  return datapathAddon().namespaceCookie(netns);
}

export function listenIn(o: { netns: number; address: string; port: number; mark: number; backlog: number }): number {
  return datapathAddon().listenIn(o.netns, o.address, o.port, o.mark, o.backlog);
}

/** As those of pods are entered, to see whether this process may. @returns its cookie. */
export function enterOwnNamespace(): string {
  const netns = openNamespace('/proc/self/ns/net');
  try {
    return namespaceCookie(netns);
  } finally {
    closeFd(netns);
  }
}

export function closeFd(fd: number): void {
  datapathAddon().closeFd(fd);
}

export function cgroupId(path: string): bigint {
  return datapathAddon().cgroupId(path);
}
