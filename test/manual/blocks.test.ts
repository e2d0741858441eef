import t from 'tap';
import { blocksOf, manualPages, scriptsOf } from './blocks.ts';

const FENCE = '```';
const page = (...infos: string[]): string => infos.map((info, index) => `${FENCE}${info}\necho ${index}\n${FENCE}\n`).join('\ntext\n');

t.test('blocks and their marks', async (t) => {
  const { blocks, unmarked } = blocksOf('a.md', page('sh check=local', 'yaml', 'sh check=cluster', 'bash check=none-needs-a-registry'));
  t.strictSame(blocks, [
    { file: 'a.md', line: 1, check: 'local', text: 'echo 0' },
    { file: 'a.md', line: 11, check: 'cluster', text: 'echo 2' },
    { file: 'a.md', line: 16, check: 'none', text: 'echo 3' },
  ]);
  t.strictSame(unmarked, []);
});

t.test('a block that says nothing, or gives no reason', async (t) => {
  for (const info of ['sh', 'sh check=', 'sh check=none', 'sh check=later', 'console']) {
    t.strictSame(blocksOf('a.md', page(info)).unmarked, ['a.md:1: the block does not say how it is checked'], info);
  }
});

t.test('the pages of this manual', async (t) => {
  const pages = manualPages();
  t.ok(pages.includes('README.md') && pages.includes('docs/install.md') && pages.includes('docs/reference/flags.md'));
  t.notOk(pages.some((file) => file.startsWith('docs/adr/')));
  t.strictSame(
    pages.flatMap((file) => blocksOf(file).unmarked),
    [],
  );
  t.strictSame([...scriptsOf('cluster').keys()].includes('docs/install.md'), true);
});
