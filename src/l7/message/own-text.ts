/** ASCII of ours that is written again and again, and its bytes. */
import { socketText } from '../../base/socket-address.ts';
import type { Address } from '../transport.ts';

export class OwnText {
  readonly text: string;
  readonly bytes: Uint8Array;

  constructor(text: string) {
    this.text = text;
    this.bytes = new Uint8Array(Buffer.from(text, 'latin1'));
  }
}

/** There is none. */
export const NO_TEXT = new OwnText('');

/** `ip:port`. */
export function addressText({ ip, port }: Address): OwnText {
  return new OwnText(socketText(ip, port));
}
