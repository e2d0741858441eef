/** The real command on real text. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const RULES = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: a, namespace: default }
spec:
  hosts: [a]
  http:
    - route: [{ destination: { host: a } }]
    - route: [{ destination: { host: b } }]
`;

function analyze(...args: string[]) {
  return spawnSync(process.execPath, [MAIN, 'analyze', '-', ...args], { encoding: 'utf8', input: RULES });
}

t.test('a line for each finding, with its place and code; a part of a configuration misses what is not in it', async (t) => {
  const { status, stdout, stderr } = analyze();
  t.equal(status, 1);
  t.match(stdout, /^-:7:\d+: error: VirtualService default\/a: spec\.http\[0\].*there is no service.* \[IST0101\]$/m);
  t.match(stdout, /^-:8:\d+: warning: VirtualService default\/a: spec\.http\[1\]: no request reaches the rule.* \[IST0130\]$/m);
  t.match(stderr, /^2 errors, 0 unsupported, 1 warnings$/m);
});

t.test('as JSON', async (t) => {
  const problems = JSON.parse(analyze('--output', 'json').stdout) as Record<string, unknown>[];
  t.match(problems, [
    { code: 'IST0101', file: '-', line: 7 },
    { code: 'IST0130', line: 8 },
    { code: 'IST0101', line: 8 },
  ]);
});
