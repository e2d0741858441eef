/** DestinationRule: which field is complained of, where and how gravely. */
import t from 'tap';
import { type Case, head, problemsOf, specInForce } from './problems-of.ts';

const GOOD = `${head('DestinationRule')}  host: b\n`;
const policy = (text: string): string => `${GOOD}  trafficPolicy:\n    ${text}\n`;
const balancer = (text: string): string => `${GOOD}  trafficPolicy:\n    loadBalancer:\n      ${text}\n`;
const hash = (text: string): string => balancer(`consistentHash: {${text}}`);
const subsets = (text: string): string => `${GOOD}  subsets:\n  ${text}\n`;
const LB = 'spec.trafficPolicy.loadBalancer';

const CASES: readonly Case[] = [
  ['good', GOOD, []],
  ['wildcard host', `${head('DestinationRule')}  host: "*.b.c"\n`, []],
  ['no host', `${head('DestinationRule')}  subsets: []\n`, ['4 error spec.host']],
  ['empty host', `${head('DestinationRule')}  host: ""\n`, ['5 error spec.host']],
  ['host with a path', `${head('DestinationRule')}  host: ns/b\n`, ['5 error spec.host']],
  ['empty policy', policy('{}'), ['6 error spec.trafficPolicy']],
  ['outliers', policy('outlierDetection: {}'), []],
  [
    'outliers of old',
    policy('outlierDetection: {consecutiveErrors: 5}'),
    ['7 warning spec.trafficPolicy.outlierDetection.consecutiveErrors'],
  ],
  [
    'failures of the own side, not split',
    policy('outlierDetection: {consecutiveLocalOriginFailures: 5}'),
    ['7 error spec.trafficPolicy.outlierDetection.consecutiveLocalOriginFailures'],
  ],
  ['percent', policy('outlierDetection: {maxEjectionPercent: 101}'), ['7 error spec.trafficPolicy.outlierDetection.maxEjectionPercent']],
  ['no interval', policy('outlierDetection: {interval: 0s}'), ['7 error spec.trafficPolicy.outlierDetection.interval']],
  ['error codes', policy('outlierDetection: {outlierDetectionHttpErrorCodes: [429]}'), []],
  ['connections', policy('connectionPool: {tcp: {maxConnections: 1}}'), []],
  ['no block of a pool', policy('connectionPool: {}'), ['7 error spec.trafficPolicy.connectionPool']],
  [
    'negative limit',
    policy('connectionPool: {http: {http2MaxRequests: -1}}'),
    ['7 error spec.trafficPolicy.connectionPool.http.http2MaxRequests'],
  ],
  ['idle timeout off', policy('connectionPool: {tcp: {idleTimeout: 0s}}'), []],
  [
    'short idle timeout',
    policy('connectionPool: {http: {idleTimeout: 0s}}'),
    ['7 error spec.trafficPolicy.connectionPool.http.idleTimeout'],
  ],
  ['keepalive', policy('connectionPool: {tcp: {tcpKeepalive: {probes: 3, time: 7200s, interval: 75s}}}'), []],
  [
    'half a keepalive',
    policy('connectionPool: {http: {http2KeepAlive: {interval: 1s}}}'),
    ['7 error spec.trafficPolicy.connectionPool.http.http2KeepAlive.timeout'],
  ],
  ['HTTP/2', policy('connectionPool: {http: {h2UpgradePolicy: UPGRADE}}'), []],
  [
    'two protocols',
    policy('connectionPool: {http: {h2UpgradePolicy: UPGRADE, useClientProtocol: true}}'),
    ['7 error spec.trafficPolicy.connectionPool.http.useClientProtocol'],
  ],
  ['retry budget', policy('retryBudget: {percent: 20, minRetryConcurrency: 3}'), []],
  ['no TLS', policy('tls: {mode: DISABLE}'), []],
  ['TLS of the mesh', policy('tls: {mode: ISTIO_MUTUAL}'), ['7 warning spec.trafficPolicy.tls.mode']],
  ['TLS', policy('tls: {mode: SIMPLE, sni: a.com}'), ['7 unsupported spec.trafficPolicy.tls.mode']],
  ['TLS of no kind', policy('tls: {mode: SOME}'), ['7 error spec.trafficPolicy.tls.mode']],
  ['unknown field', policy('{loadBalancer: {}, loadBalancers: {}}'), ['7 warning spec.trafficPolicy.loadBalancers']],
  ['simple', balancer('simple: ROUND_ROBIN'), []],
  ['simple of no one', balancer('simple: FASTEST'), [`8 error ${LB}.simple`]],
  ['simple and hash', balancer('{simple: RANDOM, consistentHash: {useSourceIp: true}}'), [`7 error ${LB}`]],
  ['localities', balancer('localityLbSetting: {}'), []],
  [
    'shares of localities',
    balancer('localityLbSetting: {distribute: [{from: r1, to: {r1: 60, r2: 30}}]}'),
    [`8 error ${LB}.localityLbSetting.distribute[0].to`],
  ],
  [
    'shares and failover',
    balancer('localityLbSetting: {distribute: [{from: r1, to: {r1: 100}}], failover: [{from: r1, to: r2}]}'),
    [`8 error ${LB}.localityLbSetting.failover`],
  ],
  ['failover to itself', balancer('localityLbSetting: {failover: [{from: r1, to: r1}]}'), [`8 error ${LB}.localityLbSetting.failover[0]`]],
  [
    'failover to a zone',
    balancer('localityLbSetting: {failover: [{from: r1, to: r2/z1}]}'),
    [`8 error ${LB}.localityLbSetting.failover[0].to`],
  ],
  [
    'labels, where nothing is known to fail',
    balancer('localityLbSetting: {failoverPriority: [tier, tier=a, topology.kubernetes.io/zone]}'),
    [`8 warning ${LB}.localityLbSetting`],
  ],
  ['labels', policy('{outlierDetection: {interval: 1s}, loadBalancer: {localityLbSetting: {failoverPriority: [tier]}}}'), []],
  ['zones by size', balancer('zoneAwareLbSetting: {enabled: true, minClusterSize: 3}'), []],
  ['zones by size and localities', balancer('{zoneAwareLbSetting: {}, localityLbSetting: {}}'), [`7 error ${LB}`]],
  [
    'zones by size and a label of zones',
    balancer('zoneAwareLbSetting: {failoverPriority: [topology.kubernetes.io/zone]}'),
    [`8 error ${LB}.zoneAwareLbSetting.failoverPriority[0]`],
  ],
  [
    'an error code of no response',
    policy('outlierDetection: {outlierDetectionHttpErrorCodes: [600]}'),
    ['7 error spec.trafficPolicy.outlierDetection.outlierDetectionHttpErrorCodes[0]'],
  ],
  ['an interval of a budget', policy('retryBudget: {percent: 20, budgetInterval: 10s}'), []],
  ['warmup', balancer('warmup: {duration: 5s, minimumPercent: 0, aggression: 1.5}'), []],
  ['warmup of old', balancer('warmupDurationSecs: 5s'), []],
  ['endless warmup', balancer('warmup: {}'), [`8 error ${LB}.warmup.duration`]],
  ['backward warmup', balancer('warmup: {duration: 1s, aggression: 0}'), [`8 error ${LB}.warmup.aggression`]],
  ['hash of a header', hash('httpHeaderName: x, ringHash: {minimumRingSize: 5}'), []],
  ['hash of a cookie', hash('httpCookie: {name: c, ttl: 0s}'), []],
  ['cookie without name', hash('httpCookie: {ttl: 0s}'), [`8 error ${LB}.consistentHash.httpCookie.name`]],
  ['cookie attributes', hash('httpCookie: {name: c, attributes: [{}]}'), [`8 error ${LB}.consistentHash.httpCookie.attributes[0].name`]],
  [
    'a cookie attribute twice',
    hash('httpCookie: {name: c, attributes: [{name: A}, {name: A}]}'),
    [`8 error ${LB}.consistentHash.httpCookie.attributes[1].name`],
  ],
  ['two keys', hash('useSourceIp: true, httpQueryParameterName: q'), [`8 error ${LB}.consistentHash.httpQueryParameterName`]],
  ['maglev', hash('useSourceIp: true, maglev: {tableSize: 65537}'), []],
  ['maglev without size', hash('useSourceIp: true, maglev: {}'), [`8 error ${LB}.consistentHash.maglev.tableSize`]],
  ['maglev not prime', hash('useSourceIp: true, maglev: {tableSize: 65536}'), [`8 error ${LB}.consistentHash.maglev.tableSize`]],
  ['maglev largest', hash('useSourceIp: true, maglev: {tableSize: 4999999}'), []],
  ['maglev too large', hash('useSourceIp: true, maglev: {tableSize: 5000011}'), [`8 error ${LB}.consistentHash.maglev.tableSize`]],
  ['two algorithms', hash('useSourceIp: true, ringHash: {}, maglev: {tableSize: 3}'), [`8 error ${LB}.consistentHash.maglev`]],
  ['port policy', policy('portLevelSettings: [{port: {number: 80}, loadBalancer: {simple: RANDOM}}]'), []],
  ['empty port policy', policy('portLevelSettings: [{port: {number: 80}}]'), ['7 error spec.trafficPolicy.portLevelSettings[0]']],
  ['port policy without port', policy('portLevelSettings: [{tls: {}}]'), ['7 error spec.trafficPolicy.portLevelSettings[0].port']],
  ['subsets', subsets('- {name: v1, labels: {version: v1}}'), []],
  ['the same name twice', subsets('- name: v1\n  - name: v1'), ['8 error spec.subsets[1].name']],
  ['a dot in a name', subsets('- name: v.1'), ['7 error spec.subsets[0].name']],
  ['subset without name', subsets('- labels: {}'), ['7 error spec.subsets[0].name']],
  ['label of a wrong type', subsets('- {name: v1, labels: {version: 1}}'), ['7 error spec.subsets[0].labels.version']],
  ['label with a blank', subsets('- {name: v1, labels: {version: "a b"}}'), ['7 error spec.subsets[0].labels.version']],
  ['policy of a subset', subsets('- {name: v1, trafficPolicy: {tls: {}}}'), []],
  ['cookie name that would end the line', hash('httpCookie: {name: "a\\r\\nb: c"}'), [`8 error ${LB}.consistentHash.httpCookie.name`]],
  ['cookie path with an attribute', hash('httpCookie: {name: a, path: "/; Domain=b"}'), [`8 error ${LB}.consistentHash.httpCookie.path`]],
  ['hash by no header', hash('httpHeaderName: "a b"'), [`8 error ${LB}.consistentHash.httpHeaderName`]],
  ["a ring of Envoy's limit", hash('useSourceIp: true, ringHash: {minimumRingSize: 8388608}'), []],
  [
    'a larger ring',
    hash('useSourceIp: true, ringHash: {minimumRingSize: 8388609}'),
    [`8 error ${LB}.consistentHash.ringHash.minimumRingSize`],
  ],
  [
    'a larger ring, as it was once written',
    hash('useSourceIp: true, minimumRingSize: 8388609'),
    [`8 error ${LB}.consistentHash.minimumRingSize`],
  ],
  ['private', `${GOOD}  exportTo: ["."]\n`, []],
  ['public', `${GOOD}  exportTo: ["*"]\n`, []],
  ['of some clients', `${GOOD}  workloadSelector: {matchLabels: {a: b}}\n`, []],
  ['of some clients, for all', `${GOOD}  workloadSelector: {matchLabels: {a: b}}\n  exportTo: ["*"]\n`, ['7 error spec.exportTo[0]']],
  ['for a namespace', `${GOOD}  exportTo: [shop]\n`, []],
  ['for all and some', `${GOOD}  exportTo: ["*", shop]\n`, ['6 error spec.exportTo[0]']],
];

for (const [name, text, expected] of CASES) t.test(name, async (t) => t.same(problemsOf(text), expected));

t.test('what is not served does not reach the compiler', async (t) => {
  const text = `${GOOD}  trafficPolicy: {tls: {}, loadBalancer: {simple: RANDOM}, outlierDetection: {}}\n`;
  t.same(specInForce(text), { host: 'b', trafficPolicy: { loadBalancer: { simple: 'RANDOM' }, outlierDetection: {} } });
});
