/**
 * HPACK's Huffman code (RFC 7541 §5.2, appendix B). The code is canonical: codes of one length are consecutive numbers in the order of
 * their symbols, so the lengths of the codes are the whole table.
 *
 * Decoding takes four bits a step. A state is an inner node of the code's tree; the shortest code has five bits, so a step ends
 * one symbol at most.
 */

/** Bits of the code of each symbol, as runs of `bits × count`; the last symbol is EOS. */
const RUNS =
  '13 23 28×7 24 30 28×2 30 28×8 30 28×9 6 10×2 12 13 6 8 11 10×2 8 11 8 6×3 5×3 6×7 7 8 15 6 12 10 13 6 7×22 8 7 8 13 19 13 14 6 15 ' +
  '5 6 5 6 5 6×3 5 7×2 6×3 5 6 7 6 5×2 6 7×5 15 11 14 13 28 20 22 20×2 22×3 23 22 23×5 24 23 24×2 22 23 24 23×4 21 22 23 22 23×2 24 22 ' +
  '21 20 22×2 23×2 21 23 22×2 24 21 22 23×2 21×2 22 21 23 22 23×2 20 22×3 23 22×2 23 26×2 20 19 22 23 22 25 26×3 27×2 26 24 25 19 21 26 ' +
  '27×2 26 27 24 21×2 26×2 28 27×3 20 24 20 21 22 21×2 23 22×2 25×2 24×2 26 23 26 27 26×2 27×5 28 27×5 26 30';
const SYMBOLS = 257;
const EOS = 256;

const LENGTHS: Uint8Array = Uint8Array.from(
  RUNS.split(' ').flatMap((run) => {
    const [bits = 0, count = 1] = run.split('×').map(Number);
    return Array.from<number>({ length: count }).fill(bits);
  }),
);

/** The codes, right-aligned. */
const CODES: Uint32Array = (() => {
  const codes = new Uint32Array(SYMBOLS);
  const symbols = Array.from(LENGTHS.keys()).sort((a, b) => length(a) - length(b) || a - b);
  let code = 0;
  let bits = length(symbols[0] as number);
  for (const symbol of symbols) {
    code *= 2 ** (length(symbol) - bits);
    bits = length(symbol);
    codes[symbol] = code++;
  }
  return codes;
})();

function length(symbol: number): number {
  return LENGTHS[symbol] as number;
}

/** Of a step: the symbol that it ends, if EMITS. */
const EMITS = 1 << 16;
const FAILS = 1 << 17;

interface Decoding {
  /** By `state << 4 | bits`: the next state, the symbol in bits 8 to 15, and flags. */
  readonly steps: Int32Array;
  /** 1 for states in which the text may end: what has come since the last symbol is less than a byte of ones (the beginning of EOS). */
  readonly ends: Uint8Array;
}

const DECODING: Decoding = (() => {
  const children = tree();
  const steps = new Int32Array((children.length / 2) * 16);
  for (let state = 0; state < children.length / 2; state++)
    for (let bits = 0; bits < 16; bits++) steps[(state << 4) | bits] = step(children, state, bits);
  const ends = new Uint8Array(children.length / 2);
  for (let state = 0, ones = 0; ones < 8; ones++, state = children[2 * state + 1] as number) ends[state] = 1;
  return { steps, ends };
})();

/** Inner nodes, two children each: another node, or −1 − symbol. */
function tree(): number[] {
  const children = [0, 0];
  for (let symbol = 0; symbol < SYMBOLS; symbol++) {
    let node = 0;
    for (let bit = length(symbol) - 1; bit > 0; bit--) {
      const child = 2 * node + (((CODES[symbol] as number) >>> bit) & 1);
      if (children[child] === 0) {
        children[child] = children.length / 2;
        children.push(0, 0);
      }
      node = children[child] as number;
    }
    children[2 * node + ((CODES[symbol] as number) & 1)] = -1 - symbol;
  }
  return children;
}

function step(children: readonly number[], state: number, bits: number): number {
  let found = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const next = children[2 * state + ((bits >>> bit) & 1)] as number;
    if (next === -1 - EOS) return FAILS;
    if (next < 0) found = EMITS | ((-1 - next) << 8);
    state = Math.max(0, next);
  }
  return found | state;
}

/** Text takes at most this many bytes for each coded one: the shortest code has five bits. */
export const EXPANSION = 1.6;

/**
 * Decodes `bytes[start, end)` to `out[at, …)`, which has room for it.
 * @returns the end of the text, or −1: EOS stands in it, or it ends with something else than the beginning of EOS.
 */
export function huffmanDecode(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  const { steps, ends } = DECODING;
  let state = 0;
  for (let p = start; p < end; p++) {
    const byte = bytes[p] as number;
    const high = steps[(state << 4) | (byte >>> 4)] as number;
    if (high >= FAILS) return -1;
    if (high >= EMITS) out[at++] = (high >>> 8) & 255;
    const low = steps[((high & 255) << 4) | (byte & 15)] as number;
    if (low >= FAILS) return -1;
    if (low >= EMITS) out[at++] = (low >>> 8) & 255;
    state = low & 255;
  }
  return ends[state] === 1 ? at : -1;
}

/** Bits of a code that find room in a word beside those that wait; of a longer one the first eight go before. */
const LONGEST_AT_ONCE = 24;

/** Bytes that `huffmanEncode` writes. */
export function huffmanLength(bytes: Uint8Array, start: number, end: number): number {
  let bits = 0;
  for (let p = start; p < end; p++) bits += LENGTHS[bytes[p] as number] as number;
  return (bits + 7) >>> 3;
}

/** Writes the code of `bytes[start, end)` to `out[at, …)` and returns where it ends. */
export function huffmanEncode(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  // At most 7 bits wait for a whole byte. Those that went out are shifted out of the word by and by.
  let waiting = 0;
  let count = 0;
  for (let p = start; p < end; p++) {
    const symbol = bytes[p] as number;
    let code = CODES[symbol] as number;
    let bits = LENGTHS[symbol] as number;
    if (bits > LONGEST_AT_ONCE) {
      bits -= 8;
      out[at++] = (waiting << (8 - count)) | (code >>> (bits + count));
      waiting = code >>> bits;
      code &= (1 << bits) - 1;
    }
    waiting = (waiting << bits) | code;
    count += bits;
    while (count >= 8) out[at++] = waiting >>> (count -= 8);
  }
  if (count > 0) out[at++] = (waiting << (8 - count)) | ((1 << (8 - count)) - 1);
  return at;
}
