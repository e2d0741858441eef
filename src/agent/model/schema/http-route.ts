/** networking.istio.io HTTPRoute, with the rules of Istio's own validation. */
import { z } from 'zod';
import { compileRegex, substitutionFault } from '../../../base/regex.ts';
import { percent, port, positiveDuration, regex, servedAsWhole, text, type Unserved, unsupported } from './fields.ts';
import { headers, isAuthority } from './header-operations.ts';
import { matchRequest } from './http-match.ts';
import { checkedText, dnsLabel, domainFault } from './names.ts';
import { retries } from './retries.ts';

const host = checkedText((name) => (name === '*' ? 'the host * is not allowed' : domainFault(name)));
const destination = z.object({
  host,
  // An empty name means none.
  subset: z.union([z.literal(''), dnsLabel]).optional(),
  port: z.object({ number: port }).optional(),
});
const redirect = z
  .object({
    uri: text.optional(),
    prefixRewrite: text.optional(),
    authority: text.optional(),
    port: port.optional(),
    derivePort: z.enum(['FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT']).optional(),
    scheme: z.enum(['', 'http', 'https']).optional(),
    redirectCode: z.literal(0).or(z.number().int().min(300).max(399)).optional(),
  })
  .superRefine((value, context) => {
    const complain = (message: string): void => context.addIssue({ code: 'custom', message });
    if (value.uri && value.prefixRewrite) complain('uri and prefixRewrite exclude each other');
    if (value.port !== undefined && value.derivePort !== undefined) complain('port and derivePort exclude each other');
    const given = value.uri || value.prefixRewrite || value.authority || value.scheme || value.port || value.derivePort;
    if (!given) complain('one of uri, prefixRewrite, authority, scheme and port is needed');
  });
const rewrite = z
  .object({
    uri: text.optional(),
    authority: text.optional(),
    uriRegexRewrite: z
      .object({ match: regex, rewrite: text.min(1) })
      .superRefine(checkSubstitution)
      .optional(),
  })
  .superRefine((value, context) => {
    const complain = (message: string): void => context.addIssue({ code: 'custom', message });
    if (value.uri && value.uriRegexRewrite !== undefined) complain('uri and uriRegexRewrite exclude each other');
    if (!value.uri && value.uriRegexRewrite === undefined && !value.authority) {
      complain('one of uri, uriRegexRewrite and authority is needed');
    }
  });
const weighted = z.object({ destination, weight: z.number().int().min(0).optional(), headers: headers.optional() });

const httpRoute = z
  .object({
    name: text.optional(),
    match: z.array(matchRequest).optional(),
    route: z.array(weighted).optional(),
    redirect: redirect.optional(),
    directResponse: z.looseObject({}).optional(),
    delegate: z.looseObject({}).optional(),
    rewrite: rewrite.optional(),
    timeout: positiveDuration.optional(),
    retries: retries.optional(),
    fault: unsupported('faults are not injected yet'),
    mirror: destination.optional(),
    mirrors: z.array(z.object({ destination, percentage: percent.optional() })).optional(),
    mirrorPercentage: percent.optional(),
    mirrorPercent: z.number().int().min(0).max(100).optional(),
    corsPolicy: unsupported('CORS policies are not applied yet'),
    headers: headers.optional(),
  })
  .superRefine((value, context) => {
    for (const [path, message] of [...actionFaults(value), ...authorityFaults(value)]) context.addIssue({ code: 'custom', path, message });
  });

type HttpRoute = z.infer<typeof httpRoute>;
type Fault = readonly [path: string[], message: string];

function actionFaults({ route, redirect, directResponse, delegate, rewrite, fault, ...value }: HttpRoute): Fault[] {
  const faults: Fault[] = [];
  const destinations = route ?? [];
  const actions = { route: destinations.length > 0 || undefined, redirect, directResponse, delegate };
  const [action, ...others] = Object.keys(actions).filter((name) => actions[name as keyof typeof actions] !== undefined);
  if (action === undefined) faults.push([[], 'one of route, redirect, directResponse and delegate is needed']);
  for (const other of others) faults.push([[other], `${action} and ${other} exclude each other`]);
  if (action === 'redirect' || action === 'directResponse') {
    for (const [name, block] of Object.entries({ rewrite, fault })) {
      if (block !== undefined) faults.push([[name], `${action} and ${name} exclude each other`]);
    }
  }
  if (value.mirror !== undefined && (value.mirrors ?? []).length > 0) faults.push([['mirrors'], 'mirror and mirrors exclude each other']);
  if (destinations.length > 1 && destinations.every(({ weight }) => (weight ?? 0) === 0)) {
    faults.push([['route'], 'the sum of the weights is 0']);
  }
  const uris = (value.match ?? []).map(({ uri }) => uri as object | undefined);
  if (redirect?.prefixRewrite && uris.some((uri) => uri !== undefined && !('prefix' in uri))) {
    faults.push([['redirect', 'prefixRewrite'], 'needs that every match of the uri is a prefix']);
  }
  return faults;
}

/** The authority may be set at one place. */
function authorityFaults({ rewrite, headers }: HttpRoute): Fault[] {
  const places = (['set', 'add'] as const).flatMap((field) =>
    Object.keys(headers?.request?.[field] ?? {})
      .filter(isAuthority)
      .map((name) => ['headers', 'request', field, name]),
  );
  const repeated = rewrite?.authority ? places : places.slice(1);
  return repeated.map((path) => [path, 'the authority is already set by this route']);
}

function checkSubstitution({ match, rewrite }: { match: string; rewrite: string }, context: z.core.$RefinementCtx): void {
  const compiled = compileRegex(match);
  const message = compiled.ok ? substitutionFault(compiled.regex, rewrite) : null;
  if (message !== null) context.addIssue({ code: 'custom', path: ['rewrite'], message });
}

function unservedRoute({ directResponse, delegate }: HttpRoute): Unserved[] {
  const faults: Unserved[] = [];
  const instead = 'requests of this route are answered 503';
  if (directResponse !== undefined) faults.push({ path: ['directResponse'], reason: `direct responses are not served yet; ${instead}` });
  if (delegate !== undefined) faults.push({ path: ['delegate'], reason: `delegation is not served yet; ${instead}` });
  return faults;
}

/** A route without action is one that the compiler cannot serve; those after it keep their positions, and get none of its requests. */
function routeInForce(value: HttpRoute, faulty: boolean): Partial<HttpRoute> {
  const { name, match } = value;
  return faulty ? { ...(name === undefined ? {} : { name }), ...(match === undefined ? {} : { match }) } : value;
}

export const route = servedAsWhole(httpRoute, { faults: unservedRoute, inForce: routeInForce });
