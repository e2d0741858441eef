import type { Trailers } from '../message/stream.ts';

/** Gets a copy of the request's body. */
export interface BodyTap {
  data(bytes: Uint8Array, start: number, end: number): void;
  finish(trailers: Trailers): void;
}
