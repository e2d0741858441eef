/** networking.istio.io Sidecar, with the rules of Istio's own validation. */
import { isIP } from 'node:net';
import { z } from 'zod';
import type { Severity } from '../problem.ts';
import { connectionPool } from './connection-pool.ts';
import { type Fault, judged, port, refused, text, unsupported } from './fields.ts';
import { destination } from './http-route.ts';
import { checkedText, dnsLabel, domainFault, fullNameFault, isDnsLabel, labelSelector } from './names.ts';
import { isUnixAddress, unixAddressFault } from './workload-entry.ts';
import { type ServerTls, serverTls } from './tls-settings.ts';

const CAPTURE_MODES = ['DEFAULT', 'IPTABLES', 'NONE'] as const;
/** Of the pod itself: where, and at which port. */
export const LOCAL_ENDPOINT = /^(127\.0\.0\.1|0\.0\.0\.0|\[::1\]|\[::\])?:(\+?\d+)$/;
const PROTOCOL = /^(tcp|udp|grpc|grpc-web|http|http_proxy|http2|https|tls|mongo|redis|mysql)$/i;

const HTTP = /^(https?|http_proxy|http2|grpc|grpc-web)$/i;

/** `namespace/dnsName`; the namespace is `*`, `.`, `~`, a name, or one of the last after `~`, which takes them out again. */
function importFault(host: string): string | null {
  const [namespace = '', name, ...rest] = host.split('/');
  if (name === undefined || rest.length > 0) return 'must be NAMESPACE/NAME';
  const bare = namespace.replace(/^~/, '');
  if (bare !== '' && bare !== '*' && bare !== '.' && !isDnsLabel(bare)) return `“${namespace}” is not a namespace, *, . or ~`;
  if (namespace === '') return 'the namespace is empty';
  if (name === '*') return null;
  return name.includes('.') ? domainFault(name) : 'short names are not allowed';
}

/** Where an application listens: an address of its own, with a port. */
function endpointFault(endpoint: string): string | null {
  if (endpoint === '') return null;
  if (isUnixAddress(endpoint)) return unixAddressFault(endpoint);
  const [, , number] = LOCAL_ENDPOINT.exec(endpoint) ?? [];
  if (number === undefined) return 'must be 127.0.0.1:PORT, 0.0.0.0:PORT, [::1]:PORT, [::]:PORT or unix://PATH';
  return port.safeParse(Number(number)).success ? null : `${number} is no port`;
}

const sidecarPort = z.object({
  number: port.optional(),
  protocol: text.regex(PROTOCOL, 'is not a protocol').optional(),
  name: dnsLabel.optional(),
  targetPort: refused('it has no effect on Sidecars'),
});
const egress = z.object({
  port: sidecarPort.optional(),
  bind: text.optional(),
  captureMode: z.enum(CAPTURE_MODES).optional(),
  hosts: z.array(checkedText(importFault)).min(1, 'an egress listener has at least one host'),
});
const ingress = z.object({
  port: sidecarPort,
  /** Istio's own listener for all ports looks at the port alone, too. */
  bind: checkedText((address) => (isIP(address) === 0 ? 'must be an IP address' : null)).optional(),
  captureMode: z.enum(CAPTURE_MODES).optional(),
  defaultEndpoint: checkedText(endpointFault).optional(),
  tls: serverTls.optional(),
  connectionPool: connectionPool.optional(),
});
const egressProxy = destination.superRefine(({ host, port: of }, context) => {
  const fault = fullNameFault(host);
  if (fault !== null) context.addIssue({ code: 'custom', path: ['host'], message: fault });
  if (of === undefined) context.addIssue({ code: 'custom', path: ['port'], message: 'a port is needed' });
});
const outboundTrafficPolicy = z
  // In protobuf's JSON a message without a mode is that of mode 0.
  .object({
    mode: z.enum(['REGISTRY_ONLY', 'ALLOW_ANY']).optional(),
    egressProxy: unsupported('unknown destinations have no proxy', egressProxy),
  })
  .superRefine((value, context) => {
    if (!('egressProxy' in value) || value.mode === 'ALLOW_ANY') return;
    context.addIssue({ code: 'custom', path: ['egressProxy'], message: 'only ALLOW_ANY has unknown destinations' });
  });
const spec = z.object({
  workloadSelector: z.object({ labels: labelSelector.optional() }).optional(),
  ingress: z.array(ingress).optional(),
  inboundConnectionPool: connectionPool.optional(),
  egress: z.array(egress).optional(),
  outboundTrafficPolicy: outboundTrafficPolicy.optional(),
});

type Spec = z.output<typeof spec>;
type Complain = (path: (string | number)[], message: string) => void;

function complainOfSocket(bind: string, captureMode: string | undefined, complain: Complain): void {
  const fault = isUnixAddress(bind) ? unixAddressFault(bind) : 'a port 0 is for sockets of the file system, unix://';
  if (fault !== null) complain(['bind'], fault);
  if (captureMode === 'IPTABLES') complain(['captureMode'], 'connections to sockets are not captured');
}

