/** networking.istio.io ServiceEntry, with the rules of Istio's own validation. */
import { z } from 'zod';
import { type Fault, judged, port, present, text } from './fields.ts';
import { checkedText, dnsLabel, domainFault, labelSelector, subnetFault } from './names.ts';
import { complainOfWorkload, endpoint } from './workload-entry.ts';
import { visibility } from './visibility.ts';

const MAX_HOSTS = 256;
/** As Istio reads them: in any case; what it does not know is `UnsupportedProtocol`, which it refuses. */
const PROTOCOL = /^(tcp|udp|grpc|grpc-web|http|http_proxy|http2|https|tls|mongo|redis|mysql|hbone|doublehbone)$/i;
/** Those that tell several hosts of one port apart. */
const NAMES_HOST = /^(grpc|grpc-web|http|http_proxy|http2|https|tls)$/i;

const host = checkedText((name) => (name === '*' ? 'the host * is not allowed' : domainFault(name)));

const servicePort = z.object({
  number: port,
  protocol: text.regex(PROTOCOL, 'must be one of HTTP, HTTPS, GRPC, GRPC-WEB, HTTP2, MONGO, REDIS, MYSQL, TCP, TLS').optional(),
  name: dnsLabel,
  targetPort: port.optional(),
});

const spec = z.object({
  hosts: z.array(host).min(1, 'at least one host is needed').max(MAX_HOSTS, `at most ${MAX_HOSTS} hosts`),
  addresses: z.array(checkedText(subnetFault)).optional(),
  ports: z.array(servicePort).optional(),
  location: z.enum(['MESH_EXTERNAL', 'MESH_INTERNAL']).optional(),
  resolution: z.enum(['NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS']).optional(),
  endpoints: present(z.array(endpoint)).optional(),
  workloadSelector: z.object({ labels: labelSelector.optional() }).optional(),
  exportTo: visibility({ nobody: true }).optional(),
  subjectAltNames: z.array(text).optional(),
});

type Spec = z.output<typeof spec>;
type Complain = (path: (string | number)[], message: string) => void;

const isDns = (resolution: Spec['resolution']): boolean => resolution === 'DNS' || resolution === 'DNS_ROUND_ROBIN';

function complainOfPorts({ ports = [] }: Spec, complain: Complain): void {
  ports.forEach(({ name, number }, index) => {
    const before = ports.slice(0, index);
    if (before.some((other) => other.name === name)) complain(['ports', index, 'name'], `a port ${name} is already given`);
    if (before.some((other) => other.number === number)) complain(['ports', index, 'number'], `port ${number} is already given`);
  });
}

function complainOfEndpoints({ endpoints = [], ports = [], resolution }: Spec, complain: Complain): void {
  endpoints.forEach((one, index) => {
    const at: Complain = (path, message) => complain(['endpoints', index, ...path], message);
    complainOfWorkload(one, isDns(resolution), at);
    for (const name of Object.keys(one.ports ?? {})) {
      if (!ports.some((given) => given.name === name)) at(['ports', name], 'the ServiceEntry has no port of that name');
    }
  });
}

function complainOfDns({ hosts, endpoints = [], resolution, addresses = [] }: Spec, complain: Complain): void {
  if (isDns(resolution) && endpoints.length === 0) {
    const wide = hosts.findIndex((name) => name.startsWith('*'));
    if (wide >= 0) complain(['hosts', wide], 'a wildcard cannot be asked of DNS: name endpoints, or the hosts in full');
  }
  if (resolution === 'DNS_ROUND_ROBIN' && endpoints.length > 1) complain(['endpoints'], 'DNS_ROUND_ROBIN has one endpoint at most');
  const range = addresses.findIndex((address) => address.includes('/'));
  if (range >= 0 && resolution !== undefined && resolution !== 'NONE' && resolution !== 'STATIC') {
    complain(['addresses', range], 'ranges are for the resolutions NONE and STATIC only');
  }
}

function complainOfDynamicDns({ hosts, addresses, endpoints, ports = [] }: Spec, complain: Complain): void {
  const narrow = hosts.findIndex((name) => !name.startsWith('*'));
  if (narrow >= 0) complain(['hosts', narrow], 'DYNAMIC_DNS needs a wildcard');
  if (addresses !== undefined) complain(['addresses'], 'DYNAMIC_DNS has no addresses');
  if (endpoints !== undefined && endpoints.length > 0) complain(['endpoints'], 'DYNAMIC_DNS has no endpoints');
  ports.forEach(({ protocol = 'TCP' }, index) => {
    const known = /^(http|tls|grpc|http2)$/i.test(protocol);
    if (!known) complain(['ports', index, 'protocol'], 'DYNAMIC_DNS serves HTTP, TLS, GRPC and HTTP2');
  });
}

const checkedSpec = spec.superRefine((value, context) => {
  const complain: Complain = (path, message) => context.addIssue({ code: 'custom', path, message });
  const { hosts, endpoints, workloadSelector, resolution = 'NONE', ports = [] } = value;
  if (workloadSelector !== undefined && endpoints !== undefined)
    complain(['endpoints'], 'endpoints and workloadSelector exclude each other');
  if (resolution === 'NONE' && endpoints !== undefined && endpoints.length > 0)
    complain(['endpoints'], 'the resolution NONE has no endpoints');
  complainOfPorts(value, complain);
  complainOfEndpoints(value, complain);
  complainOfDns(value, complain);
  if (resolution === 'DYNAMIC_DNS') complainOfDynamicDns(value, complain);
  if (resolution !== 'NONE' && hosts.length > 1) {
    const index = ports.findIndex(({ protocol = 'TCP' }) => !NAMES_HOST.test(protocol));
    if (index >= 0) complain(['ports', index, 'protocol'], 'several hosts can be told apart by HTTP and TLS only');
  }
});

function specFaults({ resolution = 'NONE', addresses, ports = [], workloadSelector }: Spec): Fault[] {
  const faults: Fault[] = [];
  if (resolution === 'DYNAMIC_DNS') {
    const reason = 'names are not asked for at the time of a request; the hosts are known and have no endpoint';
    faults.push({ path: ['resolution'], reason });
  }
  if (resolution === 'NONE' && workloadSelector !== undefined) {
    faults.push({ path: ['workloadSelector'], reason: 'the resolution NONE selects nothing', severity: 'warning' });
  }
  if (workloadSelector !== undefined && Object.keys(workloadSelector.labels ?? {}).length === 0) {
    faults.push({ path: ['workloadSelector'], reason: 'without labels it selects nothing', severity: 'warning' });
  }
  ports.forEach(({ protocol = 'TCP' }, index) => {
    if (addresses !== undefined || !/^tcp$/i.test(protocol)) return;
    const reason = 'without addresses, connections to any address at this port are meant';
    faults.push({ path: ['ports', index], reason, severity: 'warning' });
  });
  return faults;
}

export const serviceEntrySpec = judged(checkedSpec, specFaults);
