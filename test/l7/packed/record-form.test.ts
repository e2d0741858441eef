/** Records as strings: which are light, and that all are read as they were. */
import t, { type Test } from 'tap';
import { isLight, type PackedKind, type PackedValues, packRecord, unpackRecord } from '../../../src/l7/packed/record-form.ts';
import { RecordMemory } from '../../../src/l7/packed/record-memory.ts';
import { addressesConfig, clusterConfig, endpointConfig, host, line, route } from '../runtime/snapshots.ts';

const NAME = 'reviews.shop.svc.cluster.local';
const CLUSTER = `outbound|80||${NAME}`;
const header = { name: 'X-Canary', match: { kind: 'exact', value: 'yes' } as const, invert: false };
const asking = route('canary', CLUSTER, { match: { headers: [header] }, responseHeaders: { set: [line('x-rule', 'a')] } });

function check<K extends PackedKind>(t: Test, kind: K, id: string, record: PackedValues[K], light: boolean, what: string): void {
  const packed = packRecord(kind, id, record);
  t.equal(isLight(packed), light, what);
  t.strictSame(unpackRecord(kind, id, packed), record, `${what}: read as it was`);
  t.equal(packRecord(kind, id, structuredClone(record)), packed, `${what}: equal records are equal strings`);
}

t.test('records are read as they were, light or not', async (t) => {
  const many = Array.from({ length: 20 }, (_, index) => route(`r${index}`, CLUSTER));
  check(
    t,
    'virtualHosts',
    `mesh ${NAME}:80`,
    host([NAME, 'reviews'], [asking, route('rest', CLUSTER)]),
    true,
    'a host that asks for a header',
  );
  check(t, 'virtualHosts', 'many', host([NAME], many), false, 'a host with many routes');
  check(t, 'virtualHosts', 'wide', host(['λ.example'], [route('λ', CLUSTER)]), true, 'text beyond Latin-1');
  check(t, 'virtualHosts', 'λ', host([NAME], []), false, 'an id beyond ASCII');
  const long = route('long', CLUSTER, { match: { path: { kind: 'prefix', value: 'x'.repeat(20_000) } } });
  check(t, 'virtualHosts', 'long', host([NAME], [long]), false, 'a long one');
  check(t, 'clusters', CLUSTER, clusterConfig(CLUSTER), true, 'a cluster');
  check(t, 'endpoints', CLUSTER, [endpointConfig('10.0.0.1')], true, 'endpoints');
  check(
    t,
    'endpoints',
    CLUSTER,
    Array.from({ length: 300 }, (_, i) => endpointConfig(`10.0.0.${i}`)),
    false,
    'many endpoints',
  );
  check(t, 'addresses', NAME, addressesConfig('mesh', CLUSTER, '10.96.0.1:80'), true, 'addresses');
});

t.test('a worker finds the names of headers before the routes', async (t) => {
  const memory = new RecordMemory();
  const place = memory.write(packRecord('virtualHosts', 'v', host([NAME], [asking])));
  t.equal(memory.key(place), 'v');
  t.strictSame(memory.read(place, 'local'), {
    layer: 'all',
    port: 80,
    domains: [NAME],
    name: NAME,
    headerNames: ['x-canary', 'x-rule'],
    local: null,
  });
});
