import type { Transport } from '../transport.ts';

/** What becomes of an exception that nobody asks for: it leaves the turn. */
export const rethrow: Transport['onFault'] = (error) => {
  throw error;
};
