/** What an exception of the engine ends in a transport (rule 8 of src/l7/transport.ts), whichever transport it is. */
import { CloseReason, type ConnectionHandler, type ConnectionId, type Transport } from '../transport.ts';

type FaultListener = Pick<Transport, 'onFault'>;

/** What becomes of an exception that nobody asks for: it leaves the turn. */
export const rethrow: Transport['onFault'] = (error) => {
  throw error;
};

/** Runs `task` again after each exception, for the rest of what it does. */
export function runToEnd(transport: FaultListener, doing: string, task: () => void): void {
  for (;;) {
    try {
      return task();
    } catch (error) {
      transport.onFault(error, -1, doing);
    }
  }
}

/** Of a connection that has just been reset and forgotten because serving it threw: its handler hears of the end, then the fault is told. */
export function tellFault(transport: FaultListener, id: ConnectionId, handler: ConnectionHandler | null, error: unknown): void {
  try {
    handler?.onClose(CloseReason.Failed);
  } catch (second) {
    transport.onFault(second, id, 'ending a connection');
  }
  transport.onFault(error, id, 'serving a connection');
}
