/** Whether an agent that is measured with its access log has written that log: lines that are dropped cost nothing. */
import { createReadStream } from 'node:fs';
import type { Run } from '../measure.ts';

/** Of the caller and of the callee. */
const LINES = 2;
const LINE_END = 0x0a;

/** @param logs by variant: the file. @returns what is missing of them. */
export async function missingLines(logs: ReadonlyMap<string, string>, runs: readonly Run[]): Promise<string[]> {
  const missing: string[] = [];
  for (const [variant, file] of logs) {
    const wanted = LINES * runs.filter(({ proxy }) => proxy === variant).reduce((sum, { total }) => sum + total, 0);
    const written = await countLines(file);
    if (written < wanted) missing.push(`${variant}: ${written} lines of ${wanted} were written`);
  }
  return missing;
}

async function countLines(file: string): Promise<number> {
  let lines = 0;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    for (let at = chunk.indexOf(LINE_END); at >= 0; at = chunk.indexOf(LINE_END, at + 1)) lines++;
  }
  return lines;
}
