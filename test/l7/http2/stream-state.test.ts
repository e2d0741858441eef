import t from 'tap';
import { FrameType } from '../../../src/l7/http2/frame.ts';
import { afterEndReceived, afterEndSent, receipt, Receipt, StreamState } from '../../../src/l7/http2/stream-state.ts';

type State = keyof typeof StreamState;
type Frame = Exclude<keyof typeof FrameType, 'Settings' | 'Ping' | 'GoAway' | 'PushPromise' | 'Continuation'>;

/** RFC 9113 §5.1, whole: what does not stand here does not compile. */
const TABLE: Readonly<Record<State, Readonly<Record<Frame, keyof typeof Receipt>>>> = {
  Idle: { Data: 'Protocol', Headers: 'Take', Priority: 'Ignore', RstStream: 'Protocol', WindowUpdate: 'Protocol' },
  Open: { Data: 'Take', Headers: 'Take', Priority: 'Ignore', RstStream: 'Take', WindowUpdate: 'Take' },
  HalfLocal: { Data: 'Take', Headers: 'Take', Priority: 'Ignore', RstStream: 'Take', WindowUpdate: 'Take' },
  HalfRemote: { Data: 'StreamClosed', Headers: 'StreamClosed', Priority: 'Ignore', RstStream: 'Take', WindowUpdate: 'Take' },
  Closed: { Data: 'StreamClosed', Headers: 'ConnectionClosed', Priority: 'Ignore', RstStream: 'Ignore', WindowUpdate: 'Ignore' },
  Reset: { Data: 'Ignore', Headers: 'Ignore', Priority: 'Ignore', RstStream: 'Ignore', WindowUpdate: 'Ignore' },
};

t.test('what is done with each frame in each state', async (t) => {
  for (const [state, frames] of Object.entries(TABLE) as [State, (typeof TABLE)[State]][]) {
    for (const [frame, verdict] of Object.entries(frames) as [Frame, keyof typeof Receipt][])
      t.equal(receipt(StreamState[state], FrameType[frame]), Receipt[verdict], `${frame} in ${state}`);
    t.equal(receipt(StreamState[state], 99), Receipt.Ignore, `an unknown frame in ${state}`);
  }
});

t.test('how states follow each other', async (t) => {
  const { Open, HalfLocal, HalfRemote, Closed } = StreamState;
  t.equal(afterEndReceived(Open), HalfRemote);
  t.equal(afterEndReceived(HalfLocal), Closed);
  t.equal(afterEndSent(Open), HalfLocal);
  t.equal(afterEndSent(HalfRemote), Closed);
});
