/** Written by scripts/generate-abi from bpf/lib/abi.h; not to be edited. */
export const OUTBOUND_PORT = 15001;
export const INBOUND_PORT = 15006;
export const TUNNEL_PORT = 15008;
/** The ports that the agent takes in every enrolled pod. */
export const AGENT_PORTS: readonly number[] = [OUTBOUND_PORT, INBOUND_PORT, TUNNEL_PORT];
export const MAX_PODS = 1024;

/** Sizes of the maps' keys and values, and where their fields begin, in bytes. */
export const LAYOUT = {
  pod: { size: 56, slot: 0, fail_closed: 4, own4: 8, own6: 24, owner: 40 },
  pod_address: { size: 24, cookie: 0, address: 8 },
  origin_key: { size: 32, cookie: 0, source: 8, port: 24 },
  destination: { size: 20, address: 0, port: 16 },
  liveness: { size: 24, beat_ns: 0, timeout_ns: 8, mark: 16 },
} as const;

/** Facts of bpf/lib/outbound_decision.h, a byte each. */
export const OUTBOUND_FACTS = [
  'tcp',
  'agent_known',
  'agents_own',
  'agents_onward',
  'prober',
  'enrolled',
  'fail_closed',
  'to_self',
  'to_agent_port',
  'scoped',
  'alive',
  'listening',
  'clashing',
] as const;

/** Facts of bpf/lib/inbound_decision.h, a byte each. */
export const INBOUND_FACTS = [
  'tcp',
  'enrolled',
  'fail_closed',
  'to_loopback',
  'alive',
  'to_agent_port',
  'from_self',
  'through',
  'listening',
] as const;

/** Facts of bpf/lib/local_name_decision.h, a byte each. */
export const LOCAL_NAME_FACTS = ['captured', 'bound', 'known', 'at_loopback'] as const;
