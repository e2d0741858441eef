/** Ranges of IP addresses as keys: `10.0.0.0/8`, `[fd00:0:0:0:0:0:0:0]/8`. */

/** The range of that length that has the address, as a key. */
export function rangeKey(ip: string, bits: number): string {
  const kept = ip.includes(':') ? ipv6(ip) : ip.split('.').map(Number);
  const width = ip.includes(':') ? 16 : 8;
  const masked = kept.map((group, index) => {
    const more = Math.min(width, Math.max(0, bits - index * width));
    return group & ~((1 << (width - more)) - 1) & ((1 << width) - 1);
  });
  if (width === 8) return `${masked.join('.')}/${bits}`;
  return `[${masked.map((group) => group.toString(16)).join(':')}]/${bits}`;
}

/** Whether the range, as a key, has the address. */
export function inRange(ip: string, range: string): boolean {
  return range.startsWith('[') === ip.includes(':') && rangeKey(ip, Number(range.slice(range.indexOf('/') + 1))) === range;
}

/** Its eight groups. */
function ipv6(ip: string): number[] {
  const [head = '', tail] = ip.split('::', 2);
  const groups = (text: string): number[] => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
  const left = groups(head);
  const right = groups(tail ?? '');
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
}
