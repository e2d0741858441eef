/** CorsPolicy: which origins are let in, and what is said to them. */
import { checkedText, fieldValue, NOTHING, type WireText } from '../../../l7/message/wire-text.ts';
import type { CorsConfig, StringMatch } from '../../../l7/config/route.ts';
import type { CorsPolicy } from '../objects.ts';
import { seconds } from './durations.ts';
import { stringMatch } from './matches.ts';

export function corsConfig(policy: CorsPolicy | undefined): CorsConfig | undefined {
  if (policy === undefined) return undefined;
  const { allowMethods, allowHeaders, exposeHeaders, maxAge, allowCredentials, unmatchedPreflights } = policy;
  return {
    allowOrigins: originsOf(policy),
    allowMethods: listed(allowMethods),
    allowHeaders: listed(allowHeaders),
    exposeHeaders: listed(exposeHeaders),
    maxAge: maxAge === undefined ? NOTHING : text(String(seconds(maxAge))),
    allowCredentials: allowCredentials === true,
    forwardUnmatched: unmatchedPreflights !== 'IGNORE',
  };
}

function originsOf({ allowOrigins, allowOrigin = [] }: CorsPolicy): StringMatch[] {
  if (allowOrigins === undefined) return allowOrigin.map((value) => ({ kind: 'exact', value }));
  return allowOrigins.flatMap((origin) => stringMatch(origin) ?? []);
}

/** Names of methods and headers, which the schema has checked. */
function listed(names: readonly string[] = []): WireText {
  return text(names.join(','));
}

const text = (value: string): WireText => checkedText(fieldValue(value));
