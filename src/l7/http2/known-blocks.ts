/**
 * Header blocks that have come on a connection before, byte for byte, and what they meant: the heads of most responses of gRPC, their
 * trailers, and the requests of clients that name neither a trace nor a time. What a block means depends on the decoder's table, so one that
 * changes it is not kept, and one that is kept is forgotten when another has changed it.
 *
 *     came once: its hash ──comes again──▶ kept, with its lines ──comes again──▶ its lines
 *
 * Invariants (test/l7/http2/known-blocks.test.ts): a known block gives the head that decoding it would have given; a connection keeps at
 * most PLACES blocks of MOST_BLOCK bytes, whose lines have MOST_TEXT bytes.
 */
import { sameBytes } from '../message/copy-bytes.ts';
import type { BlockKind, HeadLines } from './head-lines.ts';
import type { KeptLines } from './line-spans.ts';

const PLACES = 4;
const MOST_BLOCK = 128;
const MOST_TEXT = 1024;

interface KnownBlock {
  readonly block: Uint8Array;
  readonly kind: BlockKind;
  /** The state of the table (`DynamicTable.version`) and of the known names in which it came. */
  readonly table: number;
  readonly names: number;
  readonly lines: KeptLines;
}

export class KnownBlocks {
  /** By place: the hash of the block that came last. Made with the first block. */
  #seen: Int32Array | null = null;
  readonly #known: (KnownBlock | undefined)[] = [];

  /** The lines of a block that is known. */
  find(kind: BlockKind, bytes: Uint8Array, start: number, end: number, table: number, names: number): KeptLines | null {
    const known = this.#known[placeOf(end - start)];
    if (known === undefined || known.table !== table || known.kind !== kind || known.names !== names) return null;
    return sameBytes(known.block, bytes, start, end) ? known.lines : null;
  }

  /** Takes note of a block that has just been decoded without a change of the table. @param lines what it meant. */
  note(kind: BlockKind, bytes: Uint8Array, start: number, end: number, table: number, names: number, lines: HeadLines): void {
    if (end - start > MOST_BLOCK || lines.size > MOST_TEXT) return;
    let hash: number = kind;
    for (let p = start; p < end; p++) hash = (Math.imul(hash, 31) + (bytes[p] as number)) | 0;
    const place = placeOf(end - start);
    const seen = (this.#seen ??= new Int32Array(PLACES));
    const again = seen[place] === hash;
    seen[place] = hash;
    const kept = again ? lines.keep() : null;
    if (kept !== null) this.#known[place] = { block: bytes.slice(start, end), kind, table, names, lines: kept };
  }
}

/** Blocks that take turns on a connection nearly always differ in length. */
function placeOf(length: number): number {
  return length & (PLACES - 1);
}
