/** LocalityLoadBalancerSetting, with the rules of Istio's own validation. */
import { z } from 'zod';
import { present, text, uint32 } from './fields.ts';

const TOPOLOGY = ['topology.kubernetes.io/region', 'topology.kubernetes.io/zone', 'topology.istio.io/subzone'];

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

export const localitySetting = z
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
  });

/** ZoneAwareLoadBalancerSetting: regions are told apart in any case, and what is within one is left to the proxy. */
export const zoneAwareSetting = z
  .object({
    enabled: present(z.boolean()).optional(),
    failover: failover.optional(),
    failoverPriority: z.array(text).optional(),
    minClusterSize: present(uint32).optional(),
  })
  .superRefine(({ failoverPriority: labels = [] }, context) => {
    labels.forEach((label, index) => {
      if (!TOPOLOGY.includes(label)) return;
      context.addIssue({ code: 'custom', path: ['failoverPriority', index], message: 'regions and zones are told apart without it' });
    });
  });
