/** networking.istio.io Gateway. */
import { z } from 'zod';
import { type Fault, judged, port, text, unsupported } from './fields.ts';
import { checkedText, gatewayHostFault, labelSelector } from './names.ts';

/** As Istio reads them: in any case. */
const PROTOCOLS = /^(https?|http2|grpc(-web)?|mongo|tcp|tls|http_proxy|redis|mysql)$/i;
const SERVED_PROTOCOLS = /^(http|http2|grpc|grpc-web)$/i;

const server = z.object({
  name: text.optional(),
  hosts: z.array(checkedText(gatewayHostFault)).min(1, 'a server has at least one host'),
  bind: text.optional(),
  defaultEndpoint: unsupported(),
  tls: z.looseObject({}).optional(),
  port: z.object({
    number: port,
    protocol: text.regex(PROTOCOLS, 'must be one of HTTP, HTTPS, HTTP2, GRPC, GRPC-WEB, TLS, TCP, MONGO, REDIS, MYSQL'),
    name: text.min(1),
    targetPort: unsupported(),
  }),
});

/** A server that would listen elsewhere, or in the clear where its author wants TLS, is worse than none. */
function serverFaults({ bind, tls, port: { protocol } }: z.output<typeof server>): Fault[] {
  const faults: Fault[] = [];
  if (!SERVED_PROTOCOLS.test(protocol)) {
    faults.push({ path: ['port', 'protocol'], reason: `servers of protocol ${protocol} are not served yet; this server is left out` });
  }
  if (tls !== undefined) faults.push({ path: ['tls'], reason: 'TLS at gateways is not served yet; this server is left out' });
  if (bind !== undefined) faults.push({ path: ['bind'], reason: 'servers at one address are not served yet; this server is left out' });
  return faults;
}

/** With the protocol as the API's documentation writes it. */
function serverInForce({ name, hosts, port: { number, protocol, name: portName } }: z.output<typeof server>) {
  return { ...(name !== undefined && { name }), hosts, port: { number, protocol: protocol.toUpperCase(), name: portName } };
}

const servers = z
  .array(judged(server, serverFaults))
  .min(1, 'a gateway has at least one server')
  .superRefine((list, context) => {
    list.forEach(({ port: { name } }, index) => {
      if (list.findIndex(({ port }) => port.name === name) === index) return;
      context.addIssue({ code: 'custom', path: [index, 'port', 'name'], message: `a port ${name} is already given` });
    });
  });
export const gatewaySpec = z.object({ selector: labelSelector.optional(), servers }).transform(({ servers: given, ...spec }) => ({
  ...spec,
  servers: given.filter((entry) => serverFaults(entry).length === 0).map(serverInForce),
}));
