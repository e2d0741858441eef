/** The states of an exchange, drawn at the head of exchange.ts. */
export const Life = { Routing: 0, Held: 1, Attempting: 2, BackingOff: 3, Answering: 4, Over: 5 } as const;
export type Life = (typeof Life)[keyof typeof Life];
