/** What is in deploy/, on a real API server: the definitions of custom resources, the manifests, and the rights that they give. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parseAllDocuments } from 'yaml';
import { ApiServer } from '../api-server.ts';
import type { KubeObject } from '../kube-api.ts';

const api = await ApiServer.start();
t.teardown(() => api.close());
const { kube } = api;

const VIRTUAL_SERVICES = '/apis/networking.istio.io/v1/namespaces/default/virtualservices';
const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

const route = (name: string, http: readonly object[]): KubeObject => ({
  ...{ apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: { name, namespace: 'default' } },
  spec: { hosts: [name], http },
});

const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
const gatewayOfKubernetes: KubeObject = {
  ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
  metadata: {
    name: 'gateways.gateway.networking.k8s.io',
    annotations: { 'api-approved.kubernetes.io': 'https://github.com/kubernetes-sigs/gateway-api/pull/2997' },
  },
  spec: {
    ...{ group: 'gateway.networking.k8s.io', scope: 'Namespaced' },
    names: { kind: 'Gateway', plural: 'gateways', singular: 'gateway', listKind: 'GatewayList', shortNames: ['gtw'] },
    versions: [{ name: 'v1', served: true, storage: true, schema }],
  },
};

t.test('custom resources', async (t) => {
  await kube.kubectl('create', '-f', 'deploy/crds');
  await kube.kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=240s');
  const names = readdirSync('deploy/crds').map((file) => file.replace('.yaml', ''));
  for (const name of names) {
    const definition = (await kube.get(`${DEFINITIONS}/${name}`)) as { status: { conditions: { type: string; status: string }[] } };
    const wrong = definition.status.conditions.find(({ type, status }) => type === 'NonStructuralSchema' && status === 'True');
    t.equal(wrong, undefined, `${name} is structural`);
  }
  await t.rejects(kube.kubectl('create', '-f', 'deploy/crds'), /AlreadyExists/, 'one that is there is not overwritten');

  // One of them sets what Istio's own namespace holds.
  await kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'istio-system' } });
  await kube.kubectl('apply', '-f', 'examples/sentiment/istio');
  t.match(await kube.kubectl('get', 'vs,dr,gw', '-o', 'name'), /virtualservice.*\n[\s\S]*destinationrule.*\n[\s\S]*gateway/);
  t.match(await kube.kubectl('get', 'istio-io'), /GATEWAYS +HOSTS +AGE/);
  t.match(await kube.kubectl('explain', 'virtualservice.spec.http.timeout'), /timeout/);

  // k3s brings the Gateway API, which has a kind of that name too.
  await kube.apply(gatewayOfKubernetes);
  await kube.kubectl('wait', '--for=condition=Established', 'crd', gatewayOfKubernetes.metadata.name, '--timeout=240s');
  for (const name of ['gw', 'gateways.networking.istio.io']) {
    t.match(await kube.kubectl('get', name, '-o', 'name'), /^gateway\.networking\.istio\.io\//, `${name} is Istio's`);
  }
});

t.test('what is checked when it is written', async (t) => {
  const to = { route: [{ destination: { host: 'a' } }] };
  const written = async (name: string, http: object): Promise<{ status: number; body: unknown }> =>
    kube.request('POST', VIRTUAL_SERVICES, route(name, [http]));
  t.match(await written('fine', { ...to, timeout: '3s', match: [{ headers: { a: null } }] }), { status: 201 });
  for (const [name, http, message] of [
    ['duration', { ...to, timeout: '3 seconds' }, /spec\.http\[0\]\.timeout.*should match/],
    ['type', { ...to, retries: { attempts: 'three' } }, /retries\.attempts.*must be of type integer/],
    ['range', { ...to, mirrorPercent: 101 }, /mirrorPercent.*less than or equal to 100/],
    ['needed', { route: [{ destination: {} }] }, /destination\.host.*Required value/],
  ] as const) {
    const answer = await written(name, http);
    t.match(answer, { status: 422 }, name);
    t.match(JSON.stringify(answer.body), message, name);
  }
  const strict = await kube.request('POST', `${VIRTUAL_SERVICES}?fieldValidation=Strict`, route('misspelt', [{ ...to, timeuot: '3s' }]));
  t.match(strict, { status: 400 });
  t.match(JSON.stringify(strict.body), /unknown field \\+"spec\.http\[0\]\.timeuot/, 'as kubectl asks for it');
});

t.test('objects of the replayed answers of Istio are accepted', async (t) => {
  for (const file of fixtures('test/conformance/istio')) {
    const objects = parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as KubeObject | null);
    for (const object of objects) {
      if (object === null || !/istio\.io\//.test(object.apiVersion ?? '')) continue;
      const { namespace = 'default' } = object.metadata;
      await kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
      await t.resolves(kube.apply(object), `${file}: ${object.kind} ${object.metadata.name}`);
    }
  }
});

function fixtures(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => join(folder, name));
}

t.test('the manifests', async (t) => {
  const manifests = 'deploy/daemonset/nodeway.yaml';
  await kube.kubectl('apply', '-f', manifests);
  await kube.kubectl('apply', '-f', manifests);
  t.match(await kube.kubectl('-n', 'nodeway-system', 'get', 'daemonset', 'nodeway', '-o', 'name'), /daemonset.apps\/nodeway/);
  t.equal(await kube.kubectl('diff', '-f', manifests), '', 'what was applied is what is there');
});

t.test('the rights', async (t) => {
  const account = '--as=system:serviceaccount:nodeway-system:nodeway';
  const can = async (...words: string[]): Promise<boolean> =>
    kube.kubectl('auth', 'can-i', account, ...words).then(
      (text) => text.trim() === 'yes',
      () => false,
    );
  for (const kind of ['pods', 'services', 'endpointslices.discovery.k8s.io', 'virtualservices.networking.istio.io', 'namespaces']) {
    t.ok(await can('list', kind, '-A'), `list ${kind}`);
    t.ok(await can('watch', kind, '-A'), `watch ${kind}`);
    t.notOk(await can('delete', kind, '-A'), `delete ${kind}`);
  }
  t.ok(await can('list', 'configmaps/istio', '-A'));
  t.notOk(await can('list', 'configmaps', '-A'), 'configuration of others');
  t.notOk(await can('list', 'secrets', '-A'));
  t.notOk(await can('get', 'secrets', '-n', 'nodeway-system'));
  t.notOk(await can('update', 'virtualservices.networking.istio.io', '-A'), 'rules of users');
  t.ok(await can('patch', 'virtualservices.networking.istio.io', '-A', '--subresource=status'));
  t.ok(await can('create', 'events.events.k8s.io', '-n', 'default'));
  t.ok(await can('update', 'leases.coordination.k8s.io', '-n', 'nodeway-system'));
  t.notOk(await can('update', 'leases.coordination.k8s.io', '-n', 'kube-system'));
});
