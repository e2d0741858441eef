/**
 * The life of a stream (RFC 9113 §5.1), without the states of pushed ones, as pure decisions.
 *
 *     idle ──HEADERS──▶ open ──END_STREAM sent──▶ half-closed (local) ──END_STREAM received──▶ closed
 *                        └────END_STREAM received──▶ half-closed (remote) ──END_STREAM sent──▶ closed
 *     any of these ──RST_STREAM received──▶ closed              ──RST_STREAM sent──▶ reset: what was under way is ignored
 */
import { FrameType } from './frame.ts';

export const StreamState = { Idle: 0, Open: 1, HalfLocal: 2, HalfRemote: 3, Closed: 4, Reset: 5 } as const;
export type StreamState = (typeof StreamState)[keyof typeof StreamState];

/** What is to be done with a frame that has come. */
export const Receipt = {
  Take: 0,
  Ignore: 1,
  /** An error of the stream: STREAM_CLOSED. */
  StreamClosed: 2,
  /** An error of the connection: STREAM_CLOSED. */
  ConnectionClosed: 3,
  /** An error of the connection: PROTOCOL_ERROR. */
  Protocol: 4,
} as const;
export type Receipt = (typeof Receipt)[keyof typeof Receipt];

/** @param type of a frame that belongs to a stream. */
export function receipt(state: StreamState, type: number): Receipt {
  if (type === FrameType.Priority || type > FrameType.Continuation) return Receipt.Ignore;
  const carriesContent = type === FrameType.Data || type === FrameType.Headers;
  switch (state) {
    case StreamState.Idle:
      return type === FrameType.Headers ? Receipt.Take : Receipt.Protocol;
    case StreamState.Open:
    case StreamState.HalfLocal:
      return Receipt.Take;
    case StreamState.HalfRemote:
      return carriesContent ? Receipt.StreamClosed : Receipt.Take;
    case StreamState.Closed:
      if (type === FrameType.Headers) return Receipt.ConnectionClosed;
      return carriesContent ? Receipt.StreamClosed : Receipt.Ignore;
    case StreamState.Reset:
      return Receipt.Ignore;
  }
}

export function afterEndReceived(state: StreamState): StreamState {
  return state === StreamState.Open ? StreamState.HalfRemote : StreamState.Closed;
}

export function afterEndSent(state: StreamState): StreamState {
  return state === StreamState.Open ? StreamState.HalfLocal : StreamState.Closed;
}
