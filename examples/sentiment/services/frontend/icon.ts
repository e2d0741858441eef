/** The page's icon, drawn here so that the example carries no binary file: a smile in the build's colour. */
import { crc32, deflateSync } from 'node:zlib';

type Rgb = readonly [number, number, number];

const SIZE = 64;
const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** PNG (ISO/IEC 15948): 8 bits a channel, RGBA, no interlace, every row with filter 0. */
export function iconPng(colour: Rgb): Buffer {
  const rows = Array.from({ length: SIZE }, (_, y) => [0, ...Array.from({ length: SIZE }, (__, x) => pixel(x, y, colour)).flat()]);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(SIZE, 0);
  header.writeUInt32BE(SIZE, 4);
  header.set([8, 6, 0, 0, 0], 8);
  const parts = [chunk('IHDR', header), chunk('IDAT', deflateSync(Buffer.from(rows.flat()))), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([PNG_SIGNATURE, ...parts]);
}

/** An ICO directory of one entry that holds the PNG as it is. */
export function iconIco(png: Buffer): Buffer {
  const directory = Buffer.alloc(22);
  directory.writeUInt16LE(1, 2);
  directory.writeUInt16LE(1, 4);
  directory.set([SIZE, SIZE, 0, 0], 6);
  directory.writeUInt16LE(1, 10);
  directory.writeUInt16LE(32, 12);
  directory.writeUInt32LE(png.length, 14);
  directory.writeUInt32LE(directory.length, 18);
  return Buffer.concat([directory, png]);
}

function pixel(x: number, y: number, [red, green, blue]: Rgb): number[] {
  const [dx, dy] = [x - 31.5, y - 31.5];
  const radius = Math.hypot(dx, dy);
  const eye = Math.hypot(Math.abs(dx) - 11, dy + 9) < 4.5;
  const mouth = dy > 6 && radius > 15 && radius < 20;
  if (radius > 31) return [0, 0, 0, 0];
  return eye || mouth ? [255, 255, 255, 255] : [red, green, blue, 255];
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  framed.set(body, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}
