/** Requests that lines tell of, drawn by tests. */
import * as fc from '../../base/fast-check.ts';
import type { LogEntry } from '../../../src/l7/access-log/log-entry.ts';
import { type LogNames, RequestNote } from '../../../src/l7/access-log/request-note.ts';
import { LOG_COMMANDS, type LogLine } from '../../../src/l7/config/telemetry.ts';
import { Head } from '../../../src/l7/message/head.ts';
import { HeaderNames } from '../../../src/l7/message/header-names.ts';
import { OwnText } from '../../../src/l7/message/own-text.ts';
import type { ExchangeRecord } from '../../../src/l7/record/exchange-record.ts';

export const place = { wall: (ticks: number): number => 1_700_000_000_000 + ticks, hostname: 'node-1' };
export const line: LogLine = {
  kind: 'json',
  fields: [
    ...LOG_COMMANDS.map((command) => [command.toLowerCase(), [{ command, names: ['x-request-id'], most: 0 }]] as const),
    ['cut', [{ command: 'UPSTREAM_HOST', names: [], most: 4 }]],
    ['text', ['<', { command: 'UPSTREAM_HOST', names: [], most: 0 }, '>']],
  ],
};

const remotes = [4000, 4001, 40020].map((port) => new OwnText(`10.0.0.2:${port}`));

export const names: LogNames = { request: [], response: [] };

/** @param note of the connection. */
export function noteOf(path: Uint8Array, note = new RequestNote()): RequestNote {
  const head = new Head(new HeaderNames());
  head.bytes = Buffer.concat([Buffer.from('GETshop'), path]);
  [head.methodEnd, head.authorityStart, head.authorityEnd] = [3, 3, 7];
  [head.pathStart, head.pathEnd] = [7, head.bytes.length];
  note.take(head, 'HTTP/1.1', names.request);
  return note;
}

/** Few values, so that lines repeat them, and some that need an escape or are not there. */
export const told = fc.record({
  local: fc.constantFrom('', '10.0.0.1:80', 'a"b', '\u00e9'),
  remote: fc.nat(2),
  path: fc.constantFrom('/', '/a', '/b', '/a"', '/a\\"', '/ü', '/\u0007', `/${'x'.repeat(50)}`, null),
  attempts: fc.nat(2),
  address: fc.constantFrom('', '10.1.0.1', 'fd00::1'),
  port: fc.constantFrom(80, 336),
  status: fc.constantFrom(0, 200, 404),
  bytes: fc.constantFrom(0, 9, 10, 123_456_789, 5_000_000_000),
  at: fc.constantFrom(0, 1, 2.5),
  inbound: fc.boolean(),
});

type Told = typeof told extends fc.Arbitrary<infer T> ? T : never;

export function tell(one: Told, entry: LogEntry, record: ExchangeRecord): void {
  const { local, remote, path, attempts, address, port, status, bytes, at, inbound } = one;
  const note = path === null ? null : noteOf(Buffer.from(path));
  Object.assign(entry, { localText: local, remote: remotes[remote], inbound, note });
  Object.assign(record, { endpointAddress: address, endpointPort: port, status, attempts, startedAt: at, endedAt: at + bytes });
  record.requestBytes = record.responseBytes = bytes;
}
