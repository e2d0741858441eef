/** Which field is complained of, where and how gravely. */
import t from 'tap';
import { ObjectStore } from '../../../../src/agent/model/store.ts';
import { parseManifest } from '../../../../src/agent/sources/document.ts';

const head = (kind: string) => `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: {name: a}\nspec:\n`;
const VS = `${head('VirtualService')}  hosts: [b]\n  http:\n  - route:\n    - destination: {host: b}\n`;
const DR = `${head('DestinationRule')}  host: b\n`;
const cases: readonly (readonly [name: string, text: string, expected: readonly string[]])[] = [
  ['good', VS, []],
  ['weight of a wrong type', `${VS}      weight: many\n`, ['9 error spec.http[0].route[0].weight']],
  ['fault', `${VS}    fault: {}\n`, ['9 unsupported spec.http[0].fault']],
  ['unknown field', `${VS}    retires: {}\n`, ['9 warning spec.http[0].retires']],
  ['duration', `${VS}    timeout: 5\n`, ['9 error spec.http[0].timeout']],
  ['regex', `${VS}    match:\n    - uri: {regex: "(a"}\n`, ['10 error spec.http[0].match[0].uri.regex']],
  ['public exportTo', `${VS}  exportTo: ["*"]\n`, []],
  ['private exportTo', `${VS}  exportTo: ["."]\n`, ['9 unsupported spec.exportTo']],
  ['outliers', `${DR}  trafficPolicy:\n    outlierDetection: {}\n`, ['7 unsupported spec.trafficPolicy.outlierDetection']],
  ['no servers', `${head('Gateway')}  servers: []\n`, ['5 error spec.servers']],
  ['known kind', head('Sidecar'), ['2 unsupported kind']],
  ['removed kind', head('X').replace('networking', 'rbac'), ['2 warning kind']],
];

for (const [name, text, expected] of cases) {
  t.test(name, async (t) => {
    const store = new ObjectStore();
    for (const { object, origin } of parseManifest('f.yaml', text).objects) store.upsert(object, origin);
    t.same(
      store.problems().map(({ line, severity, path }) => `${line} ${severity} ${path}`),
      expected,
    );
  });
}

t.test('a refused version leaves the last good one in force', async (t) => {
  const store = new ObjectStore();
  const put = (text: string) => parseManifest('f.yaml', text).objects.forEach(({ object, origin }) => store.upsert(object, origin));
  put(VS);
  const [good] = store.list('VirtualService');
  put(`${VS}      weight: many\n`);
  t.equal(store.list('VirtualService')[0], good);
  put(VS);
  t.same(store.problems(), []);
});
