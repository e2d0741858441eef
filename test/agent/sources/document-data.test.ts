/** What another thread has read and checked says the same as what the store checks itself. */
import t from 'tap';
import { ObjectStore } from '../../../src/agent/model/store.ts';
import { chunksOf } from '../../../src/agent/sources/chunks.ts';
import { contentsFrom, readData } from '../../../src/agent/sources/document-data.ts';
import { hashOf, SourceDocument } from '../../../src/agent/sources/document.ts';
import { parseManifest } from '../../../src/agent/sources/file-text.ts';
import { SharedTexts } from '../../../src/agent/sources/shared-texts.ts';

const SERVICE = 'apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  ports:\n  - {name: http, port: 80}\n';
const REFUSED = SERVICE.replace('port: 80', 'port: 80000');
const UNSUPPORTED = SERVICE.replace('kind: Service', 'kind: EnvoyFilter').replace('apiVersion: v1', 'apiVersion: networking.istio.io/v1');

const TEXTS: Readonly<Record<string, string>> = {
  'some documents': `# first\n${SERVICE}---\n\n# second\n${SERVICE.replace('name: a', 'name: b')}`,
  'an object that is refused': `---\n${SERVICE}---\n${REFUSED.replace('name: a', 'name: b')}`,
  'a kind that is not served': UNSUPPORTED,
  'what is no object': `${SERVICE}---\n- 1\n---\nkind: Service\n`,
  'what is no YAML': `${SERVICE}---\nkind: [\n`,
  'a list': `apiVersion: v1\nkind: List\nitems:\n- ${REFUSED.trim().replaceAll('\n', '\n  ')}\n- 5\n`,
  'a list in one line': '{apiVersion: v1, kind: ServiceList, items: [{metadata: {name: a}, spec: {ports: [{port: 80000}]}}]}',
  'JSON values': '{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"},"spec":{"ports":[{"port":0}]}}\n{"kind":5}',
  'anchors, which the whole parser reads': `${SERVICE}---\nx: &x {port: 0}\n${SERVICE.replace('{name: http, port: 80}', '*x')}`,
};

interface Told {
  readonly objects: unknown;
  readonly problems: unknown;
}

function told(documents: readonly SourceDocument[]): Told {
  const store = new ObjectStore();
  const sink = store.contribute('f');
  for (const document of documents) for (const object of document.objects) object.tell(sink);
  return { objects: store.list('Service'), problems: [...documents.flatMap((document) => document.problems()), ...store.problems()] };
}

/** As the thread hands them over: by structured clone. */
function throughThread(text: string): SourceDocument[] {
  const file = { path: 'f', texts: { textOf: ({ start, length }: SourceDocument) => text.slice(start, start + length) } };
  return [...chunksOf(text)].map((chunk) => {
    const data = structuredClone(readData('f', chunk, hashOf(chunk), new SharedTexts()));
    const [hash, start, line, length, isItem, inherited, objects, faults] = data;
    return new SourceDocument(file, { hash, start, line, length, isItem, inherited }, contentsFrom(objects ?? [], faults));
  });
}

t.test('objects and problems, with their places', async (t) => {
  for (const [name, text] of Object.entries(TEXTS)) {
    const here = told(parseManifest('f', text).documents);
    t.same(told(throughThread(text)), here, name);
    t.not(JSON.stringify(here), JSON.stringify({ objects: [], problems: [] }), `${name}: says something`);
  }
});

t.test('a finding moves with its document', async (t) => {
  const [document] = throughThread(REFUSED);
  const store = new ObjectStore();
  document!.objects[0]!.tell(store.contribute('f'));
  t.match(store.problems(), [{ path: 'spec.ports[0].port', line: 6 }]);
  document!.move({ start: 100, line: 10 });
  t.match(store.problems(), [{ path: 'spec.ports[0].port', line: 16 }]);
});
