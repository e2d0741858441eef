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
export const KEPT = 16;
const LINE_END = '\n';

/** The slots of a line, by how they are written. */
export class Slots {
  readonly #settled: readonly Slot[];
  readonly #numbers: readonly Slot[];
  readonly #notes: readonly Slot[];
  readonly #others: readonly Slot[];

  constructor(slots: readonly Slot[]) {
    this.#settled = slots.filter(({ settled }) => settled);
    const varying = slots.filter(({ settled }) => !settled);
    this.#numbers = varying.filter(({ value }) => isNumber(value));
    this.#notes = varying.filter(({ value }) => isNoted(value));
    this.#others = varying.filter(({ value }) => !isNumber(value) && !isNoted(value));
  }

  /** All that is not a note. */
  write(line: Line, ending: Ending, entry: LogEntry, record: ExchangeRecord): void {
    if (!ending.is(entry, record)) {
      ending.note(entry, record);
      this.settle(line, entry, record);
    }
    writeNumbers(this.#numbers, line, entry, record);
    run(this.#others, line, entry, record);
  }

  /** What requests with one ending have in common. */
  settle(line: Line, entry: LogEntry, record: ExchangeRecord): void {
    run(this.#settled, line, entry, record);
  }

  writeNotes(line: Line, { note }: LogEntry): void {
    writeNotes(this.#notes, line, note);
  }

  /** Whether the notes of the other line are among these. */
  hasNotesOf(other: Slots): boolean {
    return other.#notes.every(({ value: { span, otherSpan } }) =>
      this.#notes.some(({ value }) => value.span === span && value.otherSpan === otherSpan),
    );
  }
}

export class LineFormat {
  readonly #layout: LineLayout;
  readonly #slots: Slots;
  readonly #kept: readonly (KeptLine | null)[][] = [0, 1].map(() => Array.from({ length: KEPT }, () => null));

  constructor(line: LogLine, names: LogNames, place: LogPlace) {
    const draft = new LineDraft(line.kind === 'json', names, place);
    this.#slots = new Slots(draft.line(line));
    this.#layout = draft.layout();
  }

  /** @returns the line, which is there until the next one. */
  write(entry: LogEntry, record: ExchangeRecord): Line {
    const kept = this.#lineFor(entry, record);
    this.#write(kept, entry, record);
    if (!kept.line.isCut) return kept.line;
    // A line that is too long, from its first value on.
    kept.line = new Line(this.#layout);
    this.#slots.settle(kept.line, entry, record);
    this.#write(kept, entry, record);
    return kept.line;
  }

  #write({ line, ending }: KeptLine, entry: LogEntry, record: ExchangeRecord): void {
    this.#slots.write(line, ending, entry, record);
    this.#slots.writeNotes(line, entry);
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

/** The layout of a line in the making, or of several. */
export class LineDraft {
  #slots: Slot[] = [];
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

  /** Another line. @returns its slots. */
  line(line: LogLine): readonly Slot[] {
    const first = this.#slots.length;
    if (line.kind === 'text') this.#parts(line.parts);
    else this.#object(line.fields);
    // A format of Envoy's ends its line by itself.
    if (!this.#literal.endsWith(LINE_END)) this.#literal += LINE_END;
    return this.#slots.slice(first);
  }

  /** Bytes between the slot before and what comes next. */
  get literalBytes(): number {
    return Buffer.byteLength(this.#literal);
  }

  /** @param typed a value that is one command's alone, in JSON. */
  #parts(parts: readonly LogPart[], typed = false): void {
    for (const part of parts) {
      if (typeof part !== 'string') this.#slot(part, typed);
      else this.#literal += this.#json ? JSON.stringify(part).slice(1, -1) : part;
    }
  }

  #object(fields: readonly (readonly [key: string, parts: readonly LogPart[]])[]): void {
    for (const [index, [key, parts]] of fields.entries()) {
      this.#literal += `${index === 0 ? '{' : ','}${JSON.stringify(key)}:`;
      const typed = parts.length === 1 && typeof parts[0] !== 'string';
      const quote = typed ? '' : '"';
      this.#literal += quote;
      this.#parts(parts, typed);
      this.#literal += quote;
    }
    this.#literal += fields.length === 0 ? '{}' : '}';
  }

  layout(): LineLayout {
    return { json: this.#json, literals: [...this.#literals, Buffer.from(this.#literal)], quoted: this.#quoted, typed: this.#typed };
  }

  #slot(command: LogCommand, typed: boolean): void {
    const value = valueOf(command, this.#names, this.#place);
    this.#slots.push({ index: this.#slots.length, value, settled: isSettled(command) });
    this.#literals.push(Buffer.from(this.#literal));
    this.#literal = '';
    this.#quoted.push(typed && !value.isNumber);
    this.#typed.push(typed);
  }
}
