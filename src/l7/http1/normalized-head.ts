/** Puts the normalised path of a request in the place of the one that came, and a host where there is none; everything after this sees only that. */
import type { Head, HeadLimits } from '../message/head.ts';
import { H } from '../message/header-names.ts';
import { needsNormalizing, normalizePath, type PathNormalization } from '../message/normalize-path.ts';
import type { Address } from '../transport.ts';
import { parseError } from './parse-error.ts';
import { parseRequestHead } from './parser.ts';

export interface HeadRefusal {
  readonly status: number;
  readonly message: string;
}

/**
 * @param local where the client has connected to: what a request without a host is meant for (RFC 9112 §3.3), as HTTP/1.0 allows.
 * @returns why the request is refused, or null.
 */
export function normalizeHead(
  head: Head,
  limits: HeadLimits,
  mode: PathNormalization,
  local: { readonly localAddress: Address } | null,
): HeadRefusal | null {
  if (local !== null && head.minor === 0 && head.authorityEnd === head.authorityStart && !head.has(H.host)) {
    const refusal = addHost(head, limits, local.localAddress);
    if (refusal !== null) return refusal;
  }
  return needsNormalizing(head, mode) ? normalize(head, limits, mode) : null;
}

function normalize(head: Head, limits: HeadLimits, mode: PathNormalization): HeadRefusal | null {
  const normal = normalizePath(head.path(), mode);
  if ('fault' in normal) return { status: 400, message: 'the path hides a NUL' };
  return replace(head, limits, head.pathStart, head.pathEnd, normal.path);
}

/** The request goes on as HTTP/1.1, of which servers want a host, and some of them more than an empty one. */
function addHost(head: Head, limits: HeadLimits, { ip, port }: Address): HeadRefusal | null {
  const host = ip.includes(':') ? `[${ip}]` : ip;
  return replace(head, limits, head.fields, head.fields, `Host: ${host}${port === 80 ? '' : `:${port}`}\r\n`);
}

function replace(head: Head, limits: HeadLimits, from: number, to: number, text: string): HeadRefusal | null {
  const { bytes } = head;
  const whole = Buffer.concat([bytes.subarray(head.start, from), Buffer.from(text, 'latin1'), bytes.subarray(to, head.end)]);
  const parsed = parseRequestHead(whole, 0, whole.length, head, { ...limits, maxHeadBytes: whole.length });
  return parsed >= 0 ? null : parseError(parsed);
}
