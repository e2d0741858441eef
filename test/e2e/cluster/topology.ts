/**
 * Names and addresses of a cluster on one machine. A node is a network namespace and a mount namespace; all are on one bridge.
 *
 *     control plane, DNS ── 10.78.0.254 ── bridge nwt-br ─┬─ 10.78.0.1 node1, pods 10.244.1.0/24
 *     (this machine)                                      └─ 10.78.0.2 node2, pods 10.244.2.0/24
 */
export const BRIDGE = 'nwt-br';
export const HOST_ADDRESS = '10.78.0.254';
export const SERVICE_CIDR = '10.96.0.0/16';
export const POD_CIDR = '10.244.0.0/16';

export type ProxyMode = 'nftables' | 'iptables';

export interface NodePlace {
  readonly name: string;
  readonly address: string;
  readonly podCidr: string;
  /** Of its network namespace, its link on the bridge, and its cgroups. */
  readonly label: string;
}

export function nodePlace(number: number): NodePlace {
  return { name: `node${number}`, address: `10.78.0.${number}`, podCidr: `10.244.${number}.0/24`, label: `nwt-node${number}` };
}
