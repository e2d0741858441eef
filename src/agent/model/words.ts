/** What packed data says by a number: names of fields that schemas know, those of records, and values that stand in most of them. */
import { apiOfKind, KIND_NAMES, shapeOfKind } from './schema/kinds.ts';
import type { Shape } from './schema/shape.ts';

/** The first 128 are said in one byte. */
const FREQUENT: readonly string[] = [
  ...['apiVersion', 'kind', 'metadata', 'name', 'namespace', 'labels', 'annotations', 'spec', 'status', 'port', 'ports', 'protocol'],
  ...['selector', 'clusterIP', 'clusterIPs', 'targetPort', 'type', 'addressType', 'endpoints', 'addresses', 'conditions', 'ready'],
  ...['serving', 'terminating', 'nodeName', 'targetRef', 'zone', 'hosts', 'http', 'match', 'route', 'destination', 'host', 'subset'],
  ...['uri', 'headers', 'prefix', 'exact', 'regex', 'weight', 'timeout', 'retries', 'subsets', 'trafficPolicy', 'loadBalancer', 'simple'],
  ...['request', 'response', 'set', 'add', 'remove', 'sourceLabels', 'sourceNamespace', 'gateways', 'containers', 'podIP', 'podIPs', 'ip'],
  ...['phase', 'ownerReferences', 'controller', 'uid', 'creationTimestamp', 'serviceAccountName', 'app', 'version', 'TCP', 'IPv4', 'IPv6'],
  ...['ClusterIP', 'Running', 'Ready', 'True', 'False', 'default', 'ipFamilies', 'app.kubernetes.io/name', 'kubernetes.io/service-name'],
];

/** Of the records that workers get (src/l7/config). A word that is not here is written out. */
const RECORDS: readonly string[] = [
  ...['layer', 'domains', 'local', 'routes', 'path', 'value', 'invert', 'action', 'destinations', 'cluster', 'mirrors', 'timeoutMs'],
  ...['retry', 'attempts', 'perTryTimeoutMs', 'on', 'statusCodes', 'backoffMs', 'avoidPreviousHosts', 'requestHeaders'],
  ...['responseHeaders', 'connect-failure', 'refused-stream', 'unavailable', 'cancelled', 'retriable-status-codes', 'entries', 'address'],
  ...['identity', 'workload', 'pod', 'unknown', 'canonicalService', 'canonicalRevision', 'serviceAccount', 'latest', 'priority', 'id'],
  ...[
    'service',
    'balancer',
    'connectTimeoutMs',
    'pool',
    'outliers',
    'family',
    'original',
    'wire',
    'least-request',
    'round-robin',
    'random',
  ],
  ...['mesh', 'auto', 'opaque', 'action', 'rewrite', 'redirect', 'direct', 'present', 'method', 'scheme', 'authority', 'query', 'rules'],
  ...['maxConnections', 'maxPending', 'maxRequests', 'maxRetries', 'keepalive', 'ranges', 'names', 'localityWeights', 'overprovision'],
];

function* fieldsOf(shape: Shape, seen: Set<Shape>): Generator<string> {
  if (seen.has(shape)) return;
  seen.add(shape);
  if (shape.kind === 'list') yield* fieldsOf(shape.element, seen);
  if (shape.kind === 'map') yield* fieldsOf(shape.value, seen);
  if (shape.kind !== 'object') return;
  for (const [name, field] of shape.fields) {
    yield name;
    yield* fieldsOf(field.shape, seen);
  }
}

function wordsOf(kind: (typeof KIND_NAMES)[number]): string[] {
  const { group, versions } = apiOfKind(kind);
  const apis = versions.map((version) => (group === '' ? version : `${group}/${version}`));
  return [kind, ...apis, ...fieldsOf(shapeOfKind(kind), new Set())];
}

export const WORDS: readonly string[] = [...new Set([...FREQUENT, ...RECORDS, ...KIND_NAMES.flatMap(wordsOf)])];
