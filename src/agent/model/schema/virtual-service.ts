/** networking.istio.io VirtualService, with the rules of Istio's own validation. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { unsupported } from './fields.ts';
import { claimsOf } from './http-match.ts';
import { route, routeInForce } from './http-route.ts';
import { checkedText, domainFault, gatewayNameFault, overlap } from './names.ts';
import { visibility } from './visibility.ts';

const host = checkedText((name) => (isIP(name) === 0 ? domainFault(name) : null));
const spec = z.object({
  hosts: z.array(host).optional(),
  gateways: z.array(checkedText(gatewayNameFault)).optional(),
  http: z.array(route).optional(),
  tls: unsupported('TLS routes are not served yet'),
  tcp: unsupported('TCP routes are not served yet'),
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
      if (kind in value) faults.push([[kind], `without hosts this is a delegate, which has no ${kind}`]);
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

const checkedSpec = spec.superRefine((value, context) => {
  const { gateways = [], http } = value;
  const inMesh = gateways.length === 0 || gateways.includes('mesh');
  const faults = [...hostFaults(value, inMesh), ...(inMesh ? meshFaults(value) : [])];
  if (http === undefined && !('tls' in value) && !('tcp' in value)) faults.push([[], 'one of http, tls and tcp is needed']);
  for (const [path, message] of faults) context.addIssue({ code: 'custom', path, message });
});

export const virtualServiceSpec = checkedSpec.transform(({ http, ...rest }) => ({
  ...rest,
  ...(http !== undefined && { http: http.map(routeInForce) }),
}));
