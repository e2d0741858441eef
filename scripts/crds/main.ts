/** Writes the definitions of custom resources and the list for the agent's role into the folder that is given. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { definitions, pluralsByGroup } from './definitions.ts';

const HEAD = '# Written by scripts/generate-crds from src/agent/model/schema; not to be edited.\n';
const [folder = '.'] = process.argv.slice(2);

function write(path: string, content: unknown): void {
  writeFileSync(join(folder, path), HEAD + stringify(content, { lineWidth: 0, aliasDuplicateObjects: true }));
}

mkdirSync(join(folder, 'crds'), { recursive: true });
for (const [name, definition] of definitions()) write(`crds/${name}.yaml`, definition);
write('custom-resources.yaml', pluralsByGroup());
