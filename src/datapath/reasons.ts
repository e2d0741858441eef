/** Written by scripts/generate-abi from bpf/lib/abi.h; not to be edited. */

export interface Reason {
  readonly name: string;
  readonly help: string;
}

/** Why the kernel programs decided as they did; the index is that in the map of counters. */
export const REASONS: readonly Reason[] = [
  { name: 'outbound_captured', help: 'Outbound connections given to the agent' },
  { name: 'outbound_to_self', help: 'Connections of a pod to itself, left alone' },
  { name: 'outbound_loop_refused', help: "Connections of a pod to the agent's own listeners, refused" },
  { name: 'outbound_passed', help: 'Outbound connections that went straight because there is no agent' },
  { name: 'outbound_refused', help: 'Outbound connections refused because there is no agent' },
  { name: 'outbound_scoped', help: 'Outbound connections bound to a device or a link, which went straight' },
  { name: 'outbound_clashing', help: 'Outbound connections from a port that has a connection to the agent already, which went straight' },
  { name: 'destination_unstored', help: 'Original destinations that could not be stored' },
  { name: 'inbound_captured', help: 'Inbound connections given to the agent' },
  { name: 'inbound_through', help: 'Inbound connections that are probes or were through the agent before' },
  { name: 'inbound_loop_refused', help: "Inbound connections to the agent's own listeners, refused" },
  { name: 'inbound_passed', help: 'Inbound connections that went straight because there is no agent' },
  { name: 'inbound_refused', help: 'Inbound connections refused because there is no agent' },
];
