/**
 * Numbers for texts of fields (docs/adr/0034-fields-known-by-number.md): whoever writes the same text again and again draws one for it, and
 * encoders of HTTP/2 know the field by it. A number stands for one text for good; a worker draws from one source.
 */

/** The indices of HPACK's static table (RFC 7541 appendix A) are numbers of their own. */
const STATIC = 61;

/** In place of a number: the text is never written again. */
export const ONCE = -2;

export class FieldNumbers {
  #last = STATIC;

  /** @param count how many follow each other. @returns the first. */
  take(count = 1): number {
    const first = this.#last + 1;
    this.#last += count;
    return first;
  }
}
