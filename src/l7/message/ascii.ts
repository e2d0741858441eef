/** Names of hosts, headers and schemes are compared without regard to the case of ASCII letters. */
export function lower(byte: number): number {
  return byte >= 65 && byte <= 90 ? byte + 32 : byte;
}
