/** Puts the normalised path of a request in the place of the one that came; everything after this sees only that. */
import type { Head, HeadLimits } from '../message/head.ts';
import { needsNormalizing, normalizePath, type PathNormalization } from '../message/normalize-path.ts';
import { parseError } from './parse-error.ts';
import { parseRequestHead } from './parser.ts';

export interface HeadRefusal {
  readonly status: number;
  readonly message: string;
}

/** @returns why the request is refused, or null. */
export function normalizeHead(head: Head, limits: HeadLimits, mode: PathNormalization): HeadRefusal | null {
  return needsNormalizing(head, mode) ? normalize(head, limits, mode) : null;
}

function normalize(head: Head, limits: HeadLimits, mode: PathNormalization): HeadRefusal | null {
  const normal = normalizePath(head.path(), mode);
  if ('fault' in normal) return { status: 400, message: 'the path hides a NUL' };
  const { bytes } = head;
  const whole = Buffer.concat([
    bytes.subarray(head.start, head.pathStart),
    Buffer.from(normal.path, 'latin1'),
    bytes.subarray(head.pathEnd, head.end),
  ]);
  const parsed = parseRequestHead(whole, 0, whole.length, head, { ...limits, maxHeadBytes: whole.length });
  return parsed >= 0 ? null : parseError(parsed);
}
