/** Istio's own codes of what it says of objects (istio.io, "Configuration Analysis Messages"), where it has one. */
import type { Problem } from '../problem.ts';

export const CODE = {
  referenceNotFound: 'IST0101',
  deprecated: 'IST0002',
  schema: 'IST0106',
  meshHostTaken: 'IST0109',
  sidecarSelectors: 'IST0110',
  sidecarsWithoutSelector: 'IST0111',
  portNeeded: 'IST0112',
  portName: 'IST0118',
  unreachableRule: 'IST0130',
  ineffectiveMatch: 'IST0131',
  hostNotInGateway: 'IST0132',
  schemaWarning: 'IST0133',
  addressesNeeded: 'IST0134',
  gatewaysConflict: 'IST0145',
  emptySubset: 'IST0173',
  ruleWithoutHost: 'IST0174',
  /** Istio has none for these. */
  unsupported: 'NDW0001',
  policiesConflict: 'NDW0002',
  nothingBehind: 'NDW0003',
  other: 'NDW0000',
} as const;

const BY_MESSAGE: readonly (readonly [pattern: RegExp, code: string])[] = [
  [/^(there is no (service|Gateway|VirtualService)|no DestinationRule gives|for clients in namespace)/, CODE.referenceNotFound],
  [/ has no port \d+/, CODE.referenceNotFound],
  [/^no request reaches the rule: /, CODE.unreachableRule],
  [/^no request meets it here: /, CODE.ineffectiveMatch],
  [/^VirtualService \S+ has \S+ already$/, CODE.meshHostTaken],
  [/ has none of the hosts$/, CODE.hostNotInGateway],
  [/^Gateway \S+ has port \d+ for /, CODE.gatewaysConflict],
  [/^without addresses, connections to any address/, CODE.addressesNeeded],
];

/** @param alone whether it was found by looking at the object alone. */
export function codeOf({ severity, message, object, path }: Problem, alone: boolean): string {
  if (severity === 'unsupported') return CODE.unsupported;
  if (object?.kind === 'DestinationRule' && path === 'spec.host' && !alone) return CODE.ruleWithoutHost;
  const known = BY_MESSAGE.find(([pattern]) => pattern.test(message));
  return known?.[1] ?? (alone ? (severity === 'warning' ? CODE.schemaWarning : CODE.schema) : CODE.other);
}
