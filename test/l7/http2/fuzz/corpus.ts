/** Inputs kept as text: a line of hexadecimal digits each; `#` begins a comment. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What reaches every part of the codec that was ever reached. */
export const CORPUS = fileURLToPath(new URL('../../../fixtures/http2/corpus.hex', import.meta.url));
/** What has broken a promise once. */
export const FAULTS = fileURLToPath(new URL('../../../fixtures/http2/faults.hex', import.meta.url));

export function readCorpus(path: string): Buffer[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => Buffer.from(line, 'hex'));
}

export function writeCorpus(path: string, inputs: readonly Buffer[]): void {
  const comment = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('#'));
  writeFileSync(path, `${[...comment, ...inputs.map((input) => input.toString('hex'))].join('\n')}\n`);
}
