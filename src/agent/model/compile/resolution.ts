/** What DNS says of a name. */
export interface Resolution {
  /** In the form in which sockets show them, in the order in which they are preferred. */
  readonly addresses: readonly string[];
  /** Why the last question had no answer; the addresses are those of the last answer. */
  readonly fault: string | null;
}
