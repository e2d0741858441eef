/** What all HTTP/2 connections of a worker share: the heads under way, valid until the next one of that direction, and the writers. */
import type { DateLine } from '../message/date-line.ts';
import { FieldNumbers } from '../message/field-numbers.ts';
import { Head } from '../message/head.ts';
import type { HeaderNames } from '../message/header-names.ts';
import type { EngineLimits } from '../limits.ts';
import type { Transport } from '../transport.ts';
import { BlockWriter } from './block-writer.ts';
import { FrameWriter } from './frame-writer.ts';
import { HeadLines } from './head-lines.ts';

export class Http2Wire {
  readonly transport: Transport;
  readonly limits: EngineLimits;
  readonly date: DateLine;
  readonly requestHead: Head;
  readonly responseHead: Head;
  readonly numbers = new FieldNumbers();
  readonly lines: HeadLines;
  readonly frames: FrameWriter;
  readonly blocks = new BlockWriter();

  constructor(transport: Transport, limits: EngineLimits, names: HeaderNames, date: DateLine) {
    this.transport = transport;
    this.limits = limits;
    this.date = date;
    this.requestHead = new Head(names, limits.heads);
    this.responseHead = new Head(names, limits.heads);
    this.lines = new HeadLines(names, limits.heads, this.numbers);
    this.frames = new FrameWriter(transport);
  }
}
