/** A copy of a text: a slice would keep all of what it was cut from. */
export const flat = (text: string): string => Buffer.from(text, 'utf8').toString('utf8');

/** Longer ones are seldom the same. */
const LONGEST = 64;
const MOST = 50_000;

/** One copy of each short text, for as long as a file is read: names, labels and hosts stand in many objects. */
export class SharedTexts {
  readonly #known = new Map<string, string>();

  share(text: string): string {
    if (text.length > LONGEST) return flat(text);
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const copy = flat(text);
    if (this.#known.size >= MOST) this.#known.clear();
    this.#known.set(copy, copy);
    return copy;
  }

  clear(): void {
    this.#known.clear();
  }
}
