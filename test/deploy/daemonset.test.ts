/** deploy/daemonset/nodeway.yaml, as the agent sees it: its rights, its flags, and what it may do on the node. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { parseAllDocuments } from 'yaml';
import { parseConfig } from '../../src/agent/config.ts';
import { OWNER_KINDS } from '../../src/agent/model/needs.ts';
import { ownersIn, type Resource, resourcesOf } from '../../src/agent/sources/kubernetes/resources.ts';
import { nodeOptions } from '../../src/cli/node-flags.ts';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}
interface Container {
  readonly args: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
}
interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly namespace?: string };
  readonly rules: readonly Rule[];
  readonly spec: { readonly template: { readonly spec: { initContainers: readonly Container[]; containers: readonly Container[] } } };
}

const manifests = parseAllDocuments(readFileSync('deploy/daemonset/nodeway.yaml', 'utf8'), { merge: true }).map(
  (document) => document.toJS() as Manifest,
);
const ofKind = (kind: string): Manifest[] => manifests.filter((manifest) => manifest?.kind === kind);
const pod = () => ofKind('DaemonSet')[0]?.spec.template.spec;

function pairs(rules: readonly Rule[], verb: string): string[] {
  const of = ({ apiGroups, resources, resourceNames = [] }: Rule): string[] =>
    apiGroups.flatMap((group) => resources.map((resource) => `${group}/${resource} ${resourceNames.join(',')}`.trim()));
  return rules
    .filter(({ verbs }) => verbs.includes(verb))
    .flatMap(of)
    .sort();
}

t.test('the rights are those that the watches need, and no others', async (t) => {
  const watched: Resource[] = [
    ...resourcesOf({ nodeName: 'any', settingsNamespaces: [] }),
    ...OWNER_KINDS.map((kind) => ownersIn({ kind, namespace: '' })),
  ];
  const needed = watched.map(({ type, plural, kind }) => `${type.group}/${plural}${kind === 'ConfigMap' ? ' istio' : ''}`).sort();
  const rules = ofKind('ClusterRole').flatMap((role) => role.rules);
  t.strictSame(pairs(rules, 'list'), needed);
  t.strictSame(pairs(rules, 'watch'), needed);
  const all = [...rules, ...ofKind('Role').flatMap((role) => role.rules)];
  const writing = all.flatMap(({ verbs }) => verbs).filter((verb) => !['list', 'watch', 'get'].includes(verb));
  t.strictSame([...new Set(writing)].sort(), ['create', 'patch', 'update']);
  t.notOk(
    all.some((rule) => [...rule.apiGroups, ...rule.resources, ...rule.verbs].includes('*')),
    'nothing is given by a wildcard',
  );
});

t.test('the flags are those of the commands', async (t) => {
  const [agent] = pod()?.containers ?? [];
  const [check] = pod()?.initContainers ?? [];
  t.equal(agent?.args[0], 'agent');
  const environment = { KUBERNETES_SERVICE_HOST: '10.96.0.1', NODEWAY_NODE_NAME: 'n1', NODEWAY_AGENT_NAMESPACE: 'nodeway-system' };
  t.match(parseConfig(agent?.args.slice(1) ?? [], environment), { ok: true });
  t.strictSame(
    agent?.env?.map(({ name }) => name).filter((name) => !(name in environment)),
    [],
    'environment variables',
  );
  t.equal(check?.args[0], 'check');
  const terminal = { stdout: { write: () => {} }, stderr: { write: () => {} } };
  t.match(nodeOptions({ args: check?.args.slice(1) ?? [], environment: {}, terminal }), { brief: true });
});

t.test('what it may do on the node', async (t) => {
  const containers = [...(pod()?.initContainers ?? []), ...(pod()?.containers ?? [])];
  t.equal(containers.length, 2);
  for (const { securityContext, volumeMounts } of containers) {
    t.match(securityContext, { privileged: false, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true });
    t.strictSame(securityContext['capabilities'], {
      drop: ['ALL'],
      add: ['SYS_ADMIN', 'NET_ADMIN', 'SYS_PTRACE', 'SYS_NICE', 'NET_BIND_SERVICE'],
    });
    const writable = volumeMounts.filter(({ readOnly }) => readOnly !== true).map(({ mountPath }) => mountPath);
    t.strictSame(writable, ['/sys/fs/bpf', '/run/nodeway']);
  }
});
