/** networking.istio.io Gateway. */
import { z } from 'zod';
import { labels, port, text, unsupported } from './fields.ts';

const server = z.object({
  name: text.optional(),
  hosts: z.array(text.min(1)).min(1),
  bind: unsupported(),
  defaultEndpoint: unsupported(),
  tls: unsupported('TLS at gateways is not served yet'),
  port: z.object({
    number: port,
    protocol: z.enum(['HTTP', 'HTTPS', 'GRPC', 'GRPC-WEB', 'HTTP2', 'MONGO', 'TCP', 'TLS', 'HTTP_PROXY']),
    name: text.min(1),
    targetPort: unsupported(),
  }),
});

export const gatewaySpec = z.object({ selector: labels.optional(), servers: z.array(server).min(1) });
