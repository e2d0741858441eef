/** Kubernetes' own kinds: only the fields that are read are checked and kept, all others pass. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { type Fault, judged, partial, port, present, stringMap, text } from './fields.ts';

/** RFC 3339, as the API server takes and writes times. */
const time = text.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[-+]\d\d:\d\d)$/, 'must be a time such as 2026-01-31T12:00:00Z');
const ownerReference = partial({
  kind: text,
  name: text,
  uid: text.optional(),
  controller: z.boolean().optional(),
});
const labelled = { labels: stringMap.optional(), annotations: stringMap.optional() };
export const metadata = partial({
  name: text,
  namespace: text.optional(),
  ...labelled,
  creationTimestamp: time.optional(),
  deletionTimestamp: time.optional(),
  ownerReferences: z.array(ownerReference).optional(),
  uid: text.optional(),
});

/** An object of one kind. */
export function kind<K extends string, S extends z.ZodRawShape>(name: K, shape: S) {
  return partial({ apiVersion: text, kind: z.literal(name), metadata, ...shape });
}

/** The same list where all items fit, as nearly always: what `filter` makes has room for sixteen more. */
function only<T>(items: T[], fits: (item: T) => boolean): T[] {
  return items.every(fits) ? items : items.filter(fits);
}

/** An address at which a connection can be made; scoped addresses (`%eth0`) belong to one host. */
const isAddress = (address: string): boolean => isIP(address) !== 0 && !address.includes('%') && !/^(0\.0\.0\.0|[0:]+)$/.test(address);
const leftOut = (path: Fault['path'], address: string): Fault => ({
  path,
  reason: `${JSON.stringify(address)} is not an IP address of a host; it is left out`,
  severity: 'error',
});

const workload = {
  spec: partial({
    selector: partial({ matchLabels: stringMap.optional() }).optional(),
    template: partial({ metadata: partial(labelled).optional() }).optional(),
  }).optional(),
};

const containerPort = partial({ name: text.optional(), containerPort: port, protocol: text.optional() });
const container = partial({
  name: text,
  ports: z.array(containerPort).optional(),
  restartPolicy: text.optional(),
});
const podStatus = judged(
  partial({
    phase: text.optional(),
    podIP: text.optional(),
    podIPs: z.array(partial({ ip: text })).optional(),
    conditions: z.array(partial({ type: text, status: text })).optional(),
  }),
  ({ podIP, podIPs = [] }) => [
    ...(podIP === undefined || isAddress(podIP) ? [] : [leftOut(['podIP'], podIP)]),
    ...podIPs.flatMap(({ ip }, index) => (isAddress(ip) ? [] : [leftOut(['podIPs', index, 'ip'], ip)])),
  ],
).transform(({ podIP, podIPs, ...rest }) => ({
  ...rest,
  ...(podIP !== undefined && isAddress(podIP) && { podIP }),
  ...(podIPs !== undefined && { podIPs: only(podIPs, ({ ip }) => isAddress(ip)) }),
}));
const pod = {
  spec: partial({
    nodeName: text.optional(),
    hostNetwork: z.boolean().optional(),
    hostname: text.optional(),
    subdomain: text.optional(),
    serviceAccountName: text.optional(),
    containers: z.array(container).optional(),
    initContainers: z.array(container).optional(),
  }).optional(),
  status: podStatus.optional(),
};

const servicePort = partial({
  name: text.optional(),
  port,
  protocol: text.optional(),
  appProtocol: text.optional(),
  targetPort: z.union([port, text]).optional(),
});
const isClusterAddress = (address: string): boolean => address === 'None' || isAddress(address);
const serviceSpec = judged(
  partial({
    type: text.optional(),
    clusterIP: text.optional(),
    clusterIPs: z.array(text).optional(),
    ipFamilies: z.array(text).optional(),
    externalName: text.optional(),
    selector: stringMap.optional(),
    publishNotReadyAddresses: z.boolean().optional(),
    trafficDistribution: text.optional(),
    ports: z.array(servicePort).optional(),
  }),
  ({ clusterIP, clusterIPs = [] }) => [
    ...(clusterIP === undefined || isClusterAddress(clusterIP) ? [] : [leftOut(['clusterIP'], clusterIP)]),
    ...clusterIPs.flatMap((ip, index) => (isClusterAddress(ip) ? [] : [leftOut(['clusterIPs', index], ip)])),
  ],
).transform(({ clusterIP, clusterIPs, ...rest }) => ({
  ...rest,
  ...(clusterIP !== undefined && isClusterAddress(clusterIP) && { clusterIP }),
  ...(clusterIPs !== undefined && { clusterIPs: only(clusterIPs, isClusterAddress) }),
}));

