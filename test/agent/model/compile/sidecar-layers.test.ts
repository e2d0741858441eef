/** What clients see whose Sidecar imports whole namespaces is the same, whether they share it with others or have it for themselves. */
import assert from 'node:assert/strict';
import * as fc from '../../../base/fast-check.ts';
import t from 'tap';
import { Compiler } from '../../../../src/agent/model/compile/index.ts';
import type { ObjectChange } from '../../../../src/agent/model/store.ts';
import { sniLayer } from '../../../../src/l7/config/workload.ts';
import type { Snapshot } from '../../../../src/l7/snapshot.ts';
import { OBJECTS } from './objects.ts';
import { applied, client, compileText, OPTIONS, scopeOf, service, storeOf, tableOf, virtualService } from './world.ts';

const BY_LABELS = virtualService(
  '[{ match: [{ sourceLabels: { tier: gold } }], timeout: 7s, route: [{ destination: { host: b } }] }]',
  'hosts: [b]',
  'name: by-labels, namespace: default',
);
const VERSIONS: readonly ObjectChange[] = [...OBJECTS, BY_LABELS]
  .filter((text) => !text.includes('kind: Sidecar'))
  .flatMap((text) => storeOf(text).takeChanges());
const CLIENTS = storeOf(client(), client('client', 'other', 'tier: gold'), client('client', 'third', 'tier: iron')).takeChanges();

const sidecar = (hosts: readonly string[], metadata: string): string => `
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { ${metadata} }
spec: { egress: [{ hosts: ${JSON.stringify(hosts)} }] }
`;
const hosts = fc.uniqueArray(
  fc.constantFrom('./*', 'default/*', 'other/*', 'third/*', '*/a.default.svc.cluster.local', 'default/*.example'),
  {
    minLength: 1,
    maxLength: 4,
  },
);

/** Of a client, by port: who has each domain, and its routes; and what stands behind addresses. */
function seenBy({ records }: Snapshot, pod: string): unknown {
  const scope = records.scopes.get(records.workloads.get(pod)?.scope ?? '');
  if (scope === undefined) return null;
  const names = new Map<string, unknown>();
  for (const layer of scope.layers.flatMap((one) => [one, sniLayer(one)])) {
    for (const host of records.virtualHosts.values()) {
      if (host.layer !== layer) continue;
      const kind = layer.endsWith(' sni') ? 'sni' : 'http';
      const local = host.local?.namespace === scope.namespace ? host.local.domains : [];
      for (const domain of [...host.domains, ...local]) {
        const key = `${kind} ${host.port} ${domain}`;
        if (!names.has(key)) names.set(key, [host.name, host.routes]);
      }
    }
  }
  const addresses = new Map<string, unknown>();
  for (const layer of scope.layers.toReversed())
    for (const record of records.addresses.values())
      if (record.layer === layer) for (const [key, to] of record.entries) addresses.set(key, to);
  return { names, addresses };
}

t.test('whole namespaces', async () => {
  fc.assert(
    fc.property(fc.subarray([...VERSIONS], { minLength: 5 }), fc.tuple(hosts, hosts, hosts), (objects, [own, others, roots]) => {
      const seen = [[], ['~none/*']].map((nothing) => {
        const sidecars = [
          sidecar([...own, ...nothing], 'name: side, namespace: default'),
          sidecar([...others, ...nothing], 'name: side, namespace: other'),
          sidecar([...roots, ...nothing], 'name: side, namespace: istio-system'),
        ];
        const { snapshot } = applied(new Compiler(OPTIONS), [...objects, ...CLIENTS, ...storeOf(...sidecars).takeChanges()]);
        return ['default/client', 'other/client', 'third/client'].map((pod) => seenBy(snapshot, pod));
      });
      assert.deepEqual(seen[0], seen[1]);
    }),
    { numRuns: 300 },
  );
});

t.test('they share a layer', async (t) => {
  const compiled = compileText([
    client(),
    client('client', 'other'),
    service('a'),
    sidecar(['default/*'], 'name: side, namespace: default'),
    sidecar(['default/*'], 'name: side, namespace: other'),
  ]);
  const layers = ['default/client', 'other/client'].map((pod) => scopeOf(compiled, pod).layers);
  for (const own of layers) t.ok(own.includes('namespace default'));
  t.same(tableOf(compiled).get('a.default'), tableOf(compiled, 80, 'other/client').get('a.default'));
  t.ok(scopeOf(compiled).layers.every((layer) => layer !== 'mesh'));
});
