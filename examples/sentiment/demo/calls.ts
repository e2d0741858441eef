/** What the steps send. */
import type { Call } from './traffic.ts';

const SENTENCE = 'I love yogobella';

export function analysis(base: string, sentence = SENTENCE): Call {
  return { url: `${base}/sentiment`, method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ sentence }) };
}

export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}
