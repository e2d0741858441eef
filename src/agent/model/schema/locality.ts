/** LocalityLoadBalancerSetting, with the rules of Istio's own validation. */
import { z } from 'zod';
import { present, text, uint32 } from './fields.ts';

const TOPOLOGY = ['topology.kubernetes.io/region', 'topology.kubernetes.io/zone', 'topology.istio.io/subzone'];

const weight = uint32.min(1, 'must be at least 1').max(100, 'must be at most 100');
const distribute = z
  .array(
    z.object({ from: text.optional(), to: z.record(z.string(), weight).optional() }).superRefine(({ to = {} }, context) => {
      const complain = (message: string): void => context.addIssue({ code: 'custom', path: ['to'], message });
      const sum = Object.values(to).reduce((all, one) => all + one, 0);
      if (sum !== 100) return complain(`the weights are ${sum} together, and must be 100`);
      for (const { message } of localityFaults(Object.keys(to))) complain(message);
    }),
  )
  .superRefine((shares, context) => {
    const faults = localityFaults(shares.map(({ from = '' }) => from));
    for (const { index, message } of faults) context.addIssue({ code: 'custom', path: [index, 'from'], message });
  });
const region = text.refine((name) => !/[/*]/.test(name), 'must be a region alone, without / and *');
const failover = z.array(
  z
    .object({ from: region.optional(), to: region.optional() })
    .refine(({ from = '', to = '' }) => from !== to, 'a failover goes to another region'),
);

interface LocalityFault {
  readonly index: number;
  readonly message: string;
}

/** The first of what is wrong with them: `region/zone/subzone`, or a beginning of that, of which none has what another one has. */
function localityFaults(localities: readonly string[]): LocalityFault[] {
  const known = new Map<string, Map<string, Set<string>>>();
  for (const [index, locality] of localities.entries()) {
    const message = localityFault(locality, known);
    if (message !== null) return [{ index, message }];
  }
  return [];
}

/** @param known by region and zone, of those before; the locality is added (Istio's validateLocalities). */
function localityFault(locality: string, known: Map<string, Map<string, Set<string>>>): string | null {
  const [region = '', zone, ...rest] = locality.split('/');
  const subzone = rest.length === 0 ? undefined : rest.join('/');
  if (/\*./.test(locality)) return `${locality}: * stands at the end only`;
  if ([region, zone, subzone].includes('')) return `“${locality}” has an empty region, zone or subzone`;
  const overlap = `${locality} overlaps with one before`;
  const zones = known.get(region);
  if (known.has('*') || (zones !== undefined && (zone === undefined || zones.has('*')))) return overlap;
  const subzones = zones?.get(zone ?? '*');
  if (subzones !== undefined && (subzone === undefined || subzones.has('*') || subzones.has(subzone))) return overlap;
  known.set(region, (zones ?? new Map()).set(zone ?? '*', (subzones ?? new Set()).add(subzone ?? '*')));
  return null;
}

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
