/** networking.istio.io CorsPolicy. */
import { z } from 'zod';
import { present, regex, text, wholeSeconds } from './fields.ts';
import { TOKEN } from './header-operations.ts';
import { checkedText } from './names.ts';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', '*']);

const something = text.min(1, 'is empty');
const origin = z
  .object({ exact: present(something).optional(), prefix: present(something).optional(), regex: present(regex).optional() })
  .refine((value) => Object.keys(value).length === 1, 'one of exact, prefix and regex is needed');
const headerNames = z.array(checkedText((name) => (name === '*' || TOKEN.test(name) ? null : 'not the name of a header')));

export const corsPolicy = z.object({
  allowOrigins: z.array(origin).optional(),
  // Before allowOrigins, and only without it.
  allowOrigin: z.array(text).optional(),
  allowMethods: z.array(checkedText((method) => (METHODS.has(method) ? null : `“${method}” is no method of HTTP`))).optional(),
  allowHeaders: headerNames.optional(),
  exposeHeaders: headerNames.optional(),
  maxAge: wholeSeconds.optional(),
  allowCredentials: present(z.boolean()).optional(),
  unmatchedPreflights: z.enum(['UNSPECIFIED', 'FORWARD', 'IGNORE']).optional(),
});
