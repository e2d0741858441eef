/** What both sides of packed data have to agree on. Nothing of it is kept beyond the process or leaves it. */
export const Tag = {
  /** 0 to 127 are these numbers. */
  Null: 128,
  True: 129,
  False: 130,
  Natural: 131,
  Double: 132,
  Text: 133,
  /** With characters beyond Latin-1. */
  WideText: 134,
  /** A text that came before. */
  Same: 135,
  /** A part of one. */
  Part: 136,
  /** One with something before and behind it. */
  Around: 137,
  Word: 138,
  Array: 139,
  Object: 140,
  /** With less than 32 fields or items, which are part of the tag. */
  SmallObject: 192,
  SmallArray: 224,
} as const;

export const SMALL = 127;
export const FEW = 32;
/** Texts that others may be said by. */
export const MOST_KNOWN = 64;

/** Names of fields, and values that stand nearly everywhere: one byte or two each. Anything else is written out. */
export class Vocabulary {
  readonly names: readonly string[];
  readonly words: readonly string[];
  /** By name, one more than its index; 0 stands for a name that is not there. */
  readonly nameNumbers: ReadonlyMap<string, number>;
  readonly wordNumbers: ReadonlyMap<string, number>;

  constructor(names: readonly string[], words: readonly string[]) {
    this.names = names;
    this.words = words;
    this.nameNumbers = new Map(names.map((name, index) => [name, index + 1]));
    this.wordNumbers = new Map(words.map((word, index) => [word, index]));
  }
}
