/** The parameters that a peer sends in SETTINGS frames (RFC 9113 §6.5.2, RFC 8441 §3). */
import { DEFAULT_WINDOW, ErrorCode, MAX_FRAME_SIZE, MAX_WINDOW, MIN_FRAME_SIZE, Setting } from './frame.ts';

export class PeerSettings {
  headerTableSize = 4096;
  initialWindow = DEFAULT_WINDOW;
  maxFrame = MIN_FRAME_SIZE;
  maxStreams = Infinity;
  /** Extended CONNECT is taken. */
  connectProtocol = false;

  /** Takes the payload of a frame, a multiple of six bytes. @returns an error of the connection, or 0. */
  take(bytes: Uint8Array, start: number, end: number): ErrorCode {
    for (let p = start; p < end; p += 6) {
      const setting = ((bytes[p] as number) << 8) | (bytes[p + 1] as number);
      const value = bytes[p + 2]! * 2 ** 24 + ((bytes[p + 3]! << 16) | (bytes[p + 4]! << 8) | bytes[p + 5]!);
      const fault = this.#set(setting, value);
      if (fault !== ErrorCode.NoError) return fault;
    }
    return ErrorCode.NoError;
  }

  #set(setting: number, value: number): ErrorCode {
    switch (setting) {
      case Setting.HeaderTableSize:
        this.headerTableSize = value;
        return ErrorCode.NoError;
      case Setting.EnablePush:
        return value > 1 ? ErrorCode.Protocol : ErrorCode.NoError;
      case Setting.MaxConcurrentStreams:
        this.maxStreams = value;
        return ErrorCode.NoError;
      case Setting.InitialWindowSize:
        this.initialWindow = value;
        return value > MAX_WINDOW ? ErrorCode.FlowControl : ErrorCode.NoError;
      case Setting.MaxFrameSize:
        this.maxFrame = value;
        return value < MIN_FRAME_SIZE || value > MAX_FRAME_SIZE ? ErrorCode.Protocol : ErrorCode.NoError;
      case Setting.EnableConnectProtocol:
        this.connectProtocol = value === 1;
        return value > 1 ? ErrorCode.Protocol : ErrorCode.NoError;
      default:
        return ErrorCode.NoError;
    }
  }
}
