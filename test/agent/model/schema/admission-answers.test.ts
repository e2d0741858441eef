/**
 * What Istio's own admission webhook says of fields that this release does not serve, or serves in part: what it refuses is refused, and
 * what it takes is taken.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { storeOf } from './problems-of.ts';

interface Verdict {
  readonly kind: string;
  readonly spec: unknown;
  /** Null: it takes it. */
  readonly error: string | null;
  readonly warning?: string;
}

const { verdicts } = JSON.parse(readFileSync(new URL('admission-answers.json', import.meta.url), 'utf8')) as {
  verdicts: readonly Verdict[];
};

t.test('objects are refused as Istio refuses them', async (t) => {
  for (const { kind, spec, error } of verdicts) {
    const apiVersion = `${kind === 'Telemetry' ? 'telemetry' : 'networking'}.istio.io/v1`;
    const problems = storeOf(JSON.stringify({ apiVersion, kind, metadata: { name: 'a' }, spec })).problems();
    const errors = problems.filter(({ severity }) => severity === 'error').map(({ path, message }) => `${path}: ${message}`);
    t.equal(errors.length > 0, error !== null, `${kind} ${JSON.stringify(spec)}`, { errors, error });
  }
});

t.test('what Istio warns of is told', async (t) => {
  for (const { kind, spec, warning } of verdicts) {
    if (warning === undefined) continue;
    const apiVersion = `${kind === 'Telemetry' ? 'telemetry' : 'networking'}.istio.io/v1`;
    const problems = storeOf(JSON.stringify({ apiVersion, kind, metadata: { name: 'a' }, spec })).problems();
    t.not(problems.length, 0, `${kind} ${JSON.stringify(spec)}`, { warning });
  }
});
