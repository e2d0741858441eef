/** networking.istio.io TCPRoute and TLSRoute, with the rules of Istio's own validation. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { int32, port, text, unsupported } from './fields.ts';
import { destination } from './http-route.ts';
import { checkedText, dnsLabel, domainFault, gatewayNameFault, labelSelector, subnetFault } from './names.ts';

const common = {
  destinationSubnets: z.array(checkedText(subnetFault)).optional(),
  port: port.optional(),
  sourceLabels: labelSelector.optional(),
  sourceNamespace: dnsLabel.optional(),
  gateways: z.array(checkedText(gatewayNameFault)).optional(),
};
const l4Match = z.object({ ...common, sourceSubnet: unsupported('Istio does not look at it either', text) });
const sniHost = checkedText((name) => (isIP(name) === 0 && name !== '*' ? domainFault(name) : null));
const tlsMatch = z.object({ ...common, sniHosts: z.array(sniHost).min(1, 'at least one name is needed') });

const weighted = z
  .array(z.object({ destination, weight: int32.min(0).optional() }))
  .min(1, 'at least one destination is needed')
  .refine((list) => list.length === 1 || list.some(({ weight = 0 }) => weight > 0), 'the sum of the weights is 0');

export const tcpRoute = z.object({ match: z.array(l4Match).optional(), route: weighted });
export const tlsRoute = z.object({ match: z.array(tlsMatch).min(1, 'at least one match is needed'), route: weighted });