const targetRef = partial({ kind: text.optional(), name: text.optional(), namespace: text.optional() }).optional();
const pointed = present(z.boolean()).optional();
const sliceEndpoint = partial({
  addresses: z.array(text),
  hostname: text.optional(),
  nodeName: text.optional(),
  zone: text.optional(),
  conditions: partial({ ready: pointed, serving: pointed, terminating: pointed }).optional(),
  targetRef,
});
/** A slice whose type is `FQDN` has names, which nobody reads. */
const fits = (addressType: string | undefined, address: string): boolean =>
  addressType === 'FQDN' ||
  (isAddress(address) && !(addressType === 'IPv4' && address.includes(':')) && !(addressType === 'IPv6' && !address.includes(':')));
const endpointSlice = judged(
  kind('EndpointSlice', {
    addressType: text.optional(),
    endpoints: z.array(sliceEndpoint).optional(),
    // Without a number: all ports of the endpoint.
    ports: z.array(partial({ name: text.optional(), port: present(port).optional(), protocol: text.optional() })).optional(),
  }),
  ({ addressType, endpoints = [] }) =>
    endpoints.flatMap(({ addresses }, index) =>
      addresses.flatMap((address, position) =>
        fits(addressType, address) ? [] : [leftOut(['endpoints', index, 'addresses', position], address)],
      ),
    ),
).transform(({ endpoints, ...slice }) => ({
  ...slice,
  ...(endpoints !== undefined && {
    endpoints: endpoints.map((endpoint) => ({
      ...endpoint,
      addresses: only(endpoint.addresses, (address) => fits(slice.addressType, address)),
    })),
  }),
}));

const endpointAddress = partial({ ip: text, hostname: text.optional(), nodeName: text.optional(), targetRef });
const subset = judged(
  partial({
    addresses: z.array(endpointAddress).optional(),
    notReadyAddresses: z.array(endpointAddress).optional(),
    ports: z.array(partial({ name: text.optional(), port, protocol: text.optional(), appProtocol: text.optional() })).optional(),
  }),
  ({ addresses = [] }) => addresses.flatMap(({ ip }, index) => (isAddress(ip) ? [] : [leftOut(['addresses', index, 'ip'], ip)])),
).transform(({ addresses, ...rest }) => ({
  ...rest,
  ...(addresses !== undefined && { addresses: only(addresses, ({ ip }) => isAddress(ip)) }),
}));

export const KUBERNETES_KINDS = {
  Namespace: kind('Namespace', {}),
  Node: kind('Node', {}),
  ServiceAccount: kind('ServiceAccount', {}),
  Pod: kind('Pod', pod),
  Service: kind('Service', { spec: serviceSpec.optional() }),
  Endpoints: kind('Endpoints', { subsets: z.array(subset).optional() }),
  EndpointSlice: endpointSlice,
  /** `data` is base64. */
  Secret: kind('Secret', { type: text.optional(), data: stringMap.optional(), stringData: stringMap.optional() }),
  ConfigMap: kind('ConfigMap', { data: stringMap.optional() }),
  Deployment: kind('Deployment', workload),
  ReplicaSet: kind('ReplicaSet', workload),
  StatefulSet: kind('StatefulSet', workload),
  DaemonSet: kind('DaemonSet', workload),
  Job: kind('Job', workload),
  CronJob: kind('CronJob', {}),
};
