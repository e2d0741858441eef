/** Objects as one string. */
import t from 'tap';
import { pack, unpack } from '../../../src/agent/model/packed.ts';
import { WORDS } from '../../../src/agent/model/words.ts';

t.test('the characters of what is packed are bytes', async (t) => {
  const packed = pack({ metadata: { name: 'web', labels: { app: 'Käse', owner: '日本' } }, spec: {} });
  t.ok(Array.from({ length: packed.length }, (_, at) => packed.charCodeAt(at)).every((code) => code < 256));
  t.ok(packed.length < 40, `${packed.length} bytes`);
});

t.test('equal objects are equal strings, and what is unpacked is another object', async (t) => {
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', labels: { 'istio.io/λ': 'x'.repeat(5000) } } };
  t.equal(pack(service), pack(structuredClone(service)));
  t.not(pack(service), pack({ ...service, kind: 'Pod' }));
  t.strictSame(unpack(pack(service)), service);
  t.not(unpack(pack(service)), service);
});

t.test('every word is one word, and the first are said in a byte', async (t) => {
  t.equal(new Set(WORDS).size, WORDS.length);
  for (const name of ['apiVersion', 'metadata', 'endpoints', 'destination']) t.ok(WORDS.indexOf(name) < 127 && WORDS.includes(name), name);
});
