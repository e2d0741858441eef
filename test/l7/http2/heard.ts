/** A sink of the frame reader that writes down what it hears; pieces of DATA are joined. */
import { ErrorCode } from '../../../src/l7/http2/frame.ts';
import type { FrameSink } from '../../../src/l7/http2/frame-reader.ts';

export class Heard implements FrameSink {
  readonly events: string[] = [];
  #data = '';

  onFrame(type: number, flags: number, stream: number, length: number): ErrorCode {
    this.events.push(`frame ${type} ${flags} ${stream} ${length}`);
    return ErrorCode.NoError;
  }

  onDataPiece(bytes: Uint8Array, start: number, end: number): void {
    this.#data += hex(bytes, start, end);
  }

  onDataEnd(stream: number, endStream: boolean): void {
    this.events.push(`data ${stream} ${this.#data} ${endStream}`);
    this.#data = '';
  }

  onBlock(stream: number, endStream: boolean, bytes: Uint8Array, start: number, end: number): void {
    this.events.push(`block ${stream} ${hex(bytes, start, end)} ${endStream}`);
  }

  onReset(stream: number, code: number): void {
    this.events.push(`reset ${stream} ${code}`);
  }

  onSettings(bytes: Uint8Array, start: number, end: number): void {
    this.events.push(`settings ${hex(bytes, start, end)}`);
  }

  onSettingsAck(): void {
    this.events.push('settings ack');
  }

  onPing(bytes: Uint8Array, start: number, ack: boolean): void {
    this.events.push(`ping ${hex(bytes, start, start + 8)} ${ack}`);
  }

  onGoAway(lastStream: number, code: number): void {
    this.events.push(`goaway ${lastStream} ${code}`);
  }

  onWindow(stream: number, increment: number): void {
    this.events.push(`window ${stream} ${increment}`);
  }
}

function hex(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.subarray(start, end)).toString('hex');
}
