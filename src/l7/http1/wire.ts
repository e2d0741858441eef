/** What all HTTP/1 connections of a worker share: parsed heads, valid until the next one of that direction, and the writers. */
import type { ArenaText } from '../message/arena-text.ts';
import type { DateLine } from '../message/date-line.ts';
import { Head } from '../message/head.ts';
import type { HeaderNames } from '../message/header-names.ts';
import type { EngineLimits } from '../limits.ts';
import type { Transport } from '../transport.ts';
import { BodyWriter } from './body-writer.ts';
import { HeadWriter } from './head-writer.ts';

export class Http1Wire {
  readonly transport: Transport;
  readonly limits: EngineLimits;
  readonly date: DateLine;
  readonly requestHead: Head;
  readonly responseHead: Head;
  readonly heads: HeadWriter;
  readonly bodies: BodyWriter;

  constructor(transport: Transport, limits: EngineLimits, names: HeaderNames, text: ArenaText, date: DateLine) {
    this.transport = transport;
    this.limits = limits;
    this.date = date;
    this.requestHead = new Head(names, limits.heads);
    this.responseHead = new Head(names, limits.heads);
    this.heads = new HeadWriter(transport, text);
    this.bodies = new BodyWriter(transport, text);
  }
}
