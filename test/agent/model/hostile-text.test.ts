/** Hostile text in every field of every resource: from the object through schema, compiler and engine to the wire. */
import t from 'tap';
import { checkObject } from '../../../src/agent/model/schema/index.ts';
import { type KindName, shapeOfKind } from '../../../src/agent/model/schema/kinds.ts';
import type { Origin, RawObject } from '../../../src/agent/model/sink.ts';
import { ObjectStore } from '../../../src/agent/model/store.ts';
import { RECORD_KINDS, type Snapshot } from '../../../src/l7/snapshot.ts';
import type { MemoryPeer } from '../../../src/l7/transport/memory-peer.ts';
import { type Change, GATEWAY, Rig } from '../../l7/engine/rig.ts';
import { applied, OPTIONS } from './compile/world.ts';
import { Compiler } from '../../../src/agent/model/compile/index.ts';
import { HOSTILE, textsIn, uncovered, withText } from './hostile-text.ts';

/** Fields of the API that nobody serves, and what TLS needs, which is checked only. */
const ALWAYS_REFUSED = /\.(exponentialDelay|http2Error|servers\.port\.targetPort)$|\.tls\.(?!mode$|httpsRedirect$)/;
const ORIGIN: Origin = { trusted: true, locate: () => null };
const istio = (kind: string, spec: object): RawObject =>
  ({ apiVersion: 'networking.istio.io/v1', kind, metadata: { name: 'a', namespace: 'default' }, spec }) as RawObject;
const headers = {
  request: { set: { 'x-a': '1', Host: 'b' }, add: { 'x-b': '2' }, remove: ['x-c'] },
  response: { set: { 'x-d': '3' }, add: { 'x-e': '4' }, remove: ['x-f'] },
};
const condition = (regex = 'a.*') => ({ one: { exact: '/a' }, two: { prefix: '/' }, three: { regex } });
const destination = { host: 'a', port: { number: 80 } };
const rule = (http: object): RawObject => istio('VirtualService', { hosts: ['*'], gateways: ['gw'], http: [http] });
const matches = condition();
const duration = '10s';
const retryBudget = { percent: 20, minRetryConcurrency: 3, budgetInterval: duration };
/** Of a traffic policy. */
const shares = { distribute: [{ from: 'r1', to: { r1: 100 } }] };
const zones = { enabled: true, failover: [{ from: 'r1', to: 'r2' }], failoverPriority: ['tier'], minClusterSize: 6 };
const BLOCKS = {
  loadBalancer: {
    simple: 'ROUND_ROBIN',
    warmup: { duration, minimumPercent: 10, aggression: 1 },
    warmupDurationSecs: duration,
    localityLbSetting: {
      enabled: true,
      failover: [{ from: 'r1', to: 'r2' }],
      failoverPriority: ['tier=a'],
    },
  },
  connectionPool: {
    tcp: {
      maxConnections: 1,
      connectTimeout: duration,
      tcpKeepalive: { probes: 3, time: duration, interval: duration },
      maxConnectionDuration: duration,
      idleTimeout: duration,
    },
    http: {
      http1MaxPendingRequests: 1,
      http2MaxRequests: 1,
      maxRequestsPerConnection: 1,
      maxRetries: 1,
      idleTimeout: duration,
      h2UpgradePolicy: 'DO_NOT_UPGRADE',
      useClientProtocol: true,
      maxConcurrentStreams: 1,
      http2KeepAlive: { interval: duration, timeout: duration },
    },
  },
  outlierDetection: {
    consecutiveErrors: 1,
    splitExternalLocalOriginErrors: true,
    consecutiveLocalOriginFailures: 1,
    consecutiveGatewayErrors: 1,
    consecutive5xxErrors: 1,
    interval: duration,
    baseEjectionTime: duration,
    maxEjectionPercent: 100,
    minHealthPercent: 50,
    outlierDetectionHttpErrorCodes: [429],
  },
  tls: { mode: 'DISABLE' },
};

const OPENING = {
  introduced: { proxyProtocol: { version: 'V2' } },
  through: { tunnel: { protocol: 'CONNECT', targetHost: 'b.example', targetPort: 443 } },
};

