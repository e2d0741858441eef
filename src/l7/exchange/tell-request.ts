/** Makes of an exchange that is over what a person is told of it. Only for those that somebody wants to see. */
import { socketText } from '../../base/socket-address.ts';
import type { Identity } from '../config/identity.ts';
import { flagText } from '../message/outcome.ts';
import type { ExchangeRecord } from '../record/exchange-record.ts';
import { routeName } from '../record/route-name.ts';
import { podOf } from '../tap/request-tap.ts';
import type { ToldPeer, ToldRequest } from '../tap/told-request.ts';
import type { Exchange } from './exchange.ts';

const LONGEST = 1024;
const NOT_GRPC = -2;

/** @param record of that exchange. */
export function tellRequest(exchange: Exchange, record: ExchangeRecord): ToldRequest {
  const { origin, down, trace, requestId, tools } = exchange;
  const { ip, port } = origin.localAddress;
  const head = readHead(exchange.keptHead);
  const since = (at: number): number | null => (at === 0 ? null : at - record.startedAt);
  return {
    at: tools.wall(record.startedAt),
    side: origin.kind,
    source: peerOf(record.caller),
    destination: peerOf(record.callee),
    client: exchange.clientIp,
    target: socketText(ip, port),
    ...{ method: head.method, authority: head.authority, path: head.path },
    protocol: down.isHttp2 ? 'HTTP/2' : head.version,
    service: record.service?.host ?? record.fallbackService,
    route: routeName(record.route, origin.kind === 'inbound', record.fallbackService),
    cluster: record.cluster?.name ?? '',
    endpoint: record.endpointAddress === '' ? '' : socketText(record.endpointAddress, record.endpointPort),
    attempts: record.attempts,
    tried: (exchange.retrying.tried?.avoided ?? []).map((endpoint) => socketText(endpoint.address, endpoint.port)),
    status: record.status,
    grpcStatus: record.grpcStatus === NOT_GRPC ? null : record.grpcStatus,
    flags: flagText(record.flags),
    details: record.outcome.details,
    requestBytes: record.requestBytes,
    responseBytes: record.responseBytes,
    sentAfterMs: since(record.sentAt),
    answeredAfterMs: since(record.answeredAt),
    durationMs: record.endedAt - record.startedAt,
    requestId: origin.kind === 'gateway' || head.requestId === '' ? requestId.text() : head.requestId,
    traceId: trace === null || trace.policy === null ? '' : trace.context.traceId,
  };
}

function peerOf(identity: Identity): ToldPeer {
  const { namespace, workload, canonicalService, canonicalRevision } = identity;
  return { pod: podOf(identity), namespace, workload, service: canonicalService, version: canonicalRevision };
}

interface ToldHead {
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly version: string;
  readonly requestId: string;
}

/** The kept head is text of HTTP/1, whatever wire it came by, and has been parsed once: it is well formed. */
function readHead({ bytes, start, length }: Exchange['keptHead']): ToldHead {
  const text = bytes === null ? '' : Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString('latin1');
  const [, method = '', target = '', version = ''] = /^(\S+) (\S+) (HTTP\/1\.\d)/.exec(text) ?? [];
  const [, authority, path] = /^[a-z]+:\/\/([^/?]*)(.*)$/i.exec(target) ?? [];
  return {
    method,
    version,
    authority: (authority ?? valueOf(text, 'host')).slice(0, LONGEST),
    path: (path ?? target).slice(0, LONGEST),
    requestId: valueOf(text, 'x-request-id').slice(0, LONGEST),
  };
}

function valueOf(head: string, name: string): string {
  return new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*\\r?$`, 'im').exec(head)?.[1] ?? '';
}
