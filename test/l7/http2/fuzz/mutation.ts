/** Changes bytes that are frames of HTTP/2 into others: mostly into frames again, with fields near what means something. */
import { frame, splitFrames, TYPES } from '../peer.ts';

const NUMBERS = [0, 1, 2, 3, 4, 5, 7, 9, 15, 16, 30, 31, 61, 62, 63, 64, 65, 126, 127, 128, 190, 191, 192, 254, 255];
const MOST_BYTES = 500;

type Random = () => number;

const below = (random: Random, bound: number): number => random() % bound;
const oneOf = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)] as T;

type Mutation = (bytes: Buffer, random: Random, other: Buffer) => Buffer;

function splice(bytes: Buffer, from: number, to: number, put: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(to)]);
}

function setByte(bytes: Buffer, at: number, value: number): Buffer {
  const changed = Buffer.from(bytes);
  if (at < changed.length) changed[at] = value;
  return changed;
}

/** Of frames: their order, number, types, flags, and payloads. */
function frames(bytes: Buffer, random: Random, other: Buffer): Buffer {
  const own = splitFrames(bytes).frames;
  const theirs = splitFrames(other).frames;
  const list = own.map(({ type, flags, stream, payload }) => frame(type, flags, stream, payload));
  const at = below(random, list.length + 1);
  const chosen = own[at];
  switch (below(random, 5)) {
    case 0:
      list.splice(at, 1);
      break;
    case 1:
      if (theirs.length > 0) {
        const { type, flags, stream, payload } = oneOf(random, theirs);
        list.splice(at, 0, frame(type, flags, stream, payload));
      }
      break;
    case 2:
      if (chosen !== undefined) list[at] = frame(oneOf(random, TYPES), chosen.flags, chosen.stream, chosen.payload);
      break;
    case 3:
      if (chosen !== undefined)
        list[at] = frame(chosen.type, oneOf(random, [0, 1, 4, 5, 8, 12, 13, 32, 36, 45]), chosen.stream, chosen.payload);
      break;
    default:
      if (chosen !== undefined)
        list[at] = frame(chosen.type, chosen.flags, chosen.stream, oneOf(random, BYTES)(Buffer.from(chosen.payload), random, other));
  }
  return Buffer.concat(list);
}

const BYTES: readonly Mutation[] = [
  (bytes, random) => setByte(bytes, below(random, bytes.length + 1), oneOf(random, NUMBERS)),
  (bytes, random) => setByte(bytes, below(random, bytes.length + 1), below(random, 256)),
  (bytes, random) => {
    const at = below(random, bytes.length + 1);
    return setByte(bytes, at, (bytes[at] ?? 0) ^ (1 << below(random, 8)));
  },
  (bytes, random) => {
    const at = below(random, bytes.length + 1);
    return splice(bytes, at, at, Buffer.from([oneOf(random, NUMBERS)]));
  },
  (bytes, random) => {
    const from = below(random, bytes.length + 1);
    return splice(bytes, from, from + 1 + below(random, 8), Buffer.alloc(0));
  },
  (bytes, random, other) => {
    const from = below(random, other.length + 1);
    const at = below(random, bytes.length + 1);
    return splice(bytes, at, at, other.subarray(from, from + 1 + below(random, 30)));
  },
];

/** @param other whose parts may be taken over. The first byte is no frame's: it says how the rest is read. */
export function mutate(input: Buffer, random: Random, other: Buffer): Buffer {
  let first = input[0] ?? 0;
  let rest = input.subarray(1);
  for (let left = 1 + below(random, 4); left > 0; left--) {
    const kind = below(random, 8);
    if (kind === 0) first = below(random, 256);
    else rest = (kind < 5 ? frames : oneOf(random, BYTES))(rest, random, other.subarray(1));
  }
  return Buffer.concat([Buffer.from([first]), rest]).subarray(0, MOST_BYTES);
}
