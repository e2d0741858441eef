/** The parts of the demonstration that need no namespaces. */
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { parseDocument } from 'yaml';
import { binomialBand } from '../../examples/sentiment/demo/binomial.ts';
import { CHAPTERS, readChapters } from '../../examples/sentiment/demo/chapters.ts';
import { answer } from '../../examples/sentiment/demo/cluster-dns.ts';
import { isDeployment, readManifests, shorthand } from '../../examples/sentiment/demo/manifests.ts';
import { parseOptions } from '../../examples/sentiment/demo/options.ts';
import { programOf } from '../../examples/sentiment/demo/programs.ts';
import { ruleset } from '../../examples/sentiment/demo/service-proxy.ts';

const EXAMPLE = new URL('../../examples/sentiment/', import.meta.url);

t.test('binomial bands', async (t) => {
  t.strictSame(binomialBand(10, 0.5, 2 / 1024 + 1e-9), { low: 1, high: 9 }, 'ten of ten is one in 1024');
  const canary = binomialBand(600, 0.871);
  const retried = binomialBand(600, 0.963);
  t.ok(canary.low < 522 && canary.high > 522 && canary.high < 570);
  t.ok(retried.low > 540 && retried.high <= 600);
});

t.test('DNS', async (t) => {
  const records = new Map([['sa-logic.default.svc.cluster.local', '10.213.96.4']]);
  const ask = (name: string, type: number): Buffer | null => {
    const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]);
    return answer(Buffer.from([0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, type, 0, 1]), records);
  };
  const rcode = (reply: Buffer | null): number => (reply?.readUInt8(3) ?? 0xff) & 0x0f;
  const known = ask('SA-Logic.default.svc.cluster.local', 1);
  t.equal(known?.readUInt16BE(0), 0xabcd);
  t.equal(rcode(known), 0);
  t.equal(known?.readUInt16BE(6), 1);
  t.strictSame([...(known?.subarray(-4) ?? [])], [10, 213, 96, 4]);
  const noV6 = ask('sa-logic.default.svc.cluster.local', 28);
  t.equal(rcode(noV6), 0, 'the name exists');
  t.equal(noV6?.readUInt16BE(6), 0, 'without an address of this family');
  t.equal(rcode(ask('sa-logic.default', 1)), 3);
  for (const broken of [Buffer.alloc(0), Buffer.alloc(12), Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 70, 1]), known]) {
    t.equal(answer(broken as Buffer, records), null);
  }
});

t.test('service translation', async (t) => {
  const endpoints = [
    { address: '10.213.1.1', port: 8080 },
    { address: '10.213.1.2', port: 8080 },
  ];
  const rules = ruleset([
    { name: 'a', address: '10.213.96.1', port: 80, endpoints },
    { name: 'none', address: '10.213.96.2', port: 80, endpoints: [] },
  ]);
  t.match(rules, 'ip daddr 10.213.96.1 tcp dport 80 dnat ip to numgen random mod 2 map { 0 : 10.213.1.1 . 8080, 1 : 10.213.1.2 . 8080 }');
  t.match(rules, 'ip daddr 10.213.96.2 tcp dport 80 drop');
});

t.test('the manifests have a place in the walk, each, and a program that exists', async (t) => {
  const chapters = await readChapters(null);
  for (const name of CHAPTERS) t.ok(chapters[name].length > 0, name);
  const sorted = CHAPTERS.reduce((total, name) => total + chapters[name].length, 0);
  const all = (await Promise.all(['kube', 'istio'].map((part) => readManifests(new URL(part, EXAMPLE).pathname)))).flat();
  t.equal(sorted, all.length);
  for (const { object } of all.filter(({ object }) => isDeployment(object))) {
    if (!isDeployment(object)) continue;
    const { args, env } = programOf(object.spec.template.spec, { name: 'pod-1', address: '10.0.0.1', volumes: '/volumes' });
    t.ok((await readFile(args.at(-1) as string, 'utf8')).length > 0);
    t.equal(env['POD_NAME'], 'pod-1');
    if (object.metadata.name === 'sa-feedback') t.equal(env['DATABASE_DIR'], '/volumes/sa-feedback');
  }
});

t.test('programs for other images', async (t) => {
  const program = (image: string) =>
    programOf({ containers: [{ name: 'c', image, ports: [{ containerPort: 5000 }] }] }, { name: 'p', address: '', volumes: '' });
  t.match(program('somebody/sentiment-logic:buggy').env, { LOGIC_VERSION: 'v2', PORT: '5000' });
  t.match(program('somebody/sentiment-frontend:2').env, { BUILD: 'white' });
  t.throws(() => program('nginx'), /nothing here stands for the image nginx/);
});

t.test('shorthand is the same YAML, shorter', async (t) => {
  const { routes } = await readChapters(null);
  for (const { object } of routes) {
    const short = shorthand(object, 84);
    t.strictSame(parseDocument(short).toJS(), object['spec']);
    t.ok(short.split('\n').length < 30);
  }
});

t.test('options', async (t) => {
  t.strictSame([...(parseOptions(['--steps', '0-2,5'], 11).steps ?? [])], [0, 1, 2, 5]);
  t.match(parseOptions(['--keep', '--seed', 'x'], 11), { keep: true, seed: 'x', steps: null, sleepSeconds: 30 });
  for (const wrong of [['--steps', '11'], ['--steps', '3-1'], ['--steps', 'a'], ['--sleep-seconds', 'x'], ['--nonsense']]) {
    t.throws(() => parseOptions(wrong, 11), Error, wrong.join(' '));
  }
});
