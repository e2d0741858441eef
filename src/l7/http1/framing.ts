/** How a message's body is delimited and whether its connection lives on: pure decisions over a parsed head. */
import { Framing, TargetForm, type Head } from '../message/head.ts';

/** RFC 9112 §6.3 for requests: without a length there is no body. */
export function requestFraming(head: Head): Framing {
  if (head.form === TargetForm.Authority) return Framing.None;
  if (head.chunked) return Framing.Chunked;
  return head.contentLength >= 0 ? Framing.Length : Framing.None;
}

/** RFC 9112 §6.3 for responses, in its order. */
export function responseFraming(head: Head, requestWasHead: boolean, requestWasConnect: boolean): Framing {
  const { status } = head;
  if (requestWasHead || status < 200 || status === 204 || status === 304) return Framing.None;
  if (requestWasConnect && status < 300) return Framing.None;
  if (head.chunked) return Framing.Chunked;
  return head.contentLength >= 0 ? Framing.Length : Framing.UntilClose;
}

/** RFC 9112 §9.3. `close` beats `keep-alive`. */
export function persistent(head: Head): boolean {
  if (head.connectionClose) return false;
  return head.minor === 1 || head.connectionKeepAlive;
}
