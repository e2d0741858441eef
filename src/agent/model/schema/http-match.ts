/** networking.istio.io HTTPMatchRequest. */
import { z } from 'zod';
import { checkedText, dnsLabel, gatewayNameFault, labelSelector } from './names.ts';
import { port, present, regex, text, unsupported } from './fields.ts';
import { isClaim, matchedHeaderFault } from './header-operations.ts';

const single = (value: object): boolean => Object.keys(value).length <= 1;
const ONLY_ONE = 'only one of exact, prefix and regex may be given';
const match = (prefix: z.ZodString, pattern: z.ZodType<string>) =>
  z
    .object({ exact: present(text).optional(), prefix: present(prefix).optional(), regex: present(pattern).optional() })
    .refine(single, ONLY_ONE);
const prefix = text.min(1, 'the prefix is empty');
const stringMatch = match(prefix, regex);
/** Only here Envoy takes an empty prefix. */
const uriMatch = match(text, regex);
/** Under withoutHeaders a regex `*` means that the header is present, whatever it says. */
const absenceMatch = match(prefix, z.union([z.literal('*'), regex]));
const headerName = checkedText(matchedHeaderFault);

export const matchRequest = z.object({
  name: text.optional(),
  uri: uriMatch.optional(),
  scheme: stringMatch.optional(),
  method: stringMatch.optional(),
  authority: stringMatch.optional(),
  // An empty or null condition: present.
  headers: z.record(headerName, stringMatch.nullable()).optional(),
  withoutHeaders: z.record(headerName, absenceMatch.nullable()).optional(),
  queryParams: z.record(text, stringMatch.nullable()).optional(),
  port: port.optional(),
  sourceLabels: labelSelector.optional(),
  sourceNamespace: dnsLabel.optional(),
  gateways: z.array(checkedText(gatewayNameFault)).optional(),
  ignoreUriCase: z.boolean().optional(),
  statPrefix: unsupported('it names statistics of Envoy; istio_requests_total counts the requests of each service', text),
});

/** Where the conditions of a match name claims of a token. */
export function claimsOf(request: {
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
  readonly withoutHeaders?: Readonly<Record<string, unknown>> | undefined;
}): string[][] {
  const named = (field: 'headers' | 'withoutHeaders'): string[][] =>
    Object.keys(request[field] ?? {})
      .filter(isClaim)
      .map((key) => [field, key]);
  return [...named('headers'), ...named('withoutHeaders')];
}