const connection = { destinationSubnets: ['10.0.0.0/8'], port: 80, sourceLabels: { app: 'a' }, gateways: ['mesh'] };
const OBJECTS: readonly RawObject[] = [
  rule({
    name: 'r',
    match: [
      {
        name: 'm',
        uri: matches.two,
        scheme: { exact: 'http' },
        method: { exact: 'GET' },
        authority: { prefix: 's' },
        headers: { 'x-a': { exact: '1' } },
        gateways: ['gw'],
      },
      {
        uri: matches.three,
        withoutHeaders: matches,
        queryParams: matches,
        port: 80,
        ignoreUriCase: true,
        sourceNamespace: 'default',
        sourceLabels: { app: 'a' },
      },
      {
        uri: matches.two,
        scheme: { prefix: 'h' },
        method: { prefix: 'G' },
        authority: { exact: 'shop' },
        headers: { 'x-a': { prefix: '1' } },
      },
      {
        uri: matches.one,
        scheme: { regex: 'h.*' },
        method: { regex: 'G.*' },
        authority: { regex: 's.*' },
        headers: { 'x-a': { regex: '1' } },
      },
    ],
    route: [{ destination: { ...destination, subset: 'v1' }, weight: 1, headers }],
  }),
  rule({
    route: [{ destination, headers }],
    headers: { ...headers, request: { ...headers.request, set: { 'x-g': '5' } } },
    timeout: '1s',
    retries: {
      attempts: 1,
      perTryTimeout: '1s',
      retryOn: '5xx',
      retryIgnorePreviousHosts: true,
      retryRemoteLocalities: true,
      backoff: '1s',
    },
  }),
  rule({
    route: [{ destination }],
    rewrite: { uri: '/b', authority: 'c:80' },
    mirror: { ...destination, subset: 'v1' },
    mirrorPercentage: { value: 100 },
  }),
  rule({
    match: [{ uri: { prefix: '/' } }],
    route: [{ destination }],
    rewrite: { uriRegexRewrite: { match: '/(.*)', rewrite: '/b\\1' } },
    mirrors: [{ destination: { ...destination, subset: 'v1' }, percentage: { value: 100 } }],
  }),
  rule({ route: [{ destination }], mirror: destination, mirrorPercent: 1 }),
  rule({ route: [{ destination }], mirror: destination, mirror_percent: 1 }),
  rule({
    route: [{ destination, headers }],
    corsPolicy: {
      allowOrigins: [{ exact: 'o' }, { prefix: 'o' }, { regex: 'o' }],
      allowMethods: ['GET'],
      allowHeaders: ['x-a'],
      exposeHeaders: ['x-b'],
      maxAge: '1s',
      allowCredentials: true,
      unmatchedPreflights: 'IGNORE',
    },
  }),
  rule({ route: [{ destination }], corsPolicy: { allowOrigin: ['*'] } }),
  rule({ redirect: { uri: '/b', authority: 'c', port: 81, scheme: 'https', redirectCode: 302 } }),
  rule({ match: [{ uri: { prefix: '/' } }], redirect: { prefixRewrite: '/b', derivePort: 'FROM_REQUEST_PORT' } }),
  rule({ directResponse: { status: 200, body: { string: 'a' } } }),
  rule({ directResponse: { status: 200, body: { bytes: 'YQ==' } } }),
  rule({
    fault: { delay: { fixedDelay: '1s', percent: 1 }, abort: { httpStatus: 500, percentage: { value: 100 } } },
    route: [{ destination }],
  }),
  rule({
    fault: { delay: { fixedDelay: '1s', percentage: { value: 1 } }, abort: { grpcStatus: 'UNKNOWN', percentage: { value: 1 } } },
    route: [{ destination }],
  }),
  rule({ delegate: { name: 'a', namespace: 'default' }, mirror: destination }),
  istio('VirtualService', { hosts: ['*'], gateways: ['gw'], exportTo: ['.', 'nodeway'], http: [{ route: [{ destination }] }] }),
  ...[
    { httpCookie: { name: 'c', path: '/p', ttl: '1s', attributes: [{ name: 'SameSite', value: 'Strict' }] }, minimumRingSize: 8 },
    { httpHeaderName: 'x-a', maglev: { tableSize: 11 } },
    { httpQueryParameterName: 'q', ringHash: { minimumRingSize: 8 } },
    { useSourceIp: true },
  ].map((consistentHash) =>
    istio('DestinationRule', {
      host: 'a',
      trafficPolicy: { loadBalancer: { consistentHash }, portLevelSettings: [{ port: { number: 80 }, loadBalancer: { consistentHash } }] },
      subsets: [
        {
          name: 'v1',
          labels: { app: 'a' },
          trafficPolicy: {
            loadBalancer: { consistentHash },
            portLevelSettings: [{ port: { number: 80 }, loadBalancer: { consistentHash } }],
          },
        },
      ],
    }),
  ),
  ...[
    { loadBalancer: { localityLbSetting: shares } },
    { loadBalancer: { zoneAwareLbSetting: zones }, outlierDetection: { interval: duration } },
  ].map((blocks) =>
    istio('DestinationRule', {
      host: 'a',
      trafficPolicy: { ...blocks, portLevelSettings: [{ port: { number: 80 }, ...blocks }] },
      subsets: [{ name: 'v1', trafficPolicy: { ...blocks, portLevelSettings: [{ port: { number: 80 }, ...blocks }] } }],
    }),
  ),
  istio('DestinationRule', {
    host: 'a',
    exportTo: ['.'],
    workloadSelector: { matchLabels: { app: 'a' } },
    trafficPolicy: { ...BLOCKS, retryBudget, portLevelSettings: [{ port: { number: 80 }, ...BLOCKS }] },
    subsets: [{ name: 'v1', trafficPolicy: { ...BLOCKS, retryBudget, portLevelSettings: [{ port: { number: 80 }, ...BLOCKS }] } }],
  }),
  ...[
    [OPENING.introduced, OPENING.through],
    [OPENING.through, OPENING.introduced],
  ].map(([whole, own]) => istio('DestinationRule', { host: 'a', trafficPolicy: whole, subsets: [{ name: 'v1', trafficPolicy: own }] })),
  istio('Gateway', {
    servers: [{ hosts: ['*'], bind: '127.0.0.1', tls: { httpsRedirect: true }, port: { number: 81, protocol: 'HTTP', name: 'http' } }],
  }),
  istio('Gateway', { servers: [{ hosts: ['*'], tls: { mode: 'PASSTHROUGH' }, port: { number: 82, protocol: 'TLS', name: 'tls' } }] }),
  istio('VirtualService', {
    hosts: ['a'],
    tcp: [
      { match: [{ ...connection, sourceNamespace: 'default' }], route: [{ destination: { ...destination, subset: 'v1' }, weight: 1 }] },
    ],
    tls: [
      {
        match: [{ ...connection, sourceNamespace: 'default', sniHosts: ['a'] }],
        route: [{ destination: { ...destination, subset: 'v1' }, weight: 1 }],
      },
    ],
  }),
];

