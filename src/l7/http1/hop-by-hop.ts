/** Which lines of a head concern one connection only and are not forwarded (RFC 9110 §7.6.1). */
import { lower } from '../message/ascii.ts';
import { equalsIgnoreCase } from './field-lines.ts';
import type { Head } from '../message/head.ts';
import { H, WELL_KNOWN } from '../message/header-names.ts';

const COMMA = 44;
const SP = 32;
const HTAB = 9;

/**
 * Fills `head.hopByHop` with the indices of the lines to leave out, in order, and returns how many there are.
 *
 * Transfer-Encoding is not among them, as a chunked body is forwarded in its chunks. Neither are the proxy's authentication
 * fields: the agent is no proxy that a client knows of.
 *
 * @param keepUpgrade the connection is about to become a tunnel: Upgrade and Connection belong to the other end.
 */
export function markHopByHop(head: Head, keepUpgrade: boolean): number {
  const any =
    head.has(H.connection) || head.has(H['keep-alive']) || head.has(H.upgrade) || head.has(H.te) || head.has(H['proxy-connection']);
  if (!any) return 0;
  let marked = 0;
  for (let i = 0; i < head.count; i++) {
    if (isHopByHop(head, i, keepUpgrade)) head.hopByHop[marked++] = i;
  }
  return marked;
}

function isHopByHop(head: Head, index: number, keepUpgrade: boolean): boolean {
  const id = head.id[index] as number;
  switch (id) {
    case H.connection:
    case H.upgrade:
      return !keepUpgrade;
    case H['keep-alive']:
    case H['proxy-connection']:
      return true;
    case H.te:
      return !equalsIgnoreCase(head.bytes, head.valueStart[index] as number, head.valueEnd[index] as number, 'trailers');
    default:
      // A connection option must not name a field for all recipients (RFC 9110 §7.6.1). Removing Host or X-Forwarded-For in this way is an attack.
      return head.connectionTokens && (id < 0 || id >= WELL_KNOWN.length) && isNamed(head, index);
  }
}

function isNamed(head: Head, index: number): boolean {
  for (let i = head.find(H.connection); i < head.count; i++) {
    if (head.id[i] === H.connection && lists(head, i, index)) return true;
  }
  return false;
}

/** Whether the comma-separated value of header `list` holds the name of header `index`. */
function lists(head: Head, list: number, index: number): boolean {
  const { bytes } = head;
  const end = head.valueEnd[list] as number;
  for (let p = head.valueStart[list] as number; p < end; p++) {
    let stop = p;
    while (stop < end && bytes[stop] !== COMMA) stop++;
    while (p < stop && (bytes[p] === SP || bytes[p] === HTAB)) p++;
    let last = stop;
    while (last > p && (bytes[last - 1] === SP || bytes[last - 1] === HTAB)) last--;
    if (last > p && sameName(head, index, p, last)) return true;
    p = stop;
  }
  return false;
}

function sameName(head: Head, index: number, start: number, end: number): boolean {
  const { bytes } = head;
  const name = head.nameStart[index] as number;
  if ((head.nameEnd[index] as number) - name !== end - start) return false;
  for (let i = 0; i < end - start; i++) if (lower(bytes[name + i] as number) !== lower(bytes[start + i] as number)) return false;
  return true;
}
