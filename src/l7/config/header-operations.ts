/** Changes of a head that users write. */
import type { WireText } from '../message/wire-text.ts';

/** Within one level: remove, then set, then add. Values are literal (formatters have been refused or resolved). */
export interface HeaderOperations {
  readonly set?: readonly HeaderLine[];
  /** Several values of one name become several lines. */
  readonly add?: readonly HeaderLine[];
  /** In lower case. */
  readonly remove?: readonly string[];
}

export type HeaderLine = readonly [name: WireText, value: WireText];
