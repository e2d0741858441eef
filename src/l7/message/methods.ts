import type { Head } from './head.ts';

/** Whether the request's method is that one; methods are case-sensitive (RFC 9110 §9.1). */
export function isMethod(head: Head, method: string): boolean {
  if (head.methodEnd - head.methodStart !== method.length) return false;
  for (let i = 0; i < method.length; i++) if (head.bytes[head.methodStart + i] !== method.charCodeAt(i)) return false;
  return true;
}

const IDEMPOTENT = ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'];

/** RFC 9110 §9.2.2: a request that may be sent again when nobody knows whether it was carried out. */
export function isIdempotent(head: Head): boolean {
  for (const method of IDEMPOTENT) if (isMethod(head, method)) return true;
  return false;
}

const WITHOUT_CONTENT = ['GET', 'HEAD', 'DELETE', 'CONNECT', 'TRACE'];

/** A server expects to be told that there is no content (RFC 9110 §8.6); the others are those of Envoy's HeaderUtility::requestShouldHaveNoBody. */
export function mayHaveContent(head: Head): boolean {
  for (const method of WITHOUT_CONTENT) if (isMethod(head, method)) return false;
  return true;
}
