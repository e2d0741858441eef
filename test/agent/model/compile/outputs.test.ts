import t from 'tap';
import { Outputs } from '../../../../src/agent/model/compile/outputs.ts';
import type { PackedOutput } from '../../../../src/agent/model/compile/packed-output.ts';
import { Entry } from '../../../../src/agent/model/incremental/cell.ts';
import type { PackedKind } from '../../../../src/l7/packed/record-form.ts';
import { lightIds, lightRecords } from '../../../l7/packed/light-records.ts';
import { clusterConfig, endpointConfig } from '../../../l7/runtime/snapshots.ts';

const MESH = { connectTimeoutMs: 1000, rootNamespace: 'istio-system', pathNormalization: 'base', gatewayName: '' } as const;

function emit<K extends PackedKind>(output: PackedOutput<K>, id: string, value: unknown): Entry {
  const entry = new Entry(output, id, output.held(id, value));
  output.added(entry);
  return entry;
}

t.test('no entry keeps a copy of what has been committed', async (t) => {
  const outputs = new Outputs(MESH);
  const entry = emit(outputs.clusters, 'c', clusterConfig('c'));
  t.type(entry.value, 'string');
  const delta = outputs.commit();
  t.equal(entry.value, delta?.packed.clusters[0]);
  entry.value = outputs.clusters.held('c', clusterConfig('c'));
  outputs.clusters.replaced(entry);
  t.equal(outputs.commit(), null, 'the same again is no change');
  t.equal(entry.value, delta?.packed.clusters[0]);
});

t.test('a cluster that stays has no endpoints when they are gone', async (t) => {
  const outputs = new Outputs(MESH);
  const cluster = emit(outputs.clusters, 'c', clusterConfig('c'));
  const endpoints = emit(outputs.endpoints, 'c', [endpointConfig('10.0.0.1')]);
  t.same(lightIds('endpoints', outputs.commit()), ['c']);
  outputs.endpoints.removed(endpoints);
  t.same(lightRecords('endpoints', outputs.commit()), [['c', []]]);
  outputs.clusters.removed(cluster);
  t.same(outputs.commit()?.records.clusters?.remove, ['c']);
});