const PLAIN: readonly RawObject[] = [
  {
    ...istio('Gateway', {
      selector: { istio: 'gateway' },
      servers: [{ name: 's', hosts: ['*'], port: { number: 80, protocol: 'HTTP', name: 'http' } }],
    }),
    metadata: { name: 'gw', namespace: 'default' },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'a', namespace: 'default' },
    spec: { clusterIP: '10.1.0.1', selector: { app: 'a' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  } as RawObject,
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'a', namespace: 'default', labels: { app: 'a' } },
    status: { podIP: '10.0.0.2' },
  } as RawObject,
];

function compiled(objects: readonly RawObject[]): Snapshot {
  const store = new ObjectStore();
  const sink = store.contribute('test');
  for (const object of objects) sink.upsert(object, ORIGIN);
  return applied(new Compiler(OPTIONS, (ref) => store.origin(ref)), store.takeChanges()).snapshot;
}

const FIELD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+: ?[\t\x20-\x7e\x80-\xff]*$/;

/** What is wrong with a message's head by RFC 9112, or null; by a grammar of its own. */
function headFault(text: string, start: RegExp): string | null {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return `no end: ${JSON.stringify(text)}`;
  const [first = '', ...fields] = text.slice(0, end).split('\r\n');
  if (!start.test(first)) return `start line ${JSON.stringify(first)}`;
  const bad = fields.find((field) => !FIELD.test(field) || /^x-smuggled:/i.test(field));
  return bad === undefined ? null : `field ${JSON.stringify(bad)}`;
}

