/** The rule for exceptions, run against every implementation. */
import { Timer } from '../../../src/base/timer-wheel.ts';
import type { ContractCase } from './contract.ts';
import { listen, type Peer, Recorder, until } from './lab.ts';

class Thrower extends Recorder {
  override onData(start: number, end: number): void {
    super.onData(start, end);
    if (this.received().toString() === 'bad') throw new Error('cannot read this');
  }
}

export const faultCases: Record<string, ContractCase> = {
  async 'an exception of one handler ends its connection; the others of the batch get theirs'(test, lab) {
    const { transport } = lab;
    const faults: string[] = [];
    transport.onFault = (error, id, doing) => void faults.push(`${(error as Error).message} ${id >= 0} ${doing}`);
    const { address, handlers } = listen(transport, (one) => new Thrower(one));
    const peers: Peer[] = [];
    for (let i = 0; i < 9; i++) peers.push(await lab.dial(address));
    await until(() => handlers.length === 9, 'all are accepted');
    peers.forEach((peer, i) => peer.write(Buffer.from(i === 4 ? 'bad' : 'fine')));
    await until(() => handlers.filter((handler) => handler.bytes > 0).length === 9, 'all are served');
    await until(() => peers[4]!.wasReset, 'the reset of the one');
    test.same(faults, ['cannot read this true serving a connection']);
    test.equal(handlers.filter((handler) => handler.has('close')).length, 1);
    test.equal(transport.connections, 8);
    peers[5]!.write(Buffer.from('more'));
    await until(() => handlers.some((handler) => handler.received().toString() === 'finemore'), 'they go on');
  },

  async 'an exception of an acceptor, of a timer, of a deferred task'(test, lab) {
    const { transport } = lab;
    const faults: string[] = [];
    const fail = (what: string): never => {
      throw new Error(what);
    };
    transport.onFault = (error, _id, doing) => void faults.push(`${(error as Error).message}: ${doing}`);
    let accepts = 0;
    const listener = transport.listen({ address: '127.0.0.1', port: 0 }, { onAccept: () => (++accepts === 1 ? fail('acceptor') : null) });
    // The reset may come while the peer still connects.
    const dial = (): Promise<unknown> => lab.dial(transport.listenerAddress(listener)).catch(() => null);
    await dial();
    await until(() => faults.length === 1, 'the fault is told');
    await dial();
    await until(() => accepts === 2, 'the next one is accepted as well');
    const fired: number[] = [];
    for (const delay of [8, 8, 8]) {
      transport.timers.arm(
        new Timer(() => {
          fired.push(delay);
          if (fired.length === 2) fail('timer');
        }),
        delay,
      );
    }
    await until(() => fired.length === 3, 'every timer');
    let ran = 0;
    for (let i = 0; i < 3; i++) transport.defer(() => void (++ran === 2 && fail('task')));
    await until(() => ran === 3, 'every task');
    test.same(faults, ['acceptor: serving a connection', 'timer: a timer', 'task: a deferred task']);
    await until(() => transport.connections === 0, 'nothing is left');
  },
};
