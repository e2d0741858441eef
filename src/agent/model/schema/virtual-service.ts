/** networking.istio.io VirtualService, with the rules of Istio's own validation. */
import { z } from 'zod';
import {
  duration,
  exportTo,
  labels,
  percent,
  port,
  presenceMatch,
  regex,
  servedAsWhole,
  stringMatch,
  text,
  type Unserved,
  unsupported,
} from './fields.ts';

const operations = z.object({ set: labels.optional(), add: labels.optional(), remove: z.array(text).optional() });
const headers = z.object({ request: operations.optional(), response: operations.optional() });
const destination = z.object({
  host: text.min(1).refine((host) => host !== '*', 'the host * is not allowed'),
  subset: text.optional(),
  port: z.object({ number: port }).optional(),
});
const matchRequest = z.object({
  name: text.optional(),
  uri: stringMatch.optional(),
  scheme: stringMatch.optional(),
  method: stringMatch.optional(),
  authority: stringMatch.optional(),
  headers: z.record(text, presenceMatch).optional(),
  withoutHeaders: z.record(text, presenceMatch).optional(),
  queryParams: z.record(text, presenceMatch).optional(),
  port: port.optional(),
  sourceLabels: labels.optional(),
  sourceNamespace: text.optional(),
  gateways: z.array(text).optional(),
  ignoreUriCase: z.boolean().optional(),
  statPrefix: unsupported(),
});
const retries = z.object({
  attempts: z.number().int().min(0).optional(),
  perTryTimeout: duration.optional(),
  retryOn: text.optional(),
  retryRemoteLocalities: unsupported(),
  retryIgnorePreviousHosts: z.boolean().optional(),
  backoff: duration.optional(),
});
const redirect = z
  .object({
    uri: text.optional(),
    prefixRewrite: text.optional(),
    authority: text.optional(),
    port: port.optional(),
    derivePort: z.enum(['FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT']).optional(),
    scheme: z.enum(['http', 'https']).optional(),
    redirectCode: z.number().int().min(300).max(399).optional(),
  })
  .refine((value) => !(value.uri !== undefined && value.prefixRewrite !== undefined), 'uri and prefixRewrite exclude each other');
const rewrite = z
  .object({
    uri: text.optional(),
    authority: text.optional(),
    uriRegexRewrite: z.object({ match: regex, rewrite: text }).optional(),
  })
  .refine((value) => !(value.uri !== undefined && value.uriRegexRewrite !== undefined), 'uri and uriRegexRewrite exclude each other');
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
    timeout: duration.optional(),
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
    const complain = (message: string): void => context.addIssue({ code: 'custom', message });
    const actions = [value.route, value.redirect, value.directResponse, value.delegate].filter((action) => action !== undefined);
    if (actions.length === 0) complain('one of route, redirect, directResponse or delegate is needed');
    if (value.route !== undefined && value.redirect !== undefined) complain('route and redirect exclude each other');
    if (value.redirect !== undefined && value.rewrite !== undefined) complain('redirect and rewrite exclude each other');
    if (value.mirror !== undefined && value.mirrors !== undefined) complain('mirror and mirrors exclude each other');
    const routes = value.route ?? [];
    if (routes.length > 1 && routes.every(({ weight }) => (weight ?? 0) === 0)) complain('the sum of the weights is 0');
  });

type HttpRoute = z.infer<typeof httpRoute>;

function unservedRoute({ directResponse, delegate }: HttpRoute): Unserved[] {
  const faults: Unserved[] = [];
  const skipped = 'this route is skipped';
  if (directResponse !== undefined) faults.push({ path: ['directResponse'], reason: `direct responses are not served yet; ${skipped}` });
  if (delegate !== undefined) faults.push({ path: ['delegate'], reason: `delegation is not served yet; ${skipped}` });
  return faults;
}

/** Without an action, which is how the compiler knows that it has nothing to do; later routes keep their positions. */
function withoutAction({ name, match }: HttpRoute): Partial<HttpRoute> {
  return { ...(name === undefined ? {} : { name }), ...(match === undefined ? {} : { match }) };
}
const route = servedAsWhole(httpRoute, { faults: unservedRoute, rest: withoutAction });

export const virtualServiceSpec = z
  .object({
    hosts: z.array(text.min(1)).optional(),
    gateways: z.array(text).optional(),
    http: z.array(route).optional(),
    tls: unsupported('TLS routes are not served yet'),
    tcp: unsupported('TCP routes are not served yet'),
    exportTo,
  })
  .superRefine((value, context) => {
    if (value.http === undefined && value.tls === undefined && value.tcp === undefined) {
      context.addIssue({ code: 'custom', message: 'one of http, tls and tcp is needed' });
    }
    const hosts = value.hosts ?? [];
    const inMesh = (value.gateways ?? ['mesh']).includes('mesh');
    if (inMesh && hosts.includes('*')) context.addIssue({ code: 'custom', path: ['hosts'], message: 'the host * needs a gateway' });
    if (new Set(hosts).size < hosts.length) context.addIssue({ code: 'custom', path: ['hosts'], message: 'a host is given twice' });
  });
