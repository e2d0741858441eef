/** networking.istio.io VirtualService, with the rules of Istio's own validation. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { type Fault, judged } from './fields.ts';
import { claimsOf } from './http-match.ts';
import { route, routeInForce } from './http-route.ts';
import { tcpRoute, tlsRoute } from './l4-route.ts';
import { checkedText, domainFault, gatewayNameFault, isWithin, overlap } from './names.ts';
import { unusedRules } from './unused-rules.ts';
import { visibility } from './visibility.ts';

const host = checkedText((name) => (isIP(name) === 0 ? domainFault(name) : null));
const spec = z.object({
  hosts: z.array(host).optional(),
  gateways: z.array(checkedText(gatewayNameFault)).optional(),
  http: z.array(route).optional(),
  tls: z.array(tlsRoute).optional(),
  tcp: z.array(tcpRoute).optional(),
  exportTo: visibility({ nobody: false }).optional(),
});

type Spec = z.output<typeof spec>;
type Issue = readonly [path: (string | number)[], message: string];

function hostFaults(value: Spec, inMesh: boolean): Issue[] {
  const { hosts = [], gateways = [], http = [] } = value;
  const faults: Issue[] = [];
  if (hosts.length === 0 && gateways.length > 0) faults.push([['gateways'], 'without hosts this is a delegate, which has no gateways']);
  if (hosts.length === 0) {
    for (const kind of ['tls', 'tcp'] as const) {
      if (value[kind] !== undefined) faults.push([[kind], `without hosts this is a delegate, which has no ${kind}`]);
    }
    http.forEach(({ delegate }, index) => {
      if (delegate !== undefined) faults.push([['http', index, 'delegate'], 'without hosts this is a delegate, which has no delegates']);
    });
  }
  hosts.forEach((name, index) => {
    if (inMesh && name === '*') faults.push([['hosts', index], 'the host * needs gateways without mesh']);
    const earlier = hosts.slice(0, index).find((other) => overlap(other, name));
    if (earlier !== undefined) faults.push([['hosts', index], `already named by “${earlier}”`]);
  });
  return faults;
}

function meshFaults({ http = [] }: Spec): Issue[] {
  const message = 'claims of tokens can be matched at gateways only';
  return http.flatMap(({ match = [] }, route) =>
    match.flatMap((request, index) => claimsOf(request).map((path): Issue => [['http', route, 'match', index, ...path], message])),
  );
}

/** Names of TLS clients are those of the hosts. */
function sniFaults({ hosts = [], tls = [] }: Spec): Issue[] {
  return tls.flatMap(({ match }, route) =>
    match.flatMap(({ sniHosts }, index) =>
      sniHosts.flatMap((name, position): Issue[] => {
        if (isIP(name) !== 0 || hosts.some((host) => isWithin(name.toLowerCase(), host.toLowerCase()))) return [];
        return [[['tls', route, 'match', index, 'sniHosts', position], `“${name}” is not one of the hosts`]];
      }),
    ),
  );
}

const checkedSpec = spec.superRefine((value, context) => {
  const { gateways = [], http, tls, tcp } = value;
  const inMesh = gateways.length === 0 || gateways.includes('mesh');
  const faults = [...hostFaults(value, inMesh), ...(inMesh ? meshFaults(value) : []), ...sniFaults(value)];
  if (http === undefined && tls === undefined && tcp === undefined) faults.push([[], 'one of http, tls and tcp is needed']);
  for (const [path, message] of faults) context.addIssue({ code: 'custom', path, message });
});

/** What Istio's validation warns of. */
function specFaults({ gateways = [], http = [] }: Spec): Fault[] {
  const old = gateways.flatMap((name, index): Fault[] => {
    const [first, second] = name.split('.');
    if (name.includes('/') || second === undefined) return [];
    return [{ path: ['gateways', index], reason: `is an old form; write ${second}/${first}`, severity: 'warning' }];
  });
  return [...old, ...unusedRules(http)];
}

export const virtualServiceSpec = judged(checkedSpec, specFaults).transform(({ http, ...rest }) => ({
  ...rest,
  ...(http !== undefined && { http: http.map(routeInForce) }),
}));
