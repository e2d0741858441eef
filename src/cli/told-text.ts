/** A request in one line. */
import type { ToldPeer, ToldRequest } from '../l7/tap/told-request.ts';

export function toldText(told: ToldRequest): string {
  const { method, authority, path, status, grpcStatus, attempts, flags, durationMs, endpoint } = told;
  const outcome = `${status === 0 ? 'none' : status}${grpcStatus === null ? '' : ` grpc ${grpcStatus}`}${flags === '-' ? '' : ` ${flags} ${told.details}`}`;
  const parts = [
    new Date(told.at).toISOString().slice(11, 23),
    outcome,
    `${Math.round(durationMs)}ms`,
    `${peerText(told.source, told.client)} -> ${peerText(told.destination, endpoint)}`,
    `${method} ${authority}${path}`,
    ...(told.route === '' ? [] : [`route ${told.route}`]),
    ...(attempts > 1 ? [`${attempts} attempts`] : []),
    ...(told.traceId === '' ? [] : [`trace ${told.traceId}`]),
  ];
  return `${parts.map(printable).join('  ')}\n`;
}

function peerText({ pod, workload }: ToldPeer, address: string): string {
  if (pod !== 'unknown') return pod;
  return workload !== 'unknown' ? workload : address === '' ? 'nobody' : address;
}

/** What clients send must not move the cursor of a terminal. */
function printable(text: string): string {
  return Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x20 || (code >= 0x7f && code < 0xa0) ? `\\x${code.toString(16).padStart(2, '0')}` : character;
  }).join('');
}
