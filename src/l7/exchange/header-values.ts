/**
 * Headers whose values are made from a request (Envoy's `%…%`): operations with such lines become ones with text only, once for each
 * head that they change. Values of requests see the request as it came; nothing of the upstream is known then.
 */
import { socketText } from '../../base/socket-address.ts';
import type { Head } from '../message/head.ts';
import { H } from '../message/header-names.ts';
import { flagText, type Outcome } from '../message/outcome.ts';
import { fieldLine, latin1Value, wireBytes } from '../message/wire-text.ts';
import { timeText, type TimePattern } from '../message/time-text.ts';
import type { FormattedFact } from '../config/header-operations.ts';
import type { HeaderOps, MadeSegment } from '../runtime/header-ops.ts';
import type { Address } from '../transport.ts';
import { routeName } from '../record/route-name.ts';
import type { ExchangeFacts } from './facts.ts';
import { protocolOf } from './protocol-name.ts';

/** What is known when a head is changed. */
export interface Moment {
  readonly facts: ExchangeFacts;
  /** Null: there is none, or a request is changed. */
  readonly response: Head | null;
  /** Of an answer of our own. */
  readonly outcome: Outcome | null;
  readonly isRequest: boolean;
}

/** What the destination and the route do to this request. */
export function requestOps(facts: ExchangeFacts): HeaderOps | null {
  const ops = facts.destination?.request ?? null;
  return ops === null || ops.made === null ? ops : resolveOps(ops, { facts, response: null, outcome: null, isRequest: true });
}

/** While the request's head is the parsed one. */
export function resolveOps(ops: HeaderOps, moment: Moment): HeaderOps {
  if (ops.made === null) return ops;
  const remove = [...ops.remove];
  const lines: Uint8Array[] = [];
  for (const line of ops.made) {
    if (line instanceof Uint8Array) {
      lines.push(line);
      continue;
    }
    const made = line.segments.map((segment) => text(segment, moment)).join('');
    const value = latin1Value(line.joins && made !== '' ? ownValues(moment, line.replaces) + made : made);
    if (value === null || value === '') continue;
    if (line.replaces >= 0) remove.push(line.replaces);
    lines.push(wireBytes(fieldLine(line.name, value)));
  }
  return { remove, lines: Buffer.concat(lines), hides: ops.hides, made: null };
}

function text(segment: MadeSegment, moment: Moment): string {
  if (typeof segment === 'string') return segment;
  switch (segment.of) {
    case 'request-header':
      return firstOf(segment.names, (name) => requestHeader(moment.facts, name));
    case 'response-header':
      return firstOf(segment.names, (name) => responseHeader(moment, name));
    case 'query':
      return queryValue(moment.facts.head, segment.name);
    case 'start-time':
      return startTime(moment.facts, segment.pattern);
    default:
      return factText(segment.of, moment);
  }
}

function factText(fact: FormattedFact, moment: Moment): string {
  const { facts, outcome, isRequest } = moment;
  const { origin, head } = facts;
  switch (fact) {
    case 'remote':
      return addressText(facts.clientAddress);
    case 'remote-ip':
      return facts.clientIp;
    case 'remote-port':
      return String(facts.clientAddress.port);
    case 'local':
      return addressText(origin.localAddress);
    case 'local-ip':
      return origin.localAddress.ip;
    case 'local-port':
      return String(origin.localAddress.port);
    case 'upstream':
    case 'upstream-ip':
    case 'upstream-port':
      return isRequest ? '' : upstreamText(fact, facts);
    case 'cluster':
      return clusterOf(facts, ';');
    case 'cluster-raw':
      return clusterOf(facts, '');
    case 'route':
      return Buffer.from(routeName(facts.route, origin.kind === 'inbound', facts.fallbackService), 'utf8').toString('latin1');
    case 'protocol':
      return protocolOf(facts);
    case 'path':
      return head.path();
    case 'path-query':
      return pathAndQuery(head);
    case 'attempts':
      return String(isRequest ? 1 : facts.attempt);
    case 'status':
      return String(moment.response?.status ?? 0);
    case 'details':
      return isRequest ? '' : (outcome?.details ?? 'via_upstream');
    case 'flags':
      return flagText((outcome?.flags ?? 0) | facts.retrying.flags | facts.injected);
    case 'hostname':
      return origin.identity.pod;
    case 'bytes-received':
      return String(facts.requestBytes);
    case 'request-id':
      return lineValue(head, H['x-request-id']) || facts.requestId.text();
  }
}

function startTime({ tools, startedAt }: ExchangeFacts, pattern: TimePattern): string {
  return timeText(pattern, tools.wall(startedAt));
}

/** A comma behind each. */
function ownValues({ isRequest, facts, response }: Moment, name: number): string {
  const head = isRequest ? facts.head : response;
  let values = '';
  for (let at = head?.find(name) ?? -1; head !== null && at >= 0 && at < head.count; at++) {
    if (head.id[at] === name) values += `${head.value(at)},`;
  }
  return values;
}

function firstOf(names: readonly (number | string)[], value: (name: number | string) => string): string {
  for (const name of names) {
    const found = value(name);
    if (found !== '') return found;
  }
  return '';
}

function requestHeader({ head, scheme }: ExchangeFacts, name: number | string): string {
  switch (name) {
    case ':method':
      return head.method();
    case ':path':
      return pathAndQuery(head);
    case ':authority':
      return head.authority();
    case ':scheme':
      return scheme;
    default:
      return typeof name === 'number' ? lineValue(head, name) : '';
  }
}

function responseHeader({ response }: Moment, name: number | string): string {
  if (response === null) return '';
  if (name === ':status') return String(response.status);
  return typeof name === 'number' ? lineValue(response, name) : '';
}

function lineValue(head: Head, id: number): string {
  const index = head.find(id);
  return index < 0 ? '' : head.value(index);
}

function pathAndQuery(head: Head): string {
  return head.queryEnd > head.queryStart ? `${head.path()}?${latin1(head, head.queryStart, head.queryEnd)}` : head.path();
}

/** Names and values are compared and given decoded; `+` is no space (Envoy's PercentEncoding::urlDecode). */
function queryValue(head: Head, name: Uint8Array): string {
  const wanted = Buffer.from(name).toString('latin1');
  for (const parameter of latin1(head, head.queryStart, head.queryEnd).split('&')) {
    const equals = parameter.indexOf('=');
    if (percentDecoded(equals < 0 ? parameter : parameter.slice(0, equals)) !== wanted) continue;
    return equals < 0 ? '' : percentDecoded(parameter.slice(equals + 1));
  }
  return '';
}

function percentDecoded(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

function upstreamText(fact: 'upstream' | 'upstream-ip' | 'upstream-port', { attempted }: ExchangeFacts): string {
  if (attempted === null) return '';
  const { address, port } = attempted.endpoint.config;
  if (fact === 'upstream-ip') return address;
  return fact === 'upstream-port' ? String(port) : addressText({ ip: address, port });
}

function clusterOf({ destination }: ExchangeFacts, suffix: string): string {
  const name = destination?.slot.cluster?.config.name;
  return name === undefined ? '' : name + suffix;
}

const addressText = ({ ip, port }: Address): string => socketText(ip, port);
const latin1 = ({ bytes }: Head, start: number, end: number): string => Buffer.from(bytes.subarray(start, end)).toString('latin1');
