/** Dashboards and alert rules ask for metrics that there are. Whether Prometheus answers is for scripts/peers prometheus. */
import { globSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDER = `${ROOT}deploy/grafana/`;

t.test('each metric that a panel or a rule names is one of the agent', async (t) => {
  const sources = globSync('src/**/*.ts', { cwd: ROOT }).map((file) => readFileSync(ROOT + file, 'utf8'));
  const known = new Set(sources.flatMap((text) => text.match(/\b(?:istio|nodeway|process)_[a-z_]+/g) ?? []));
  for (const file of readdirSync(FOLDER).filter((name) => /\.(json|yaml)$/.test(name))) {
    const text = readFileSync(FOLDER + file, 'utf8').replaceAll(/"(?:uid|name)": "[^"]*"/g, '');
    const named = new Set(text.match(/\b(?:istio|nodeway|process)_[a-z_]+/g));
    const unknown = [...named].filter((name) => !known.has(name.replace(/_(bucket|sum|count)$/, '')));
    t.same(unknown, [], file);
    t.ok(named.size > 0, `${file} names some`);
  }
});
