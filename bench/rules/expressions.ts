/** Regular expressions: what a match costs, also with a pattern that is meant to be slow. V8's own engine stands beside for scale. */
import { compileRegex } from '../../src/base/regex.ts';
import { median } from './matching.ts';

export interface ExpressionCost {
  readonly pattern: string;
  readonly text: string;
  readonly ownUs: number;
  /** Null: it takes longer than a request may. */
  readonly v8Us: number | null;
}

const PATTERNS: readonly (readonly [pattern: string, text: string, name: string, hangs?: boolean])[] = [
  ['/api/v[0-9]+/.*', '/api/v1/products', '16 bytes'],
  ['^(.*?;)?(user=jason)(;.*)?$', 'session=1;user=jason', '20 bytes'],
  ['.*chrome.*', `Mozilla/5.0 (X11; Linux) AppleWebKit/537.36 ${'x'.repeat(40)} chrome/99`, '93 bytes'],
  ['(a*)*b', 'a'.repeat(8192), '8 KiB of a', true],
  ['(.*a.{30}){1,9}', 'ab'.repeat(4096), '8 KiB of ab', true],
];

export function measureExpressions(rounds: number, clock: () => number): ExpressionCost[] {
  return PATTERNS.map(([pattern, text, name, hangs]) => {
    const own = compileRegex(pattern);
    if (!own.ok) throw new Error(own.error);
    const v8 = hangs === true ? null : new RegExp(`^(?:${pattern})$`, 'u');
    return {
      pattern,
      text: name,
      ownUs: microseconds(() => own.regex.matches(text), rounds, clock),
      v8Us: v8 === null ? null : microseconds(() => v8.test(text), rounds, clock),
    };
  });
}

function microseconds(run: () => boolean, rounds: number, clock: () => number): number {
  run();
  const samples: number[] = [];
  for (let round = 0; round < rounds; round++) {
    let count = 1;
    for (;;) {
      const started = clock();
      for (let i = 0; i < count; i++) run();
      const took = clock() - started;
      if (took > 4) {
        samples.push((took * 1000) / count);
        break;
      }
      count *= 2;
    }
  }
  return median(samples);
}
