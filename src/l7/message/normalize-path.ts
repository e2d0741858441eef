/**
 * Path normalisation as Envoy does it for each of Istio's modes (pathNormalization), so that a rule for `/admin` cannot be passed by
 * with `/x/../admin` or `/%61dmin`. What was normalised is also what is forwarded: the server sees what was matched.
 *
 *     decode   escaped slashes of both kinds become slashes (path_with_escaped_slashes_action)
 *     base     as URLs are read by browsers (googleurl, which Envoy's normalize_path uses): a backslash is a slash; escapes of unreserved
 *              characters are decoded and others kept as written (RFC 3986 §6.2.2.2); what may not stand in a path is escaped; dot
 *              segments are removed (§5.2.4), with whatever follows their first semicolon
 *     merge    slashes in a row become one (merge_slashes), and those of the empty path stay
 *
 * The steps run in this order; `merge` has base before it, and `decode` has all three. The recorded answers of test/conformance/istio
 * (mesh-path-*) are the definition.
 */
import type { Head } from './head.ts';

/** How paths are normalised before anything looks at them. */
export type PathNormalization = 'none' | 'base' | 'merge' | 'decode';

const SLASH = 0x2f;
/** What normalisation could change by itself, and what it could change after a slash. */
const SUSPECT = 1;
const AFTER_SLASH = 2;
const SUSPECTS = (() => {
  const table = new Uint8Array(256);
  for (const character of '%\\"<>^`{|}') table[character.charCodeAt(0)] = SUSPECT;
  for (const character of './') table[character.charCodeAt(0)] = AFTER_SLASH;
  return table;
})();

/** Whether the path has anything that normalisation could change. Cheap: most paths have not. */
export function needsNormalizing(head: Head, mode: PathNormalization): boolean {
  if (mode === 'none') return false;
  const { bytes, pathEnd } = head;
  for (let at = head.pathStart; at < pathEnd; at++) {
    const kind = SUSPECTS[bytes[at] as number] as number;
    if (kind === 0) continue;
    if (kind === SUSPECT || (at > head.pathStart && bytes[at - 1] === SLASH)) return true;
  }
  return false;
}

/** Why a path cannot be normalised: it hides a NUL. */
export type PathFault = 'escaped-nul';

export function normalizePath(path: string, mode: PathNormalization): { readonly path: string } | { readonly fault: PathFault } {
  if (mode === 'none') return { path };
  if (/%00/.test(path)) return { fault: 'escaped-nul' };
  const base = removeDotSegments(canonical(mode === 'decode' ? path.replace(/%2f/gi, '/').replace(/%5c/gi, '\\') : path));
  return { path: mode === 'base' ? base : mergeSlashes(base) };
}

function canonical(path: string): string {
  return path
    .replaceAll('\\', '/')
    .replace(/%([0-9a-f]{2})/gi, (escape, hex: string) => {
      const character = String.fromCharCode(Number.parseInt(hex, 16));
      return /[A-Za-z0-9\-._~]/.test(character) ? character : escape;
    })
    .replace(/["<>^`{|}]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

function removeDotSegments(path: string): string {
  if (!path.includes('/.')) return path;
  const kept: string[] = [];
  const segments = path.slice(1).split('/');
  segments.forEach((segment, index) => {
    const last = index === segments.length - 1;
    const dots = /^(\.\.?)(;.*)?$/.exec(segment)?.[1];
    if (dots === '..') kept.pop();
    if (dots === undefined) kept.push(segment);
    else if (last) kept.push('');
  });
  return `/${kept.join('/')}`;
}

function mergeSlashes(path: string): string {
  if (!path.includes('//')) return path;
  const segments = path.split('/').filter((segment) => segment !== '');
  return `/${segments.join('/')}${path.endsWith('/') ? '/' : ''}`;
}
