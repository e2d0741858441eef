/** The real worker, which breaks when the test asks for it. */
import { workerData } from 'node:worker_threads';
import type { WorkerSettings } from '../../../src/agent/worker-pool/protocol.ts';

export type Fault = 'throw' | 'hang' | 'exit' | 'reject';

const FAULTS: Readonly<Record<Fault, () => void>> = {
  throw: () => {
    throw new Error('broken on purpose');
  },
  hang: () => {
    for (;;);
  },
  exit: () => process.exit(3),
  reject: () => void Promise.reject(new Error('rejected on purpose')),
};

const channel = new BroadcastChannel('nodeway-test-faults');
channel.onmessage = (event: MessageEvent) => {
  const { index, fault } = event.data as { index: number; fault: Fault };
  if (index !== (workerData as WorkerSettings).index) return;
  setImmediate(() => {
    channel.postMessage('breaks');
    FAULTS[fault]();
  });
};
channel.unref();

await import('../../../src/agent/worker-pool/worker.ts');
