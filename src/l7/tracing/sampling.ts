/**
 * Which requests are traced. The context of a request decides where it has a decision; else Envoy's way by x-request-id does: the
 * decision of an earlier hop stands in the id's version digit, and a new draw is made from the id's first digits, so that all hops of a
 * request draw alike (source/extensions/request_id/uuid/config.cc).
 */
import type { Head } from '../message/head.ts';
import { H } from '../message/header-names.ts';
import { digitOf, isHex, readWord } from '../message/hex.ts';

/** What stands in the place of a UUID's version. */
export const TraceDigit = { None: 4, Sampled: 9, Forced: 10, Client: 11 } as const;
export type TraceDigit = (typeof TraceDigit)[keyof typeof TraceDigit];

const UUID_LENGTH = 36;
/** Where the version stands in a UUID's text. */
export const VERSION_AT = 14;
/** Sampling is in hundredths of a percent. */
const SAMPLING_PARTS = 10_000;

/** Index of a request's id that can be read, or -1. */
export function readableId(head: Head): number {
  const index = head.find(H['x-request-id']);
  if (index < 0) return -1;
  const start = head.valueStart[index] as number;
  const whole = (head.valueEnd[index] as number) - start === UUID_LENGTH && isHex(head.bytes, start, start + 8);
  return whole ? index : -1;
}

/** The first 32 bits of the id. */
export function idNumber(head: Head, index: number): number {
  return readWord(head.bytes, head.valueStart[index] as number) >>> 0;
}

/** The decision that an earlier hop has left in the id. */
export function idDigit(head: Head, index: number): TraceDigit {
  const digit = digitOf(head.bytes[(head.valueStart[index] as number) + VERSION_AT] as number);
  return digit === TraceDigit.Sampled || digit === TraceDigit.Forced || digit === TraceDigit.Client ? digit : TraceDigit.None;
}

/** Of a request that no hop has decided about. @param number uniform over 32 bits. @param sampling of SAMPLING_PARTS. */
export function draw(head: Head, number: number, sampling: number): TraceDigit {
  if (head.has(H['x-client-trace-id'])) return TraceDigit.Client;
  if (head.has(H['x-envoy-force-trace'])) return TraceDigit.Forced;
  return number % SAMPLING_PARTS < sampling ? TraceDigit.Sampled : TraceDigit.None;
}
