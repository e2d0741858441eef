/**
 * Path normalisation as Istio's default (pathNormalization BASE) has it, so that a rule for `/admin` cannot be passed by with
 * `/x/../admin` or `/%61dmin`: escapes of unreserved characters are decoded (RFC 3986 §6.2.2.2), dot segments removed (§5.2.4),
 * a backslash is escaped. Repeated slashes stay. What was normalised is also what is forwarded: the server sees what was matched.
 */
import type { Head } from './head.ts';

const PERCENT = 0x25;
const DOT = 0x2e;
const SLASH = 0x2f;
const BACKSLASH = 0x5c;

/** Whether the path has anything that normalisation could change. Cheap: most paths have not. */
export function needsNormalizing(head: Head): boolean {
  const { bytes, pathEnd } = head;
  for (let at = head.pathStart; at < pathEnd; at++) {
    const byte = bytes[at] as number;
    if (byte === PERCENT || byte === BACKSLASH) return true;
    if (byte === DOT && bytes[at - 1] === SLASH) return true;
  }
  return false;
}

/** Why a path cannot be normalised: it hides a NUL. */
export type PathFault = 'escaped-nul';

export function normalizePath(path: string): { readonly path: string } | { readonly fault: PathFault } {
  if (/%00/.test(path)) return { fault: 'escaped-nul' };
  const decoded = path
    .replace(/%([0-9a-f]{2})/gi, (escape, hex: string) => {
      const character = String.fromCharCode(Number.parseInt(hex, 16));
      return /[A-Za-z0-9\-._~]/.test(character) ? character : escape;
    })
    .replaceAll('\\', '%5C');
  return { path: removeDotSegments(decoded) };
}

function removeDotSegments(path: string): string {
  if (!path.includes('/.')) return path;
  const kept: string[] = [];
  const segments = path.slice(1).split('/');
  segments.forEach((segment, index) => {
    const last = index === segments.length - 1;
    if (segment === '..') kept.pop();
    if (segment !== '.' && segment !== '..') kept.push(segment);
    else if (last) kept.push('');
  });
  return `/${kept.join('/')}`;
}
