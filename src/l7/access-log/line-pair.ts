/**
 * The two lines of a request that one pass serves for both of its sides: the callee's, and after it that of whoever called. They stand in
 * one `Line`, so that they go into the ring in one piece, and what a client says alike in both is compared once.
 *
 *     {"authority":"shop", … "inbound|8080||", … }\n{"authority":"shop", … "outbound|80||web", … }\n
 *     └── `first`, when the attempt is over ──────┘└── `second`, when the exchange is ───────────┘
 */
import type { LogLine } from '../config/telemetry.ts';
import type { ExchangeRecord } from '../record/exchange-record.ts';
import { Ending } from './ending.ts';
import { Line, type LineLayout } from './line.ts';
import { KEPT, LineDraft, Slots } from './line-format.ts';
import type { LogEntry, LogPlace } from './log-entry.ts';
import type { LogNames } from './request-note.ts';

/** Lines of one way to end. */
export interface KeptPair {
  readonly line: Line;
  readonly endings: readonly [Ending, Ending];
  /** Both lines have the notes of one request. */
  isEven: boolean;
  /** Those of the first one have not changed since. */
  isUnchanged: boolean;
}

export class LinePair {
  readonly #layout: LineLayout;
  readonly #first: Slots;
  readonly #second: Slots;
  /** The first slot of the second line, and bytes of this line before it. */
  readonly #border: number;
  readonly #before: number;
  readonly #comparesOnce: boolean;
  readonly #kept: (KeptPair | null)[] = Array.from({ length: KEPT }, () => null);

  private constructor(draft: LineDraft, first: LogLine, second: LogLine) {
    const slots = draft.line(first);
    const middle = draft.literalBytes;
    const others = draft.line(second);
    this.#layout = draft.layout();
    this.#first = new Slots(slots);
    this.#second = new Slots(others);
    this.#border = slots.length;
    this.#before = (this.#layout.literals[slots.length] as Uint8Array).length - middle;
    this.#comparesOnce = this.#first.hasNotesOf(this.#second);
  }

  /** Null: such lines do not go together. */
  static of(first: LogLine, second: LogLine, names: LogNames, place: LogPlace): LinePair | null {
    if (first.kind !== second.kind || !hasValue(first) || !hasValue(second)) return null;
    return new LinePair(new LineDraft(first.kind === 'json', names, place), first, second);
  }

  /** @returns null: it is too long to be one of two. */
  first(entry: LogEntry, record: ExchangeRecord): KeptPair | null {
    const place = Ending.hash(record) & (KEPT - 1);
    const kept = (this.#kept[place] ??= newPair(this.#layout));
    const { line } = kept;
    this.#first.write(line, kept.endings[0], entry, record);
    const { writes } = line;
    this.#first.writeNotes(line, entry);
    kept.isUnchanged = kept.isEven && line.writes === writes;
    kept.isEven = false;
    if (!line.isCut) return kept;
    this.#kept[place] = null;
    return null;
  }

  /** @param kept whose first line has been written. @returns false: the second one is too long to be one of two, and is not written. */
  second(kept: KeptPair, entry: LogEntry, record: ExchangeRecord): boolean {
    const { line } = kept;
    this.#second.write(line, kept.endings[1], entry, record);
    if (!kept.isUnchanged) this.#second.writeNotes(line, entry);
    kept.isEven = this.#comparesOnce;
    if (!line.isCut) return true;
    this.#kept[this.#kept.indexOf(kept)] = null;
    return false;
  }

  /** Bytes of the first line. */
  firstLength({ line }: KeptPair): number {
    return line.startOf(this.#border) - this.#before;
  }
}

function newPair(layout: LineLayout): KeptPair {
  return { line: new Line(layout), endings: [new Ending(), new Ending()], isEven: false, isUnchanged: false };
}

function hasValue(line: LogLine): boolean {
  const parts = line.kind === 'text' ? line.parts : line.fields.flatMap(([, ofField]) => ofField);
  return parts.some((part) => typeof part !== 'string');
}
