import { Vocabulary } from '../../base/plain-data/vocabulary.ts';

/** What nearly every record says: a byte or two in packed form. Anything else is written out, so that nothing has to stand here. */
const NAMES: readonly string[] = [
  ...['id', 'name', 'service', 'host', 'namespace', 'port', 'balancer', 'kind', 'connectTimeoutMs', 'family', 'original', 'wire'],
  ...['pool', 'outliers', 'maxConnections', 'maxPending', 'maxRequests', 'maxRetries', 'retryBudget', 'percent', 'minConcurrency'],
  ...['maxRequestsPerConnection', 'idleTimeoutMs', 'tcpIdleTimeoutMs', 'maxConnectionMs', 'maxConcurrentStreams', 'keepalive'],
  ...['http2Keepalive', 'intervalMs', 'timeoutMs', 'probes', 'timeSeconds', 'intervalSeconds', 'consecutive5xx', 'split'],
  ...['consecutiveGateway', 'consecutiveLocal', 'baseEjectionMs', 'maxEjectionPercent', 'minHealthPercent', 'warmup', 'durationMs'],
  ...['minimumPercent', 'aggression', 'address', 'weight', 'priority', 'group', 'identity', 'local', 'workload', 'pod', 'app'],
  ...['version', 'canonicalService', 'canonicalRevision', 'serviceAccount', 'layer', 'domains', 'routes', 'match', 'action', 'path'],
  ...['value', 'ignorePathCase', 'method', 'scheme', 'authority', 'query', 'destinations', 'cluster', 'mirrors', 'share', 'retry'],
  ...['attempts', 'perTryTimeoutMs', 'on', 'statusCodes', 'backoffMs', 'avoidPreviousHosts', 'rewrite', 'uri', 'fault', 'delay', 'ms'],
  ...['abort', 'status', 'grpcStatus', 'code', 'keepsPort', 'prefix', 'body', 'entries', 'to', 'protocol', 'opaque'],
  ...['headerNames', 'headers', 'invert', 'requestHeaders', 'responseHeaders', 'set', 'add', 'remove', 'of', 'names'],
];

const WORDS: readonly string[] = [
  ...['', '/', '*', 'unknown', 'latest', 'default', 'v1', 'v2', 'route', 'redirect', 'direct', 'exact', 'prefix', 'present'],
  ...['round-robin', 'least-request', 'random', 'cluster', 'http', 'http2', 'tls', 'tcp', 'auto', 'client', 'undeclared', 'mesh'],
  ...['5xx', 'gateway-error', 'reset', 'reset-before-request', 'connect-failure', 'refused-stream', 'retriable-4xx'],
  ...['retriable-status-codes', 'cancelled', 'unavailable', 'GET', 'POST', 'https'],
];

export const VOCABULARY = new Vocabulary(NAMES, WORDS);