const REQUEST = /^[A-Z]+ [\x21-\x7e]+ HTTP\/1\.1$/;
const STATUS = /^HTTP\/1\.1 [1-5][0-9][0-9] [\t\x20-\x7e\x80-\xff]*$/;

/** Sends a request through an engine with this configuration, and reads what reaches the server and the client. */
function wireFaults(snapshot: Snapshot): string[] {
  const rig = new Rig();
  const change = Object.fromEntries(RECORD_KINDS.map((kind) => [kind, Object.fromEntries<unknown>(snapshot.records[kind])])) as Change;
  rig.apply({ ...change, endpoints: Object.fromEntries(snapshot.endpoints) });
  rig.engine.listen({ kind: 'gateway', id: 1, fd: -1, port: 80 }, { address: GATEWAY.ip, port: GATEWAY.port });
  const servers: MemoryPeer[] = [];
  rig.transport.serve({ ip: '10.0.0.2', port: 8080 }, (peer) => servers.push(peer));
  const client = rig.transport.dial(GATEWAY);
  client.write('GET /a?q=1 HTTP/1.1\r\nHost: shop\r\nx-a: 1\r\norigin: o\r\n\r\n');
  const faults: string[] = [];
  for (let round = 0; round < 4; round++) {
    rig.run();
    for (const server of servers) {
      const text = server.takeText();
      if (text === '') continue;
      faults.push(...[headFault(text, REQUEST), text.includes('\r\n\r\nGET') ? 'a second request' : null].flatMap((fault) => fault ?? []));
      server.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    }
  }
  const answer = client.takeText();
  // Nobody listens where the Gateway itself was refused.
  const silent = answer === '' && snapshot.records.gateways.size === 0;
  faults.push(...[silent ? null : headFault(answer, STATUS)].flatMap((fault) => fault ?? []));
  faults.push(...rig.unfit, ...rig.log.map(({ message }) => message).filter((message) => /fault|exception/i.test(message)));
  return faults;
}

t.test('the objects have every field that is served', async (t) => {
  for (const kind of ['VirtualService', 'DestinationRule', 'Gateway'] as const) {
    const missing = uncovered(
      shapeOfKind(kind),
      [...OBJECTS, ...PLAIN].filter((object) => object.kind === kind),
    ).filter((path) => path.startsWith('.spec') && !ALWAYS_REFUSED.test(path));
    t.same(missing, [], kind);
  }
});

t.test('without hostile text everything is accepted, and reaches the wire', async (t) => {
  for (const object of OBJECTS) {
    const store = new ObjectStore();
    store.contribute('test').upsert(object, ORIGIN);
    t.same(store.problems().filter(({ message }) => !/not served yet|exclude|deprecated|without hosts/.test(message)), [], JSON.stringify(object).slice(0, 120)); // prettier-ignore
    t.same(wireFaults(compiled([...PLAIN, object])), []);
  }
});

t.test('no hostile text leaves its field', async (t) => {
  let tried = 0;
  let taken = 0;
  for (const object of [...OBJECTS, ...PLAIN]) {
    const others = PLAIN.filter((other) => other !== object);
    const plain = OBJECTS.filter((other) => other !== object && PLAIN.includes(object)).slice(1, 2);
    for (const place of textsIn(shapeOfKind(object.kind as KindName), object)) {
      if (place.path[0] === 'kind' || place.path[0] === 'apiVersion') continue;
      // Conditions and names are compared, not written; two texts show that.
      const compared = place.path.includes('match') || place.path[0] === 'metadata';
      for (const text of compared ? HOSTILE.slice(0, 2) : HOSTILE) {
        tried++;
        const hostile = withText(object, place, text);
        // What the schema refuses is not in effect.
        if (checkObject(hostile, ORIGIN).value === null) continue;
        taken++;
        const faults = wireFaults(compiled([...others, ...plain, hostile]));
        if (faults.length > 0) t.fail(`${object.kind} ${place.path.join('.')} ${JSON.stringify(text)}: ${faults.join('; ')}`);
      }
    }
  }
  t.ok(tried > 500 && taken > 100, `${tried} texts, of which ${taken} are taken`);
});
