/** Host names as Istio's objects write them: short, full, with `*` for a first part of any length. */
import { isIP } from 'node:net';

export function isWildcard(host: string): boolean {
  return host.startsWith('*');
}

/** A name without a dot belongs to the namespace of the object that names it; everything else is complete. */
export function fullName(host: string, namespace: string, clusterDomain: string): string {
  const lower = host.toLowerCase();
  return lower === '' || isWildcard(lower) || lower.includes('.') || lower.includes(':')
    ? lower
    : serviceHost(lower, namespace, clusterDomain);
}

export function serviceHost(name: string, namespace: string, clusterDomain: string): string {
  // Joined, so that it is no chain of its parts.
  return [name, namespace, 'svc', clusterDomain].join('.');
}

/** Whether all that `host` names is named by `pattern` too; both may be wildcards. `*.a.com` has `x.a.com`, not `a.com`. */
export function covers(pattern: string, host: string): boolean {
  return isWildcard(pattern) ? host.endsWith(pattern.slice(1)) : pattern === host;
}

/** What both name: of each pair that overlaps the narrower one. */
export function intersect(a: readonly string[], b: readonly string[]): string[] {
  const both = new Set<string>();
  for (const one of a) {
    for (const other of b) {
      if (covers(other, one)) both.add(one);
      else if (covers(one, other)) both.add(other);
    }
  }
  return [...both];
}

/** How a host is called. */
export interface HostNames {
  /** From any namespace. */
  readonly everywhere: readonly string[];
  /** By clients of its own namespace besides; null: it is of none. */
  readonly local: { readonly namespace: string; readonly domains: readonly string[] } | null;
}

/** What is in the domain of the cluster's services has short names, whoever gives the host. */
export function hostNames(host: string, clusterDomain: string): HostNames {
  const [name = '', ...rest] = host.split('.');
  const below = rest.join('.');
  const suffix = `.svc.${clusterDomain}`;
  if (isWildcard(name) || !below.endsWith(suffix)) return { everywhere: [host], local: null };
  const namespace = below.slice(0, -suffix.length);
  return { everywhere: [host, `${name}.${namespace}.svc`, `${name}.${namespace}`], local: { namespace, domains: [name] } };
}

/** An IP address in the form in which sockets show it (RFC 5952, and IPv4 for what is mapped into IPv6); null: it is none. */
export function socketForm(ip: string): string | null {
  const family = isIP(ip);
  if (family !== 6) return family === 4 ? ip : null;
  // Sockets show scopes by themselves; an address with a zone is none that others can reach.
  const form = URL.parse(`http://[${ip}]`)?.hostname.slice(1, -1);
  if (form === undefined) return null;
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(form);
  return mapped === null ? form : mappedIPv4(mapped[1] as string, mapped[2] as string);
}

function mappedIPv4(high: string, low: string): string {
  const bits = [high, low].map((word) => Number.parseInt(word, 16));
  return bits.flatMap((word) => [word >> 8, word & 255]).join('.');
}

/** Of an address or a range. */
export function socketAddress(ip: string, port: number): string {
  return [ip.includes(':') && !ip.includes('/') ? `[${ip}]` : ip, port].join(':');
}
