/**
 * What the codec promises of any bytes: nothing throws, nothing depends on how they were cut, a block that is let through is one head to
 * the parser of HTTP/1, and what our encoder makes of its fields means the same.
 */
import { BlockReader } from '../../../../src/l7/http2/block-reader.ts';
import { BlockFault, BlockKind, HeadLines } from '../../../../src/l7/http2/head-lines.ts';
import { FrameReader } from '../../../../src/l7/http2/frame-reader.ts';
import { Decoded, HpackDecoder } from '../../../../src/l7/http2/hpack-decoder.ts';
import { HpackEncoder } from '../../../../src/l7/http2/hpack-encoder.ts';
import { parseRequestHead, parseResponseHead } from '../../../../src/l7/http1/parser.ts';
import { DEFAULT_LIMITS, Head } from '../../../../src/l7/message/head.ts';
import { HeaderNames } from '../../../../src/l7/message/header-names.ts';
import { blockOf } from '../peer.ts';
import { decodeBlock } from '../field-list.ts';
import { Heard } from '../heard.ts';

const MOST_IN_FRAME = 16_384;
const names = new HeaderNames();
const head = new Head(names, DEFAULT_LIMITS);

/** Hears frames, and decodes their blocks, each as a head of the same kind. */
class Decoding extends Heard {
  readonly #kind: BlockKind;
  readonly #lines = new HeadLines(names, DEFAULT_LIMITS);
  readonly #decoder = new HpackDecoder(4096);
  readonly #again = { fields: new HpackDecoder(4096), encoder: new HpackEncoder(), decoder: new HpackDecoder(4096) };
  readonly #blocks = new BlockReader(4096);
  readonly #readLines = new HeadLines(names, DEFAULT_LIMITS);
  /** Told when the connection would be given up. */
  stop: () => void = () => {};

  constructor(kind: BlockKind) {
    super();
    this.#kind = kind;
  }

  override onBlock(stream: number, endStream: boolean, bytes: Uint8Array, start: number, end: number): void {
    super.onBlock(stream, endStream, bytes, start, end);
    const lines = this.#lines;
    lines.begin(this.#kind);
    const decoded = this.#decoder.decode(bytes, start, end, lines);
    if (decoded !== Decoded.Whole) {
      this.events.push(`given up ${decoded}`);
      return this.stop();
    }
    const fault = lines.finish();
    this.events.push(`fault ${fault}`);
    this.#encodeAgain(Buffer.from(bytes.subarray(start, end)));
    const text = textOf(lines);
    // Whether it has come before makes no difference.
    const read = this.#blocks.read(this.#kind, bytes, start, end, this.#readLines);
    if (read !== fault || (fault === BlockFault.None && !textOf(this.#readLines).equals(text)))
      throw new Error('a known block means another');
    if (fault === BlockFault.None) this.#parse(text);
  }

  #encodeAgain(block: Buffer): void {
    const { fields, encoder, decoder } = this.#again;
    const meant = decodeBlock(fields, block);
    if (!Array.isArray(meant)) throw new Error(`decoded, and then not: ${meant}`);
    const again = decodeBlock(decoder, blockOf(encoder, meant));
    if (JSON.stringify(again) !== JSON.stringify(meant)) throw new Error(`${JSON.stringify(meant)} became ${JSON.stringify(again)}`);
  }

  #parse(text: Buffer): void {
    this.events.push(text.toString('latin1'));
    if (this.#kind === BlockKind.Trailers) return;
    if (text.indexOf('\r\n\r\n') !== text.length - 4) throw new Error('more than one head, or none');
    const parse = this.#kind === BlockKind.Request ? parseRequestHead : parseResponseHead;
    const next = parse(text, 0, text.length, head, DEFAULT_LIMITS);
    if (next >= 0 && next !== text.length) throw new Error('something follows the head');
    this.events.push(next < 0 ? `refused ${next}` : `head ${head.count}`);
  }
}

function textOf(lines: HeadLines): Buffer {
  const text = Buffer.alloc(lines.size);
  lines.copyTo(text, 0);
  return text;
}

function read(bytes: Buffer, step: number, kind: BlockKind): string {
  const heard = new Decoding(kind);
  const reader = new FrameReader(heard, MOST_IN_FRAME);
  heard.stop = () => reader.stop();
  for (let from = 0; from < bytes.length; from += step) {
    const code = reader.receive(bytes, from, Math.min(bytes.length, from + step));
    if (code !== 0) return JSON.stringify([...heard.events, code]);
  }
  return JSON.stringify(heard.events);
}

/** @param input what a peer sends, behind a byte that says what its blocks are, and in how large pieces it comes. @throws what does not hold. */
export function tryCodec(input: Uint8Array): void {
  const [first = 0] = input;
  const bytes = Buffer.from(input.subarray(1));
  const kind = ((first >> 4) % 3) as BlockKind;
  const whole = read(bytes, Infinity, kind);
  const cut = read(bytes, 1 + (first & 15), kind);
  if (whole !== cut) throw new Error(`whole ${whole}, cut ${cut}`);
}
