/** Which kinds are read, and what of Kubernetes' own is checked. */
import t from 'tap';
import { apiOfKind, KIND_NAMES } from '../../../../src/agent/model/schema/kinds.ts';
import { type Case, head, problemsOf, storeOf } from './problems-of.ts';

const core = (apiVersion: string, kind: string, rest: string): string =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: a}\n${rest}`;

const CASES: readonly Case[] = [
  ['a kind that cannot apply', head('EnvoyFilter'), ['2 unsupported kind']],
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
  [
    'slice with what is no address',
    core('discovery.k8s.io/v1', 'EndpointSlice', 'addressType: IPv4\nendpoints:\n- addresses: [10.0.0.999, 10.0.0.1, "::1", 0.0.0.0]\n'),
    [0, 2, 3].map((index) => `6 error endpoints[0].addresses[${index}]`),
  ],
  ['slice of names', core('discovery.k8s.io/v1', 'EndpointSlice', 'addressType: FQDN\nendpoints:\n- addresses: [a.b]\n'), []],
  ['endpoints', core('v1', 'Endpoints', 'subsets:\n- {addresses: [{ip: 10.0.0.1}], ports: [{port: 80}]}\n'), []],
  ['endpoints without address', core('v1', 'Endpoints', 'subsets:\n- {addresses: [{ip: a}]}\n'), ['5 error subsets[0].addresses[0].ip']],
  [
    'pod without address',
    core('v1', 'Pod', 'status: {podIP: a, podIPs: [{ip: "fe80::1%eth0"}]}\n'),
    ['4 error status.podIP', '4 error status.podIPs[0].ip'],
  ],
  ['service without address', core('v1', 'Service', 'spec: {clusterIP: a, clusterIPs: [None]}\n'), ['4 error spec.clusterIP']],
  ['port out of range', core('v1', 'Service', 'spec:\n  ports:\n  - {port: 65536}\n'), ['6 error spec.ports[0].port']],
  ['kind of another group', core('apps/v1', 'Pod', ''), []],
  [
    'time that is none',
    core('v1', 'Pod', '').replace('name: a', 'name: a, creationTimestamp: yesterday'),
    ['3 error metadata.creationTimestamp'],
  ],
  ['data of a wrong type', core('v1', 'ConfigMap', 'data:\n  mesh: {}\n'), ['5 error data.mesh']],
  ['no spec', head('VirtualService'), ['4 error spec']],
];

for (const [name, text, expected] of CASES) t.test(name, async (t) => t.same(problemsOf(text), expected));

t.test('what is no address is left out, and the rest of the object stays', async (t) => {
  const slice = core('discovery.k8s.io/v1', 'EndpointSlice', 'endpoints:\n- addresses: [10.0.0.999]\n- addresses: [10.0.0.1]\n');
  t.match(storeOf(slice).list('EndpointSlice')[0]?.endpoints, [{ addresses: [] }, { addresses: ['10.0.0.1'] }]);
});

t.test('a key that JavaScript takes for the prototype is not dropped without a word', async (t) => {
  t.same(problemsOf(core('v1', 'ConfigMap', 'data:\n  __proto__: a\n')), ['5 unsupported data.__proto__']);
});

t.test('what others write beside the spec is nobody’s concern: the status of every kind, which istiod writes and so do we', async (t) => {
  for (const kind of KIND_NAMES) {
    const { group, versions } = apiOfKind(kind);
    const object = core(
      group === '' ? 'v1' : `${group}/${versions[0]}`,
      kind,
      'status: {conditions: [{type: a, status: "True"}]}\nother: 1\n',
    );
    const about = problemsOf(object).filter((problem) => /status|other/.test(problem));
    t.same(about, [], kind);
  }
});
