/** What the agent may do, from the list of what it watches, and the definitions of the custom resources among these. */
import { OWNER_KINDS } from '../../src/agent/model/needs.ts';
import { fullName, ownersIn, resourcesOf } from '../../src/agent/sources/kubernetes/resources.ts';
import type { KubeObject } from './kube-api.ts';

export const AGENT_NAMESPACE = 'nodeway-system';
export const AGENT_ACCOUNT = 'nodeway';
const ROLE = 'nodeway';
const RBAC = 'rbac.authorization.k8s.io';

const resources = () => [
  ...resourcesOf({ nodeName: 'any', settingsNamespaces: [] }),
  ...OWNER_KINDS.map((kind) => ownersIn({ kind, namespace: '' })),
];

/** Namespace, account, role and binding. */
export function agentRights(): KubeObject[] {
  const subject = { kind: 'ServiceAccount', name: AGENT_ACCOUNT, namespace: AGENT_NAMESPACE };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: AGENT_NAMESPACE } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: AGENT_ACCOUNT, namespace: AGENT_NAMESPACE } },
    agentRole(),
    {
      ...{ apiVersion: `${RBAC}/v1`, kind: 'ClusterRoleBinding', metadata: { name: ROLE } },
      ...{ roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: ROLE }, subjects: [subject] },
    },
  ];
}

/** @param without the full name of a resource that the role leaves out. */
export function agentRole(without = ''): KubeObject {
  const rules = resources()
    .filter((resource) => fullName(resource) !== without)
    .map(({ type, plural }) => ({ apiGroups: [type.group], resources: [plural], verbs: ['list', 'watch'] }));
  return { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: { name: ROLE }, rules: [...rules, ...writing()] };
}

/** For status: an object is looked at before it is told of. */
function writing() {
  const looked = resources().map(({ type, plural }) => ({ apiGroups: [type.group], resources: [plural], verbs: ['get'] }));
  const conditions = resources().filter(({ optional }) => optional);
  return [
    ...looked,
    ...conditions.map(({ type, plural }) => ({ apiGroups: [type.group], resources: [`${plural}/status`], verbs: ['patch'] })),
    { apiGroups: [''], resources: ['pods/status'], verbs: ['patch'] },
    { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'get', 'patch'] },
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'create', 'update'] },
  ];
}

/** Definitions that let everything through: what is wrong is then the agent's to find. */
export function customResources(): KubeObject[] {
  return resources()
    .filter(({ optional }) => optional)
    .map((resource) => {
      const { type, plural, kind, versions } = resource;
      const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
      const spec = {
        ...{ group: type.group, scope: 'Namespaced' },
        names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
        versions: versions.map((name, index) => ({ name, served: true, storage: index === 0, schema, subresources: { status: {} } })),
      };
      return { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: fullName(resource) }, spec };
    });
}
