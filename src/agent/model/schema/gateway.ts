/** networking.istio.io Gateway. */
import { z } from 'zod';
import { port, servedAsWhole, text, type Unserved, unsupported } from './fields.ts';
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
function unservedServer({ bind, tls, port: { protocol } }: z.infer<typeof server>): Unserved[] {
  const faults: Unserved[] = [];
  if (!SERVED_PROTOCOLS.test(protocol)) {
    faults.push({ path: ['port', 'protocol'], reason: `servers of protocol ${protocol} are not served yet; this server is left out` });
  }
  if (tls !== undefined) faults.push({ path: ['tls'], reason: 'TLS at gateways is not served yet; this server is left out' });
  if (bind !== undefined) faults.push({ path: ['bind'], reason: 'servers at one address are not served yet; this server is left out' });
  return faults;
}

/** With the protocol as the API's documentation writes it. */
function serverInForce(value: z.infer<typeof server>, faulty: boolean): unknown {
  const protocol = value.port.protocol.toUpperCase();
  if (faulty) return undefined;
  return protocol === value.port.protocol ? value : { ...value, port: { ...value.port, protocol } };
}

const servers = z
  .array(servedAsWhole(server, { faults: unservedServer, inForce: serverInForce }))
  .min(1, 'a gateway has at least one server')
  .superRefine((list, context) => {
    list.forEach(({ port: { name } }, index) => {
      if (list.findIndex(({ port }) => port.name === name) === index) return;
      context.addIssue({ code: 'custom', path: [index, 'port', 'name'], message: `a port ${name} is already given` });
    });
  });
export const gatewaySpec = z.object({ selector: labelSelector.optional(), servers });
