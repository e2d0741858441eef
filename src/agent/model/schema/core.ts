/** Kubernetes' own kinds: only the fields that are read are checked, all others pass as they are. */
import { z } from 'zod';
import { labels } from './fields.ts';

const number = z.number().int();
const selector = z.looseObject({ matchLabels: labels.optional() });
const podTemplate = z.looseObject({ metadata: z.looseObject({ labels: labels.optional(), annotations: labels.optional() }).optional() });
const workload = z.looseObject({ spec: z.looseObject({ selector: selector.optional(), template: podTemplate.optional() }).optional() });
const anything = z.looseObject({});

const pod = z.looseObject({
  spec: z
    .looseObject({
      nodeName: z.string().optional(),
      hostNetwork: z.boolean().optional(),
      serviceAccountName: z.string().optional(),
      containers: z.array(z.looseObject({ name: z.string() })).optional(),
    })
    .optional(),
  status: z.looseObject({ podIP: z.string().optional(), podIPs: z.array(z.looseObject({ ip: z.string() })).optional() }).optional(),
});
const service = z.looseObject({
  spec: z
    .looseObject({
      clusterIP: z.string().optional(),
      clusterIPs: z.array(z.string()).optional(),
      selector: labels.nullish(),
      ports: z
        .array(z.looseObject({ port: number, name: z.string().optional(), targetPort: z.union([number, z.string()]).optional() }))
        .optional(),
    })
    .optional(),
});
const endpointSlice = z.looseObject({
  endpoints: z.array(z.looseObject({ addresses: z.array(z.string()) })).nullish(),
  ports: z.array(z.looseObject({ port: number.nullish() })).nullish(),
});
const keyed = z.looseObject({ data: labels.nullish() });

export const CORE_KINDS: Readonly<Record<string, z.ZodType>> = {
  Namespace: anything,
  Node: anything,
  ServiceAccount: anything,
  Pod: pod,
  Service: service,
  EndpointSlice: endpointSlice,
  Secret: keyed,
  ConfigMap: keyed,
  Deployment: workload,
  ReplicaSet: workload,
  StatefulSet: workload,
  DaemonSet: workload,
  Job: workload,
  CronJob: anything,
};
