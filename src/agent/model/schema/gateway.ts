/** networking.istio.io Gateway. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { type Fault, judged, port, refused, text, unsupported } from './fields.ts';
import { checkedText, gatewayHostFault, labelSelector } from './names.ts';
import { serverTls } from './tls-settings.ts';
import { isUnixAddress, unixAddressFault } from './workload-entry.ts';

/** As Istio reads them: in any case. */
const PROTOCOLS = /^(https?|http2|grpc(-web)?|mongo|tcp|tls|http_proxy|redis|mysql|udp)$/i;
const HTTP = /^(http|http2|grpc|grpc-web)$/i;
const TLS = /^(https|tls)$/i;

function bindFault(address: string): string | null {
  if (isUnixAddress(address)) return unixAddressFault(address);
  return isIP(address) === 0 ? 'must be an IP address' : null;
}

const server = z.object({
  name: text.optional(),
  hosts: z.array(checkedText(gatewayHostFault)).min(1, 'a server has at least one host'),
  bind: checkedText(bindFault).optional(),
  defaultEndpoint: unsupported('Istio does not look at it either', text),
  tls: serverTls.optional(),
  port: z.object({
    number: port.optional(),
    protocol: text.regex(PROTOCOLS, 'must be one of HTTP, HTTPS, HTTP2, GRPC, GRPC-WEB, TLS, TCP, MONGO, REDIS, MYSQL'),
    name: text.min(1),
    targetPort: refused('it has no effect on Gateways'),
  }),
});
type Server = z.output<typeof server>;

/** Fields that say how TLS ends. */
const CERTIFICATES = [
  ...(['caCrl', 'serverCertificate', 'privateKey', 'caCertificates', 'tlsCertificates', 'credentialName', 'credentialNames'] as const),
];

/** In Istio's words, a server that terminates nothing. */
const passesThrough = ({ tls: given }: Server): boolean => given?.mode === undefined || given.mode === 'PASSTHROUGH';

/** A server that would listen elsewhere, or in the clear where its author wants TLS, is worse than none. */
function serverFaults(entry: Server): Fault[] {
  const { bind, tls: given, port: of } = entry;
  const faults: Fault[] = [];
  const say = (path: string[], reason: string): void => void faults.push({ path, reason: `${reason}; this server is left out` });
  if (given?.mode === 'AUTO_PASSTHROUGH') say(['tls', 'mode'], 'clusters are not chosen by their name in TLS');
  else if (!passesThrough(entry)) say(['tls'], 'TLS does not end at gateways yet');
  if (/^http_proxy$/i.test(of.protocol)) say(['port', 'protocol'], 'gateways are no forward proxies');
  if (/^udp$/i.test(of.protocol)) say(['port', 'protocol'], 'gateways take no UDP');
  if (passesThrough(entry) && given !== undefined && CERTIFICATES.some((field) => given[field] !== undefined))
    faults.push({ path: ['tls'], reason: 'certificates have no effect where TLS does not end', severity: 'warning' });
  if (bind !== undefined) say(['bind'], 'servers at one address are not served yet');
  return faults;
}

/** With the protocol as the API's documentation writes it, and what is listened for. */
function serverInForce({ name, hosts, tls: given, port: { number = 0, protocol, name: portName } }: Server) {
  const kind = HTTP.test(protocol) ? ('http' as const) : TLS.test(protocol) ? ('tls' as const) : ('tcp' as const);
  return {
    ...(name !== undefined && { name }),
    hosts,
    kind,
    httpsRedirect: kind === 'http' && given?.httpsRedirect === true,
    port: { number, protocol: protocol.toUpperCase(), name: portName },
  };
}

function complainOfPort({ bind = '', port: { number } }: Server): { path: string[]; message: string } | null {
  const path = ['port', 'number'];
  if (isUnixAddress(bind)) return number === undefined ? null : { path, message: 'a socket of the file system has no port' };
  return number === undefined ? { path, message: 'a port is needed' } : null;
}

function complainOfTls({ tls: given, port: { protocol } }: Server): { path: string[]; message: string } | null {
  if (TLS.test(protocol)) return given === undefined ? { path: ['tls'], message: 'TLS settings are needed for HTTPS and TLS' } : null;
  if (given === undefined) return null;
  if (!HTTP.test(protocol)) return { path: ['tls'], message: 'only HTTPS and TLS have TLS settings' };
  const { mode = 'PASSTHROUGH', serverCertificate, privateKey, caCertificates } = given;
  const terminates = mode !== 'PASSTHROUGH' || [serverCertificate, privateKey, caCertificates].some((one) => one !== undefined);
  return terminates ? { path: ['tls'], message: 'a port in the clear has httpsRedirect only' } : null;
}

const servers = z
  .array(judged(server, serverFaults))
  .min(1, 'a gateway has at least one server')
  .superRefine((list, context) => {
    list.forEach((entry, index) => {
      const { name } = entry.port;
      for (const fault of [complainOfPort(entry), complainOfTls(entry)])
        if (fault !== null) context.addIssue({ code: 'custom', path: [index, ...fault.path], message: fault.message });
      if (list.findIndex(({ port }) => port.name === name) === index) return;
      context.addIssue({ code: 'custom', path: [index, 'port', 'name'], message: `a port ${name} is already given` });
    });
  });
export const gatewaySpec = z.object({ selector: labelSelector.optional(), servers }).transform(({ servers: given, ...spec }) => ({
  ...spec,
  servers: given.filter((entry) => serverFaults(entry).every(({ severity }) => severity === 'warning')).map(serverInForce),
}));
