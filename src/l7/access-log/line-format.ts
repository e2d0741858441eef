/**
 * A line's format, compiled once: what each command writes into its slot of the line (line.ts). A command that has nothing to say writes
 * `-`, and null in JSON (Envoy, configuration/observability/access_log/usage).
 *
 * What requests that end alike have in common is looked at once for each of them: route, endpoint, status and so on are compared with those
 * of the line before, and their values stay where they are.
 */
import type { LogCommand, LogLine, LogPart } from '../config/telemetry.ts';
import type { ExchangeRecord } from '../record/exchange-record.ts';
import { Ending } from './ending.ts';
import { Line, type LineLayout } from './line.ts';
import { isNoted, isNumber, isSettled, type Slot, valueOf, writeNotes, writeNumbers, writeValue } from './line-values.ts';
import type { LogEntry, LogPlace } from './log-entry.ts';
import type { LogNames } from './request-note.ts';

/** Lines that are kept, of callers and of callees each: those of as many ways to end. A power of two. */
const KEPT = 16;
const LINE_END = 0x0a;

export class LineFormat {
  readonly #layout: LineLayout;
  readonly #settled: readonly Slot[];
  readonly #numbers: readonly Slot[];
  readonly #notes: readonly Slot[];
  readonly #others: readonly Slot[];
  readonly #kept: readonly (KeptLine | null)[][] = [0, 1].map(() => Array.from({ length: KEPT }, () => null));

  constructor(line: LogLine, names: LogNames, place: LogPlace) {
    const draft = new Draft(line.kind === 'json', names, place);
    if (line.kind === 'text') draft.parts(line.parts);
    else draft.object(line.fields);
    this.#layout = draft.layout();
    this.#settled = draft.slots.filter(({ settled }) => settled);
    const varying = draft.slots.filter(({ settled }) => !settled);
    this.#numbers = varying.filter(({ value }) => isNumber(value));
    this.#notes = varying.filter(({ value }) => isNoted(value));
    this.#others = varying.filter(({ value }) => !isNumber(value) && !isNoted(value));
  }

  /** @returns the line, which is there until the next one. */
  write(entry: LogEntry, record: ExchangeRecord): Line {
    const kept = this.#lineFor(entry, record);
    if (!kept.ending.is(entry, record)) {
      kept.ending.note(entry, record);
      run(this.#settled, kept.line, entry, record);
    }
    this.#vary(kept.line, entry, record);
    return kept.line.isCut ? this.#writeAnew(kept, entry, record) : kept.line;
  }

  /** A line that is too long, from its first value on. */
  #writeAnew(kept: KeptLine, entry: LogEntry, record: ExchangeRecord): Line {
    kept.line = new Line(this.#layout);
    run(this.#settled, kept.line, entry, record);
    this.#vary(kept.line, entry, record);
    return kept.line;
  }

  #vary(line: Line, entry: LogEntry, record: ExchangeRecord): void {
    writeNumbers(this.#numbers, line, entry, record);
    run(this.#others, line, entry, record);
    writeNotes(this.#notes, line, entry.note);
  }

  #lineFor(entry: LogEntry, record: ExchangeRecord): KeptLine {
    const lines = this.#kept[entry.inbound ? 1 : 0] as (KeptLine | null)[];
    const place = Ending.hash(record) & (KEPT - 1);
    return (lines[place] ??= { line: new Line(this.#layout), ending: new Ending() });
  }
}

interface KeptLine {
  line: Line;
  /** Of the request whose line it was. */
  readonly ending: Ending;
}

function run(slots: readonly Slot[], line: Line, entry: LogEntry, record: ExchangeRecord): void {
  for (let i = 0; i < slots.length; i++) {
    const { index, value } = slots[i]!;
    if (!writeValue(value, line, index, entry, record)) line.nothing(index);
  }
}

/** The layout of a line in the making. */
class Draft {
  readonly slots: Slot[] = [];
  readonly #json: boolean;
  readonly #names: LogNames;
  readonly #place: LogPlace;
  readonly #literals: Uint8Array[] = [];
  readonly #quoted: boolean[] = [];
  readonly #typed: boolean[] = [];
  #literal = '';

  constructor(json: boolean, names: LogNames, place: LogPlace) {
    this.#json = json;
    this.#names = names;
    this.#place = place;
  }

  /** @param typed a value that is one command's alone, in JSON. */
  parts(parts: readonly LogPart[], typed = false): void {
    for (const part of parts) {
      if (typeof part !== 'string') this.#slot(part, typed);
      else this.#literal += this.#json ? JSON.stringify(part).slice(1, -1) : part;
    }
  }

  object(fields: readonly (readonly [key: string, parts: readonly LogPart[]])[]): void {
    for (const [index, [key, parts]] of fields.entries()) {
      this.#literal += `${index === 0 ? '{' : ','}${JSON.stringify(key)}:`;
      const typed = parts.length === 1 && typeof parts[0] !== 'string';
      const quote = typed ? '' : '"';
      this.#literal += quote;
      this.parts(parts, typed);
      this.#literal += quote;
    }
    this.#literal += fields.length === 0 ? '{}' : '}';
  }

  layout(): LineLayout {
    const last = Buffer.from(this.#literal);
    // A format of Envoy's ends its line by itself.
    const end = last.at(-1) === LINE_END ? last : Buffer.concat([last, Buffer.of(LINE_END)]);
    return { json: this.#json, literals: [...this.#literals, end], quoted: this.#quoted, typed: this.#typed };
  }

  #slot(command: LogCommand, typed: boolean): void {
    const value = valueOf(command, this.#names, this.#place);
    this.slots.push({ index: this.slots.length, value, settled: isSettled(command) });
    this.#literals.push(Buffer.from(this.#literal));
    this.#literal = '';
    this.#quoted.push(typed && !value.isNumber);
    this.#typed.push(typed);
  }
}
