/** What may be done to headers, and with which names and values. */
import { z } from 'zod';
import { headerValue } from '../header-format.ts';
import { authority } from '../../../l7/message/wire-text.ts';

/** A token (RFC 9110 §5.6.2). */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/i;
const PSEUDO_HEADERS = new Set([':method', ':scheme', ':authority', ':path', ':status']);

export const isAuthority = (name: string): boolean => /^(:authority|host)$/i.test(name);
/** `@request.auth.claims.NAME` or `@request.auth.claims[NAME]`: not a header, but a claim of a checked token. */
export const isClaim = (name: string): boolean => /^@request\.auth\.claims[.[]/.test(name);

export function matchedHeaderFault(name: string): string | null {
  return TOKEN.test(name) || PSEUDO_HEADERS.has(name) || isClaim(name) ? null : 'not the name of a header';
}

function changedHeaderFault(name: string): string | null {
  if (name === '') return 'the name is empty';
  if (name.startsWith(':') || isAuthority(name)) return 'this header cannot be changed';
  return TOKEN.test(name) ? null : 'not the name of a header';
}

/** What is made from the request is not known here, and not served yet. */
function authorityFault(value: string): string | null {
  const literal = value.replaceAll('%%', '');
  const result = literal.includes('%') ? null : authority(value.replaceAll('%%', '%'));
  return result === null || result.ok ? null : result.fault;
}

type Operations = { readonly set?: Values | undefined; readonly add?: Values | undefined; readonly remove?: string[] | undefined };
type Values = Readonly<Record<string, string>>;

function checkOperations(operations: Operations, context: z.core.$RefinementCtx, mayNameAuthority: boolean): void {
  const complain = (path: (string | number)[], message: string | null): void => {
    if (message !== null) context.addIssue({ code: 'custom', path, message });
  };
  for (const field of ['set', 'add'] as const) {
    for (const [name, value] of Object.entries(operations[field] ?? {})) {
      const isHost = mayNameAuthority && isAuthority(name);
      if (!isHost) complain([field, name], changedHeaderFault(name));
      const checked = headerValue(value);
      if (!checked.ok && !checked.unserved) complain([field, name], checked.fault);
      else if (isHost) complain([field, name], authorityFault(value));
    }
  }
  operations.remove?.forEach((name, index) => complain(['remove', index], changedHeaderFault(name)));
}

const values = z.record(z.string(), z.string());
const operations = z.object({ set: values.optional(), add: values.optional(), remove: z.array(z.string()).optional() });

export const headers = z.object({
  request: operations.superRefine((value, context) => checkOperations(value, context, true)).optional(),
  response: operations.superRefine((value, context) => checkOperations(value, context, false)).optional(),
});
