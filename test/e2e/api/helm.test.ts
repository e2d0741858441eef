/** The chart, installed by Helm on a real API server: whose custom resources it writes, and what stays when it is removed. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { parse } from 'yaml';
import { ApiServer } from '../api-server.ts';
import type { KubeObject } from '../kube-api.ts';

const api = await ApiServer.start();
t.teardown(() => api.close());
const { kube } = api;

const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const OURS = `${DEFINITIONS}/virtualservices.networking.istio.io`;
const FOREIGN = `${DEFINITIONS}/gateways.networking.istio.io`;
const RELEASE = ['--namespace', 'nodeway-system', '--create-namespace'];

interface Definition extends KubeObject {
  readonly spec: { readonly versions: readonly { readonly additionalPrinterColumns?: readonly object[] }[] };
}

async function helm(...words: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('scripts/helm', [...words, '--kubeconfig', kube.kubeconfig]);
  return stdout;
}

/** As another installation would have made it. */
const foreign: KubeObject = {
  ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'gateways.networking.istio.io' } },
  spec: {
    group: 'networking.istio.io',
    scope: 'Namespaced',
    names: { kind: 'Gateway', plural: 'gateways', singular: 'gateway', listKind: 'GatewayList' },
    versions: [
      {
        ...{ name: 'v1', served: true, storage: true },
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

t.test('custom resources of others are left alone', async (t) => {
  await kube.apply(foreign);
  const before = ((await kube.get(FOREIGN)) as Definition).spec;
  await helm('install', 'nodeway', 'deploy/helm/nodeway', ...RELEASE);
  t.strictSame(((await kube.get(FOREIGN)) as Definition).spec, before);
  t.match(await kube.get(OURS), { metadata: { annotations: { 'meta.helm.sh/release-name': 'nodeway' } } });
});

t.test('its own are brought up to date', async (t) => {
  const old = (await kube.get(OURS)) as Definition;
  const versions = old.spec.versions.map((version) => ({ ...version, additionalPrinterColumns: [] }));
  await kube.patch(old, { spec: { versions } });
  await helm('upgrade', 'nodeway', 'deploy/helm/nodeway', ...RELEASE, '--set', 'agent.workers=3', '--force');
  t.strictSame(((await kube.get(OURS)) as Definition).spec, old.spec, 'what was taken out is there again');
  t.match(await kube.get('/apis/apps/v1/namespaces/nodeway-system/daemonsets/nodeway'), {
    spec: { template: { spec: { containers: [{ args: /--workers=3/ }] } } },
  });
});

t.test("what it says to the Prometheus operator is of the operator's own form", async (t) => {
  await kube.kubectl('create', '-f', 'test/fixtures/kubernetes/podmonitors.yaml');
  await kube.serves('/apis/monitoring.coreos.com/v1/podmonitors');
  const values = ['metrics.podMonitor.enabled=true', 'metrics.podMonitor.labels.release=prometheus', 'metrics.podMonitor.interval=30s'];
  const chosen = values.flatMap((value) => ['--set', value]);
  const words = [
    'template',
    'nodeway',
    'deploy/helm/nodeway',
    ...RELEASE,
    '--kube-version=1.34.0',
    '--show-only=templates/podmonitor.yaml',
  ];
  const rendered = await helm(...words, ...chosen);
  const file = join(api.directory, 'podmonitor.yaml');
  writeFileSync(file, rendered);
  await kube.kubectl('create', '--validate=strict', '-f', file);
  t.match(await kube.get('/apis/monitoring.coreos.com/v1/namespaces/nodeway-system/podmonitors/nodeway'), {
    metadata: { labels: { release: 'prometheus' } },
    spec: { podMetricsEndpoints: [{ port: 'metrics', interval: '30s', relabelings: [{ targetLabel: 'node' }] }] },
  });
  // It finds the agents, and their port.
  const { spec } = parse(rendered) as { readonly spec: { readonly selector: { readonly matchLabels: object } } };
  t.match(await kube.get('/apis/apps/v1/namespaces/nodeway-system/daemonsets/nodeway'), {
    spec: { template: { metadata: { labels: spec.selector.matchLabels }, spec: { containers: [{ ports: [{ name: 'metrics' }] }] } } },
  });
});

t.test('what users wrote stays when the release is removed', async (t) => {
  await helm('uninstall', 'nodeway', '--namespace', 'nodeway-system');
  t.match(await kube.get(OURS), { kind: 'CustomResourceDefinition' });
  t.match(await kube.get(FOREIGN), { kind: 'CustomResourceDefinition' });
  t.match(await kube.request('GET', '/apis/apps/v1/namespaces/nodeway-system/daemonsets/nodeway'), { status: 404 });
  await helm('install', 'nodeway', 'deploy/helm/nodeway', ...RELEASE);
  t.match(await kube.get(OURS), { kind: 'CustomResourceDefinition' }, 'and it can be installed again');
});
