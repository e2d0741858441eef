/** networking.istio.io Sidecar, with the rules of Istio's own validation. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { type Fault, judged, port, text, unsupported } from './fields.ts';
import { checkedText, domainFault, isDnsLabel, labelSelector } from './names.ts';

const CAPTURE_MODES = ['DEFAULT', 'IPTABLES', 'NONE'] as const;
const PROTOCOL = /^(tcp|udp|grpc|grpc-web|http|http_proxy|http2|https|tls|mongo|redis|mysql)$/i;

/** `namespace/dnsName`; the namespace is `*`, `.`, `~`, a name, or one of the last after `~`, which takes them out again. */
function importFault(host: string): string | null {
  const [namespace = '', name, ...rest] = host.split('/');
  if (name === undefined || rest.length > 0) return 'must be NAMESPACE/NAME';
  const bare = namespace.replace(/^~/, '');
  if (bare !== '' && bare !== '*' && bare !== '.' && !isDnsLabel(bare)) return `“${namespace}” is not a namespace, *, . or ~`;
  if (namespace === '') return 'the namespace is empty';
  return name === '*' ? null : domainFault(name);
}

const sidecarPort = z.object({
  number: port.optional(),
  protocol: text.regex(PROTOCOL, 'is not a protocol').optional(),
  name: text.optional(),
  targetPort: unsupported('it has no effect on Sidecars'),
});
const egress = z.object({
  port: sidecarPort.optional(),
  bind: text.optional(),
  captureMode: z.enum(CAPTURE_MODES).optional(),
  hosts: z.array(checkedText(importFault)).min(1, 'an egress listener has at least one host'),
});
const ingress = z.looseObject({
  port: sidecarPort,
  bind: text.optional(),
  captureMode: z.enum(CAPTURE_MODES).optional(),
  defaultEndpoint: text.optional(),
});
const spec = z.object({
  workloadSelector: z.object({ labels: labelSelector.optional() }).optional(),
  ingress: z.array(ingress).optional(),
  inboundConnectionPool: unsupported('limits of connections that a pod receives are not applied yet'),
  egress: z.array(egress).optional(),
  // In protobuf's JSON a message without a mode is that of mode 0.
  outboundTrafficPolicy: z
    .object({ mode: z.enum(['REGISTRY_ONLY', 'ALLOW_ANY']).optional(), egressProxy: unsupported('unknown destinations have no proxy') })
    .optional(),
});

type Spec = z.output<typeof spec>;
type Complain = (path: (string | number)[], message: string) => void;

function complainOfEgress({ egress: listeners = [] }: Spec, complain: Complain): void {
  listeners.forEach(({ port: of, bind = '' }, index) => {
    const at: Complain = (path, message) => complain(['egress', index, ...path], message);
    if (of === undefined && index < listeners.length - 1) at([], 'the listener without a port comes last');
    if (of === undefined) return;
    if (of.number === undefined && !bind.startsWith('unix://')) at(['bind'], 'a port 0 is for sockets of the file system, unix://');
    if (of.number !== undefined && bind !== '' && isIP(bind) === 0) at(['bind'], 'must be an IP address');
    if (of.protocol === undefined) at(['port', 'protocol'], 'a protocol is needed');
    const same = listeners.slice(0, index).some((other) => other.port?.number === of.number && of.number !== undefined);
    if (same) at(['port', 'number'], `port ${of.number} is already given`);
  });
}

function complainOfIngress({ ingress: listeners = [] }: Spec, complain: Complain): void {
  listeners.forEach(({ port: { number }, defaultEndpoint }, index) => {
    const at: Complain = (path, message) => complain(['ingress', index, ...path], message);
    if (number === undefined) at(['port', 'number'], 'a port is needed');
    if (listeners.slice(0, index).some((other) => other.port.number === number)) at(['port', 'number'], `port ${number} is already given`);
    const local = /^(127\.0\.0\.1|0\.0\.0\.0|\[::1\]|\[::\])?:\d{1,5}$/.test(defaultEndpoint ?? ':1');
    if (!local && !defaultEndpoint?.startsWith('unix://'))
      at(['defaultEndpoint'], 'must be 127.0.0.1:PORT, 0.0.0.0:PORT, [::1]:PORT, [::]:PORT or unix://PATH');
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
  listeners.forEach(({ port: of, bind, captureMode }, index) => {
    const at = (path: (string | number)[], reason: string): void => void faults.push({ path: ['egress', index, ...path], reason });
    if (captureMode === 'NONE')
      at(['captureMode'], 'applications do not connect to the agent themselves; the hosts are seen as if captured');
    if (of !== undefined && of.number === undefined) at(['port'], 'sockets of the file system are not served; the listener is left out');
    else if (bind !== undefined && bind !== '0.0.0.0' && bind !== '::')
      at(['bind'], 'no listener is opened at an address; the hosts are seen at the port');
  });
  if (into.length > 0) faults.push({ path: ['ingress'], reason: 'connections that a pod receives go to the port that they ask for' });
  if (workloadSelector !== undefined && Object.keys(workloadSelector.labels ?? {}).length === 0) {
    faults.push({ path: ['workloadSelector'], reason: 'without labels it is for all pods of the namespace', severity: 'warning' });
  }
  return faults;
}

export const sidecarSpec = judged(checkedSpec, specFaults).transform(({ ingress: _ingress, ...rest }) => rest);
