/** What this process may do beyond others: capabilities(7). */
import { readFileSync } from 'node:fs';

/** A bit for each that is in effect, by its number in linux/capability.h. */
export function effectiveCapabilities(): bigint {
  const found = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return BigInt(`0x${found ?? '0'}`);
}
