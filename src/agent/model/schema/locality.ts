/** LocalityLoadBalancerSetting, with the rules of Istio's own validation. */
import { z } from 'zod';
import { type Fault, judged, present, text, uint32 } from './fields.ts';

/** Labels of a place, which the agent knows of its clients and of endpoints. */
const PLACES = [
  'topology.istio.io/network',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
  'topology.istio.io/subzone',
  'kubernetes.io/hostname',
];
const TOPOLOGY = PLACES.slice(1, 4);

const weight = uint32.min(1, 'must be at least 1').max(100, 'must be at most 100');
const distribute = z.array(
  z.object({ from: text.optional(), to: z.record(z.string(), weight).optional() }).superRefine(({ to = {} }, context) => {
    const sum = Object.values(to).reduce((all, one) => all + one, 0);
    if (sum !== 100) context.addIssue({ code: 'custom', path: ['to'], message: `the weights are ${sum} together, and must be 100` });
  }),
);
const region = text.refine((name) => !/[/*]/.test(name), 'must be a region alone, without / and *');
const failover = z.array(
  z
    .object({ from: region.optional(), to: region.optional() })
    .refine(({ from = '', to = '' }) => from !== to, 'a failover goes to another region'),
);

export const localitySetting = judged(
  z
    .object({
      enabled: present(z.boolean()).optional(),
      distribute: distribute.optional(),
      failover: failover.optional(),
      failoverPriority: z.array(text).optional(),
    })
    .superRefine(({ distribute: shares, failover: regions, failoverPriority: labels = [] }, context) => {
      const complain = (field: string, message: string): void => context.addIssue({ code: 'custom', path: [field], message });
      if (shares !== undefined && regions !== undefined) complain('failover', 'distribute and failover exclude each other');
      if (regions !== undefined && labels.some((label) => TOPOLOGY.includes(label)))
        complain('failoverPriority', 'failover and labels of regions, zones and subzones exclude each other');
    }),
  ({ failoverPriority: labels = [] }) =>
    labels.flatMap((label, index): Fault[] =>
      label.includes('=') || PLACES.includes(label)
        ? []
        : [{ path: ['failoverPriority', index], reason: 'a label of clients needs a value here, as in label=value' }],
    ),
);
