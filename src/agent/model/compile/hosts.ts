/** Host names as Istio's objects write them: short, full, with `*` for a first part of any length. */

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
  return `${name}.${namespace}.svc.${clusterDomain}`;
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

/** The value of the key that names `host` most narrowly: itself, then the longest wildcard. */
export function mostSpecific<T>(host: string, byPattern: ReadonlyMap<string, T>): T | null {
  const exact = byPattern.get(host);
  if (exact !== undefined) return exact;
  // Every wildcard that can name the host is a `*` before one of its endings.
  for (let start = 1; start <= host.length; start++) {
    const found = byPattern.get(`*${host.slice(start)}`);
    if (found !== undefined) return found;
  }
  return null;
}

/** How a service is called by clients in `clientNamespace`. */
export function serviceDomains(
  service: { readonly name: string; readonly namespace: string; readonly host: string },
  clientNamespace: string,
): string[] {
  const { name, namespace, host } = service;
  const domains = [host, `${name}.${namespace}.svc`, `${name}.${namespace}`];
  return namespace === clientNamespace ? [...domains, name] : domains;
}

/** IP addresses in the form in which sockets show them (RFC 5952). */
export function canonicalAddress(ip: string): string {
  if (!ip.includes(':')) return ip;
  const url = URL.parse(`http://[${ip}]`);
  return url === null ? ip : url.hostname.slice(1, -1);
}

export function socketAddress(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}