function complainOfEgress({ egress: listeners = [] }: Spec, complain: Complain): void {
  listeners.forEach(({ port: of, bind = '', captureMode }, index) => {
    const at: Complain = (path, message) => complain(['egress', index, ...path], message);
    if (of === undefined && index < listeners.length - 1) at([], 'the listener without a port comes last');
    if (of === undefined) return;
    if (of.number === undefined) complainOfSocket(bind, captureMode, at);
    if (of.number !== undefined && bind !== '' && isIP(bind) === 0) at(['bind'], 'must be an IP address');
    const same = listeners.slice(0, index).some((other) => other.port?.number === of.number && of.number !== undefined);
    if (same) at(['port', 'number'], `port ${of.number} is already given`);
  });
}

/** What a Gateway may ask for and a Sidecar may not. */
const NOT_HERE = ['subjectAltNames', 'httpsRedirect', 'credentialName', 'credentialNames', 'tlsCertificates'] as const;

function complainOfTls(given: ServerTls, protocol: string, complain: Complain): void {
  for (const field of NOT_HERE) if (given[field] !== undefined) complain([field], 'it has no effect on Sidecars');
  const { mode } = given;
  if (mode === 'ISTIO_MUTUAL' || mode === 'AUTO_PASSTHROUGH') complain(['mode'], `${mode} is for Gateways`);
  if (!/^(https|tls)$/i.test(protocol)) complain([], 'only HTTPS and TLS have TLS settings');
}

function complainOfIngress({ ingress: listeners = [] }: Spec, complain: Complain): void {
  listeners.forEach(({ port: { number, protocol = '' }, tls }, index) => {
    const at: Complain = (path, message) => complain(['ingress', index, ...path], message);
    if (number === undefined) at(['port', 'number'], 'a port is needed');
    if (listeners.slice(0, index).some((other) => other.port.number === number)) at(['port', 'number'], `port ${number} is already given`);
    if (tls !== undefined) complainOfTls(tls, protocol, (path, message) => at(['tls', ...path], message));
  });
}

const checkedSpec = spec.superRefine((value, context) => {
  const complain: Complain = (path, message) => context.addIssue({ code: 'custom', path, message });
  const { egress: out, ingress: into, outboundTrafficPolicy } = value;
  const pool = 'inboundConnectionPool' in value;
  if (out === undefined && into === undefined && outboundTrafficPolicy === undefined && !pool) complain([], 'it says nothing');
  complainOfEgress(value, complain);
  complainOfIngress(value, complain);
});

function specFaults({ egress: listeners = [], ingress: into = [], workloadSelector }: Spec): Fault[] {
  const faults: Fault[] = [];
  listeners.forEach(({ hosts, port: of, bind, captureMode }, index) => {
    const at = (path: (string | number)[], reason: string, severity?: Severity): void =>
      void faults.push({ path: ['egress', index, ...path], reason, ...(severity !== undefined && { severity }) });
    if (hosts.includes('*/*') && hosts.some((host) => !/^(\*\/|~)/.test(host)))
      at(['hosts'], '*/* is everything, beside which other hosts say nothing', 'warning');
    if (captureMode === 'NONE')
      at(['captureMode'], 'applications do not connect to the agent themselves; the hosts are seen as if captured');
    if (of !== undefined && of.number === undefined) at(['port'], 'sockets of the file system are not served; the listener is left out');
    else if (bind !== undefined && bind !== '0.0.0.0' && bind !== '::')
      at(['bind'], 'no listener is opened at an address; the hosts are seen at the port');
  });
  into.forEach(({ port: of, captureMode, defaultEndpoint, connectionPool: pool, tls }, index) => {
    const at = (path: (string | number)[], reason: string, severity?: Severity): void =>
      void faults.push({ path: ['ingress', index, ...path], reason, ...(severity !== undefined && { severity }) });
    if (captureMode === 'NONE') at(['captureMode'], 'clients do not connect to the agent themselves; the port is served as if captured');
    if (isUnixAddress(defaultEndpoint ?? ''))
      at(['defaultEndpoint'], 'sockets of the file system are not served; the listener is left out');
    if (pool?.http !== undefined && !HTTP.test(of.protocol ?? ''))
      at(['connectionPool', 'http'], 'the port is not one of HTTP, so only settings of TCP can have an effect', 'warning');
    if (tls !== undefined) at(['tls'], 'TLS of clients is not ended');
  });
  if (workloadSelector !== undefined && Object.keys(workloadSelector.labels ?? {}).length === 0) {
    faults.push({ path: ['workloadSelector'], reason: 'without labels it is for all pods of the namespace', severity: 'warning' });
  }
  return faults;
}

export const sidecarSpec = judged(checkedSpec, specFaults).transform(({ ingress: listeners, ...rest }) => ({
  ...rest,
  ...(listeners !== undefined && { ingress: listeners.filter(({ defaultEndpoint }) => !isUnixAddress(defaultEndpoint ?? '')) }),
}));
