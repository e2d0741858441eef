/** Reads the header blocks of one connection into the lines of heads, each as often as it differs from those before. */
import { BlockFault, type BlockKind, type HeadLines } from './head-lines.ts';
import { Decoded, HpackDecoder } from './hpack-decoder.ts';
import { KnownBlocks } from './known-blocks.ts';

export class BlockReader {
  readonly #decoder: HpackDecoder;
  readonly #known = new KnownBlocks();

  /** @param bound as of HpackDecoder. */
  constructor(bound: number) {
    this.#decoder = new HpackDecoder(bound);
  }

  /** @returns what is wrong with the message, or negative: why the connection is given up (`Decoded`). */
  read(
    kind: BlockKind,
    bytes: Uint8Array,
    start: number,
    end: number,
    lines: HeadLines,
  ): BlockFault | Exclude<Decoded, typeof Decoded.Whole> {
    const { table } = this.#decoder;
    const { version } = table;
    const names = lines.namesVersion;
    const known = this.#known.find(kind, bytes, start, end, version, names);
    if (known !== null) return lines.restore(known);
    lines.begin(kind);
    const decoded = this.#decoder.decode(bytes, start, end, lines);
    if (decoded !== Decoded.Whole) return decoded;
    const fault = lines.finish();
    if (fault === BlockFault.None && table.version === version) this.#known.note(kind, bytes, start, end, version, names, lines);
    return fault;
  }
}
