/**
 * Whether an agent that is measured with its access log has written that log: lines that are dropped cost nothing. The file is emptied after
 * each run, as one that is rotated. Else the kernel would keep it in memory that nobody had used before, and in a virtual machine the
 * host has to find each page of that first: that took longer than all else that a line costs, and depended on what had run before.
 */
import { createReadStream, truncateSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Of the caller and of the callee. */
const LINES = 2;
const LINE_END = 0x0a;
/** The agent writes every 25 ms. */
const POLL_MS = 50;
const MOST_POLLS = 40;

export class WrittenLines {
  /** What should have been written and was not. */
  readonly missing: string[] = [];
  /** By variant: the file. */
  readonly files = new Map<string, string>();

  /** @param requests that were answered since the last time. */
  async check(variant: string, requests: number): Promise<void> {
    const file = this.files.get(variant);
    if (file === undefined) return;
    const wanted = LINES * requests;
    let written = await countLines(file);
    for (let poll = 0; written < wanted && poll < MOST_POLLS; poll++) {
      await sleep(POLL_MS);
      written = await countLines(file);
    }
    if (written < wanted) this.missing.push(`${variant}: ${written} lines of ${wanted} were written`);
    await sleep(POLL_MS);
    truncateSync(file);
  }
}

async function countLines(file: string): Promise<number> {
  let lines = 0;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    for (let at = chunk.indexOf(LINE_END); at >= 0; at = chunk.indexOf(LINE_END, at + 1)) lines++;
  }
  return lines;
}
