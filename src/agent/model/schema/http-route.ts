/** networking.istio.io HTTPRoute, with the rules of Istio's own validation. */
import { z } from 'zod';
import { compileRegex, substitutionFault } from '../../../base/regex.ts';
import { authority, locationPath, requestTarget } from '../../../l7/message/wire-text.ts';
import { type Fault, int32, judged, percent, port, positiveDuration, present, regex, text, wireText } from './fields.ts';
import { corsPolicy } from './cors.ts';
import { directResponse } from './direct-response.ts';
import { faultInjection } from './fault-injection.ts';
import { headers, isAuthority } from './header-operations.ts';
import { matchRequest } from './http-match.ts';
import { checkedText, dnsLabel, domainFault } from './names.ts';
import { retries } from './retries.ts';

const host = checkedText((name) => (name === '*' ? 'the host * is not allowed' : domainFault(name)));
export const destination = z.object({
  host,
  subset: dnsLabel.optional(),
  port: z.object({ number: port }).optional(),
});
const redirect = z
  .object({
    uri: wireText(locationPath).optional(),
    prefixRewrite: wireText(requestTarget).optional(),
    authority: wireText(authority).optional(),
    port: present(port).optional(),
    derivePort: z.enum(['FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT']).optional(),
    scheme: z.enum(['http', 'https']).optional(),
    redirectCode: z.number().int().min(300).max(399).optional(),
  })
  .superRefine((value, context) => {
    const complain = (message: string): void => context.addIssue({ code: 'custom', message });
    if (value.uri !== undefined && value.prefixRewrite !== undefined) complain('uri and prefixRewrite exclude each other');
    if (value.port !== undefined && value.derivePort !== undefined) complain('port and derivePort exclude each other');
    const { redirectCode: _, ...given } = value;
    if (Object.keys(given).length === 0) complain('one of uri, prefixRewrite, authority, scheme and port is needed');
  });
const rewrite = z
  .object({
    uri: wireText(requestTarget).optional(),
    authority: wireText(authority).optional(),
    uriRegexRewrite: z
      .object({ match: regex, rewrite: text.min(1) })
      .superRefine(checkSubstitution)
      .optional(),
  })
  .superRefine((value, context) => {
    const complain = (message: string): void => context.addIssue({ code: 'custom', message });
    if (value.uri !== undefined && value.uriRegexRewrite !== undefined) complain('uri and uriRegexRewrite exclude each other');
    if (Object.keys(value).length === 0) complain('one of uri, uriRegexRewrite and authority is needed');
  });
const weighted = z.object({ destination, weight: int32.min(0).optional(), headers: headers.optional() });

const mirrorPercent = present(z.number().int().min(0).max(100));

const httpRoute = z
  .object({
    name: text.optional(),
    match: z.array(matchRequest).optional(),
    route: z.array(weighted).optional(),
    redirect: redirect.optional(),
    directResponse: directResponse.optional(),
    delegate: z.object({ name: text.optional(), namespace: text.optional() }).optional(),
    rewrite: rewrite.optional(),
    timeout: positiveDuration.optional(),
    retries: retries.optional(),
    fault: faultInjection.optional(),
    mirror: destination.optional(),
    mirrors: z.array(z.object({ destination, percentage: percent.optional() })).optional(),
    mirrorPercentage: percent.optional(),
    mirrorPercent: mirrorPercent.optional(),
    // The API has had both names.
    mirror_percent: mirrorPercent.optional(),
    corsPolicy: corsPolicy.optional(),
    headers: headers.optional(),
  })
  .superRefine((value, context) => {
    for (const [path, message] of [...actionFaults(value), ...authorityFaults(value)]) context.addIssue({ code: 'custom', path, message });
  });

type HttpRoute = z.output<typeof httpRoute>;
type Issue = readonly [path: string[], message: string];

function actionFaults(rule: HttpRoute): Issue[] {
  const { route, redirect, directResponse, delegate, rewrite, ...value } = rule;
  const faults: Issue[] = [];
  const destinations = route ?? [];
  // What a delegate adds to the rule is checked with it.
  if (delegate !== undefined) {
    return Object.entries({ redirect, route }).flatMap(([name, block]) =>
      block === undefined ? [] : [[[name], `delegate and ${name} exclude each other`] as const],
    );
  }
  const actions = { route, redirect, directResponse };
  const [action, ...others] = Object.keys(actions).filter((name) => actions[name as keyof typeof actions] !== undefined);
  if (action === undefined) faults.push([[], 'one of route, redirect, directResponse and delegate is needed']);
  for (const other of others) faults.push([[other], `${action} and ${other} exclude each other`]);
  if (action === 'redirect' || action === 'directResponse') {
    for (const [name, block] of Object.entries({ rewrite, fault: value.fault })) {
      if (block !== undefined) faults.push([[name], `${action} and ${name} exclude each other`]);
    }
  }
  if (value.mirror !== undefined && (value.mirrors ?? []).length > 0) faults.push([['mirrors'], 'mirror and mirrors exclude each other']);
  if (destinations.length > 1 && destinations.every(({ weight = 0 }) => weight === 0)) {
    faults.push([['route'], 'the sum of the weights is 0']);
  }
  const uris = (value.match ?? []).map(({ uri }) => uri);
  if (redirect?.prefixRewrite !== undefined && uris.some((uri) => uri !== undefined && uri.prefix === undefined)) {
    faults.push([['redirect', 'prefixRewrite'], 'needs that every match of the uri is a prefix']);
  }
  return faults;
}

/** The authority may be set at one place. */
function authorityFaults({ rewrite, headers }: HttpRoute): Issue[] {
  const places = (['set', 'add'] as const).flatMap((field) =>
    Object.keys(headers?.request?.[field] ?? {})
      .filter(isAuthority)
      .map((name) => ['headers', 'request', field, name]),
  );
  const repeated = rewrite?.authority !== undefined ? places : places.slice(1);
  return repeated.map((path) => [path, 'the authority is already set by this route']);
}

function checkSubstitution({ match, rewrite }: { match: string; rewrite: string }, context: z.core.$RefinementCtx): void {
  const compiled = compileRegex(match);
  const message = compiled.ok ? (substitutionFault(compiled.regex, rewrite) ?? literalFault(rewrite)) : null;
  if (message !== null) context.addIssue({ code: 'custom', path: ['rewrite'], message });
}

/** What a substitution says itself, beside what it takes from the path, which has been checked as a request target already. */
function literalFault(rewrite: string): string | null {
  const result = requestTarget(rewrite.replace(/\\[0-9\\]/g, ''));
  return result.ok ? null : result.fault;
}

function routeFaults({ mirrorPercent, mirror_percent: old }: HttpRoute): Fault[] {
  const faults: Fault[] = [];
  if (mirrorPercent !== undefined || old !== undefined) {
    faults.push({
      path: [mirrorPercent === undefined ? 'mirror_percent' : 'mirrorPercent'],
      reason: 'is deprecated; use mirrorPercentage',
      severity: 'warning',
    });
  }
  return faults;
}

/** The API has had two names for one field. */
export function routeInForce(value: HttpRoute): Omit<HttpRoute, 'mirror_percent'> {
  const { mirror_percent: old, ...served } = value;
  return old === undefined || served.mirrorPercent !== undefined ? served : { ...served, mirrorPercent: old };
}

export const route = judged(httpRoute, routeFaults);
