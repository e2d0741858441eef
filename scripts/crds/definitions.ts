/** The definitions of the custom resources that the agent reads, with the names and columns that they have in an installation of Istio. */
import type { z } from 'zod';
import { apiOfKind, type KindName, KINDS } from '../../src/agent/model/schema/kinds.ts';
import { resourcesOf, type Resource } from '../../src/agent/sources/kubernetes/resources.ts';
import { type OpenApi, openApiOf } from './open-api.ts';

interface Column {
  readonly name: string;
  readonly type: string;
  readonly description: string;
  readonly jsonPath: string;
}
interface Names {
  readonly short?: string;
  readonly columns?: readonly Column[];
}

const column = (name: string, jsonPath: string, description: string): Column => ({ name, type: 'string', description, jsonPath });
const AGE: Column = { name: 'Age', type: 'date', description: 'When it was created', jsonPath: '.metadata.creationTimestamp' };

const NAMES: Readonly<Partial<Record<KindName, Names>>> = {
  Gateway: { short: 'gw' },
  VirtualService: {
    short: 'vs',
    columns: [
      column('Gateways', '.spec.gateways', 'Gateways whose requests are routed, and mesh for those of pods'),
      column('Hosts', '.spec.hosts', 'Hosts whose requests are routed'),
    ],
  },
  DestinationRule: { short: 'dr', columns: [column('Host', '.spec.host', 'Host of the service to which it applies')] },
  ServiceEntry: {
    short: 'se',
    columns: [
      column('Hosts', '.spec.hosts', 'Hosts that are added to the mesh'),
      column('Location', '.spec.location', 'MESH_EXTERNAL or MESH_INTERNAL'),
      column('Resolution', '.spec.resolution', 'How the addresses of the hosts are found'),
    ],
  },
  WorkloadEntry: { short: 'we', columns: [column('Address', '.spec.address', 'Address of the workload')] },
  WorkloadGroup: { short: 'wg' },
  AuthorizationPolicy: { short: 'ap', columns: [column('Action', '.spec.action', 'What is done with requests that match')] },
  PeerAuthentication: { short: 'pa', columns: [column('Mode', '.spec.mtls.mode', 'Whether mutual TLS is demanded')] },
  RequestAuthentication: { short: 'ra' },
  Telemetry: { short: 'telemetry' },
} as Partial<Record<KindName, Names>>;

const customResources = (): readonly Resource[] => resourcesOf({ nodeName: '', settingsNamespaces: [] }).filter(({ optional }) => optional);

/** By the name of the definition. */
export function definitions(): ReadonlyMap<string, object> {
  return new Map(customResources().map((resource) => [`${resource.plural}.${resource.type.group}`, definition(resource)]));
}

/** What the agent lists and watches of these, by API group. */
export function pluralsByGroup(): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    Object.entries(Object.groupBy(customResources(), ({ type }) => type.group)).map(([group, of = []]) => [
      group,
      of.map(({ plural }) => plural),
    ]),
  );
}

function definition({ kind, plural }: Resource): object {
  const { group, versions } = apiOfKind(kind);
  const { short, columns = [] } = NAMES[kind] ?? {};
  const schema = { openAPIV3Schema: schemaOf(kind) };
  const additionalPrinterColumns = [...columns, AGE];
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${group}`,
      labels: { 'app.kubernetes.io/part-of': 'nodeway' },
      // Helm: what users wrote is not removed with the release.
      annotations: { 'helm.sh/resource-policy': 'keep' },
    },
    spec: {
      group,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        ...(short !== undefined && { shortNames: [short] }),
        categories: ['istio-io', group.replaceAll('.', '-')],
      },
      scope: 'Namespaced',
      versions: versions.map((name, index) => ({
        name,
        served: true,
        storage: index === 0,
        subresources: { status: {} },
        additionalPrinterColumns,
        schema,
      })),
    },
  };
}

function schemaOf(kind: KindName): OpenApi {
  const { shape } = KINDS[kind] as z.ZodObject<{ spec?: z.ZodType }>;
  const spec = shape.spec === undefined ? { type: 'object' } : openApiOf(shape.spec);
  return {
    type: 'object',
    description: `${apiOfKind(kind).group} ${kind}, with the fields that this version of Nodeway knows.`,
    properties: { spec, status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
  };
}
