/** MurmurHash3 (x86, 32 bits), Austin Appleby's public-domain algorithm: spreads keys over rings and tables. */
export function murmur3(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let h = seed | 0;
  const blocks = start + ((end - start) & ~3);
  for (let i = start; i < blocks; i += 4) {
    const k = (bytes[i] as number) | ((bytes[i + 1] as number) << 8) | ((bytes[i + 2] as number) << 16) | ((bytes[i + 3] as number) << 24);
    h ^= scramble(k);
    h = (h << 13) | (h >>> 19);
    h = (Math.imul(h, 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let i = end - 1; i >= blocks; i--) tail = (tail << 8) | (bytes[i] as number);
  if (end > blocks) h ^= scramble(tail);
  return finish(h ^ (end - start));
}

export function murmur3Text(text: string, seed: number): number {
  const bytes = Buffer.from(text, 'utf8');
  return murmur3(bytes, 0, bytes.length, seed);
}

function scramble(k: number): number {
  k = Math.imul(k, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  return Math.imul(k, 0x1b873593);
}

function finish(h: number): number {
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** 30 bits, for tables of this process: quicker than `murmur3Text`, and no bytes are made. */
export function tableHash(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) & 0x3fff_ffff;
}
