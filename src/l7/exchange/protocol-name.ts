/** The protocol of a request, as logs and traces name it. */
import type { Head } from '../message/head.ts';

export function protocolOf({ head, down }: { readonly head: Head; readonly down: { readonly isHttp2: boolean } }): string {
  if (down.isHttp2) return 'HTTP/2';
  return head.minor === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
}
