/** A wait that ends early when it is aborted. */
import type { Clock } from './clock.ts';

export function sleep(clock: Pick<Clock, 'after'>, ms: number, end: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (end.aborted) return resolve();
    const done = (): void => {
      cancel();
      end.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    end.addEventListener('abort', done);
  });
}
