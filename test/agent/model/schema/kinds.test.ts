/** Which kinds are read, and what of Kubernetes' own is checked. */
import t from 'tap';
import { type Case, head, problemsOf } from './problems-of.ts';

const core = (apiVersion: string, kind: string, rest: string): string =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: a}\n${rest}`;

const CASES: readonly Case[] = [
  ['known kind', head('Sidecar'), ['2 unsupported kind']],
  ['Gateway API', core('gateway.networking.k8s.io/v1', 'HTTPRoute', ''), ['2 unsupported kind']],
  ['a Gateway of another API', core('gateway.networking.k8s.io/v1', 'Gateway', ''), ['2 unsupported kind']],
  ['removed kind', core('rbac.istio.io/v1alpha1', 'ServiceRole', ''), ['2 warning kind']],
  ['all versions', head('Gateway').replace('io/v1', 'io/v1alpha3'), ['4 error spec']],
  ['version of no one', head('Gateway').replace('io/v1', 'io/v2'), ['2 unsupported kind']],
  ['labels of a wrong type', core('v1', 'Pod', '').replace('name: a', 'name: a, labels: {a: 1}'), ['3 error metadata.labels.a']],
  ['service', core('v1', 'Service', 'spec:\n  selector: null\n  ports:\n  - {port: 80, targetPort: http, nodePort: 30000}\n'), []],
  ['port given as text', core('v1', 'Service', 'spec:\n  ports:\n  - port: "80"\n'), ['6 error spec.ports[0].port']],
  ['pod', core('v1', 'Pod', 'spec: {containers: [{name: a, image: b}]}\nstatus: {podIP: 10.0.0.1}\n'), []],
  ['address of a wrong type', core('v1', 'Pod', 'status:\n  podIP: 10\n'), ['5 error status.podIP']],
  ['slice', core('discovery.k8s.io/v1', 'EndpointSlice', 'endpoints: null\nports: []\n'), []],
  ['slice without addresses', core('discovery.k8s.io/v1', 'EndpointSlice', 'endpoints:\n- {}\n'), ['5 error endpoints[0].addresses']],
  ['data of a wrong type', core('v1', 'ConfigMap', 'data:\n  mesh: {}\n'), ['5 error data.mesh']],
  ['no spec', head('VirtualService'), ['4 error spec']],
];

for (const [name, text, expected] of CASES) t.test(name, async (t) => t.same(problemsOf(text), expected));
