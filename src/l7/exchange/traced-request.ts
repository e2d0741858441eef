/** What spans say of a request: taken when it comes, because its head does not live until they end. */
import type { TracingConfig } from '../config/telemetry.ts';
import type { Head } from '../message/head.ts';
import { H } from '../message/header-names.ts';
import { readableId } from '../tracing/sampling.ts';
import type { SpanLine } from '../tracing/span-line.ts';
import type { SpanLog } from '../tracing/span-log.ts';
import { TAG } from '../tracing/standard-tags.ts';
import { protocolOf } from './protocol-name.ts';
import type { RequestId } from './request-id.ts';

const NOTHING = new Uint8Array(0);
const NOT_THERE = '-';

/** A request that has just come. */
export interface IncomingRequest {
  readonly head: Head;
  readonly requestId: RequestId;
  readonly down: { readonly isHttp2: boolean; peerIp(): string };
  readonly origin: { readonly kind: 'outbound' | 'inbound' | 'gateway' };
}

export interface TracedRequest {
  readonly policy: TracingConfig;
  /** The first tags of its spans with their values, from the very first one on. */
  readonly tags: Uint8Array;
  /** The same of the headers that the policy names. */
  readonly headerTags: Uint8Array;
}

/** @param spans its line is written over. */
export function tracedRequest(incoming: IncomingRequest, policy: TracingConfig, spans: SpanLog): TracedRequest {
  const { line } = spans;
  line.clear();
  writeTags(line, incoming, policy.maxPathLength);
  const tags = line.taken();
  if (policy.headerTags.length === 0) return { policy, tags, headerTags: NOTHING };
  line.clear();
  writeHeaderTags(line, incoming.head, policy, spans);
  return { policy, tags, headerTags: line.taken() };
}

function writeTags(line: SpanLine, { head, down, requestId }: IncomingRequest, maxPathLength: number): void {
  line.raw(TAG['component']);
  line.text('proxy');
  line.raw(TAG['guid:x-request-id']);
  const id = readableId(head);
  if (id < 0) line.text(requestId.text());
  else writeValue(line, head, id);
  line.raw(TAG['http.url']);
  line.text('http://');
  line.latin1(head.bytes, head.authorityStart, head.authorityEnd);
  writePath(line, head, maxPathLength);
  line.raw(TAG['http.method']);
  line.latin1(head.bytes, head.methodStart, head.methodEnd);
  line.raw(TAG['http.protocol']);
  line.text(protocolOf({ head, down }));
  line.raw(TAG['downstream_cluster']);
  line.text(NOT_THERE);
  line.raw(TAG['user_agent']);
  const agent = head.find(H['user-agent']);
  if (agent < 0) line.text(NOT_THERE);
  else writeValue(line, head, agent);
  line.raw(TAG['peer.address']);
  line.text(down.peerIp());
}

/** With the query. @param most bytes of both. */
function writePath(line: SpanLine, { bytes, pathStart, pathEnd, queryStart, queryEnd }: Head, most: number): void {
  const path = pathEnd > pathStart ? Math.min(most, pathEnd - pathStart) : Math.min(most, 1);
  if (pathEnd > pathStart) line.latin1(bytes, pathStart, pathStart + path);
  else if (path > 0) line.text('/');
  // The mark of the query stands before it.
  if (queryEnd > queryStart && most > path) line.latin1(bytes, queryStart - 1, Math.min(queryEnd, queryStart - 1 + most - path));
}

function writeHeaderTags(line: SpanLine, head: Head, policy: TracingConfig, spans: SpanLog): void {
  for (const { header, byDefault, start } of spans.customTags(policy).headers) {
    const index = head.findNamed(header);
    const isEmpty = index < 0 ? byDefault === '' : head.valueEnd[index] === head.valueStart[index];
    if (isEmpty) continue;
    line.raw(start);
    if (index < 0) line.text(byDefault);
    else writeValue(line, head, index);
  }
}

function writeValue(line: SpanLine, head: Head, index: number): void {
  line.latin1(head.bytes, head.valueStart[index] as number, head.valueEnd[index] as number);
}
