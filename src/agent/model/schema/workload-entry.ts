/** networking.istio.io WorkloadEntry, by itself and as an endpoint of a ServiceEntry. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { type Fault, judged, port, text, uint32 } from './fields.ts';
import { fullNameFault, isDnsLabel, labelSelector } from './names.ts';

const UNIX = 'unix://';

const fields = z.object({
  address: text.optional(),
  ports: z.record(text, port).optional(),
  labels: labelSelector.optional(),
  network: text.optional(),
  locality: text.optional(),
  weight: uint32.optional(),
  serviceAccount: text.optional(),
});
export type WorkloadFields = z.output<typeof fields>;
type Complain = (path: (string | number)[], message: string) => void;

export const isUnixAddress = (address: string): boolean => address.startsWith(UNIX);

/** What is wrong with an address of a socket of the file system. */
export function unixAddressFault(address: string): string | null {
  return /^(@|\/(.*[^/])?$)/s.test(address.slice(UNIX.length)) ? null : 'the path of a socket is absolute, of a file, or begins with @';
}

/** Istio's rules (validateWorkloadEntry). */
export function complainOfWorkload({ address, ports, network }: WorkloadFields, names: boolean, complain: Complain): void {
  for (const name of Object.keys(ports ?? {})) if (!isDnsLabel(name)) complain(['ports', name], 'not the name of a port');
  if (address === undefined) {
    if (network === undefined) complain(['address'], 'an address, or a network, must be given');
  } else if (isUnixAddress(address)) {
    const fault = unixAddressFault(address);
    if (fault !== null) complain(['address'], fault);
    if (ports !== undefined) complain(['ports'], 'a socket has no ports');
  } else if (isIP(address) === 0) {
    const fault = fullNameFault(address);
    if (fault !== null) complain(['address'], fault);
    else if (!names) complain(['address'], 'must be an IP address, because nothing asks for names here');
  }
}

/** What cannot be connected to. */
function workloadFaults({ address, network }: WorkloadFields): Fault[] {
  const faults: Fault[] = [];
  if (address === undefined)
    faults.push({ path: ['network'], reason: 'endpoints behind gateways of other networks are not served; it is left out' });
  else if (isUnixAddress(address)) faults.push({ path: ['address'], reason: 'sockets of the file system are not served; it is left out' });
  else if (network !== undefined) faults.push({ path: ['network'], reason: 'networks are not told apart; its address is used' });
  return faults;
}

/** As part of a ServiceEntry, which checks it. */
export const endpoint = judged(fields, workloadFaults);

export const workloadEntrySpec = judged(
  fields.superRefine((value, context) => {
    complainOfWorkload(value, true, (path, message) => context.addIssue({ code: 'custom', path, message }));
  }),
  workloadFaults,
);
