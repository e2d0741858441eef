/** SO_MARK of an agent's sockets, by which the kernel programs know them. */
import { murmur3Text } from '../base/hash.ts';

/** The lower half is every agent's. */
const OURS = 0x4e57;
const SEED = 0x6e77;

/**
 * Nodes may share a kernel, as those of kind do, and the programs of each see all sockets of the machine: another agent's must not pass
 * for one's own, or its connections would go past one's rules. So the upper half is of the node's name. A mark is never negative as an int.
 */
export function markOf(node: string, instance = ''): number {
  return ((murmur3Text(`${instance}/${node}`, SEED) & 0x7fff) << 16) | OURS;
}
