/** Which protocol an application gets, by what its caller's side and its own side say. */
import t from 'tap';
import type { ClusterConfig } from '../../../src/l7/config/cluster.ts';
import type { InboundPort } from '../../../src/l7/config/workload.ts';
import { speaksHttp2, type WireQuestion } from '../../../src/l7/exchange/upstream-wire.ts';

const PORT = 8080;

interface Case {
  readonly wire: ClusterConfig['wire'] | 'original';
  readonly from?: 'outbound' | 'gateway' | 'inbound';
  /** What the pod serves, enrolled on this node; null: it is elsewhere, or not enrolled. */
  readonly server: Omit<InboundPort, 'service'> | 'unlisted' | null;
}

function answers({ wire, from = 'outbound', server }: Case): string {
  const inbound = server === 'unlisted' || server === null ? {} : { [PORT]: { ...server, service: null } };
  const question = (clientHttp2: boolean): WireQuestion =>
    ({
      cluster: wire === 'original' ? null : { config: { wire } },
      endpoint: { port: PORT, config: { local: server === null ? null : 'default/pod' } },
      origin: { kind: from, port: PORT, workload: { inbound } },
      clientHttp2,
      workloads: new Map([['default/pod', { inbound }]]),
    }) as unknown as WireQuestion;
  return [false, true].map((clientHttp2) => (speaksHttp2(question(clientHttp2)) ? 'HTTP/2' : 'HTTP/1')).join(' ');
}

t.test('HTTP/1 and HTTP/2 clients', (t) => {
  const http = { protocol: 'http' } as const;
  const http2 = { protocol: 'http2' } as const;
  const auto = { protocol: 'auto' } as const;
  for (const [name, one, expected] of [
    ['declared HTTP/1', { wire: undefined, server: null }, 'HTTP/1 HTTP/1'],
    ['declared HTTP/2', { wire: 'http2', server: null }, 'HTTP/2 HTTP/2'],
    ['undeclared', { wire: 'undeclared', server: null }, 'HTTP/1 HTTP/2'],
    ['undeclared, from a gateway', { wire: 'undeclared', from: 'gateway', server: null }, 'HTTP/1 HTTP/1'],
    ["the client's", { wire: 'client', server: null }, 'HTTP/1 HTTP/2'],
    ['raised, to a pod of this node', { wire: 'http2', server: http }, 'HTTP/1 HTTP/1'],
    ['raised, from a gateway to a pod of this node', { wire: 'http2', from: 'gateway', server: http }, 'HTTP/1 HTTP/1'],
    ['declared HTTP/2, to a pod of this node', { wire: 'http2', server: http2 }, 'HTTP/2 HTTP/2'],
    ['raised, to an undeclared port', { wire: 'http2', server: auto }, 'HTTP/2 HTTP/2'],
    ['to a port that nothing is known of', { wire: 'http2', server: 'unlisted' }, 'HTTP/2 HTTP/2'],
    ["the client's for the caller alone", { wire: 'client', server: http }, 'HTTP/1 HTTP/1'],
    ["the client's on both sides", { wire: 'client', server: { ...http, wire: 'client' } }, 'HTTP/1 HTTP/2'],
    ["received, the client's", { wire: 'original', from: 'inbound', server: { ...http2, wire: 'client' } }, 'HTTP/1 HTTP/2'],
    ['received, HTTP/1', { wire: 'original', from: 'inbound', server: http }, 'HTTP/1 HTTP/1'],
    ['received, HTTP/2', { wire: 'original', from: 'inbound', server: http2 }, 'HTTP/2 HTTP/2'],
    ['received, unlisted', { wire: 'original', from: 'inbound', server: 'unlisted' }, 'HTTP/1 HTTP/2'],
    ['to its original destination', { wire: 'original', server: null }, 'HTTP/1 HTTP/2'],
  ] as const satisfies readonly (readonly [string, Case, string])[]) {
    t.equal(answers(one), expected, name);
  }
  t.end();
});
