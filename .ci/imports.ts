/**
 * The direction of imports, and that the tool saw every module: a parser that does not know the syntax sees none and reports no error.
 */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';

interface Report {
  readonly modules: readonly { readonly source: string }[];
  readonly summary: {
    readonly error: number;
    readonly totalDependenciesCruised: number;
    readonly violations: readonly {
      readonly rule: { readonly name: string };
      readonly from: string;
      readonly to: string;
    }[];
  };
}

const { modules, summary } = cruise();
const exist = globSync(['src/**/*.ts', 'console/**/*.{ts,tsx}']).length;
const seen = modules.filter(({ source }) => /^(src|console)\//.test(source)).length;
for (const { rule, from, to } of summary.violations) console.log(`${rule.name}: ${from} -> ${to}`);
console.log(`${seen} of ${exist} modules, ${summary.totalDependenciesCruised} imports, ${summary.error} against the direction`);
if (seen < exist) console.log('modules were not seen');
process.exitCode = summary.error > 0 || seen < exist || exist === 0 ? 1 : 0;

function cruise(): Report {
  const words = ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', 'src', 'console'];
  const { stdout, stderr } = spawnSync('depcruise', words, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (!stdout) throw new Error(`dependency-cruiser said nothing: ${stderr}`);
  return JSON.parse(stdout) as Report;
}
