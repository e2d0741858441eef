/**
 * Replays recorded answers of Istio: for each set below `istio/`, its manifests and requests on the agent of this checkout, against
 * its want.json. Differences that are accepted stand in accepted.json, each with its reason.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Cluster } from './cluster.ts';
import { type Difference, differencesOf } from './differences.ts';
import type { Result } from './exchange.ts';
import { replay } from './replay.ts';
import { Servers } from './servers.ts';

interface Accepted {
  readonly set: string;
  /** Without one: all requests of the set. */
  readonly request?: string;
  /** Without one: every difference. */
  readonly what?: string;
  readonly reason: string;
}

const here = fileURLToPath(new URL('.', import.meta.url));
const [, , suite = '', ...words] = process.argv;
const gotAt = words.indexOf('--got');
const keepIn = gotAt < 0 ? null : (words[gotAt + 1] ?? null);
const named = words.filter((word, index) => word !== '--got' && !(gotAt >= 0 && index === gotAt + 1));
if (suite !== 'istio') {
  process.stderr.write('usage: scripts/conformance istio [SET…] [--got DIR]\n');
  process.exit(2);
}

const accepted = JSON.parse(readFileSync(join(here, 'accepted.json'), 'utf8')) as Accepted[];
const used = new Set<Accepted>();
const known = readdirSync(join(here, suite)).sort();
const sets = named.length > 0 ? named : known;
let groups = 0;
let unaccepted = 0;
const waiting = [...sets];
/** Much of a set's time is the waiting that its requests are about. */
const LANES = Math.min(2, availableParallelism());
await Promise.all(
  Array.from({ length: LANES }, async (_, lane) => {
    for (let set = waiting.shift(); set !== undefined; set = waiting.shift()) {
      await compare(set, `conf${lane + 1}`).catch((error: Error) => {
        unaccepted++;
        console.log(`FAILED ${set}: ${error.stack}`);
      });
    }
  }),
);
const stale = named.length > 0 ? [] : accepted.filter((one) => !used.has(one));
for (const { set, request = '*', what = '*' } of stale) console.log(`accepted.json: ${set} ${request} ${what} does not differ any more`);
console.log(`${sets.length} sets, ${groups} requests, ${unaccepted} differences`);
process.exitCode = unaccepted === 0 && stale.length === 0 && sets.length > 0 ? 0 : 1;

/** Prints what it has to say of a set at once: another one is under way. */
async function compare(set: string, network: string): Promise<void> {
  const directory = join(here, suite, set);
  const { results: want } = JSON.parse(readFileSync(join(directory, 'want.json'), 'utf8')) as { results: Result[] };
  const got = await replay(directory, network);
  if (keepIn !== null) keep(keepIn, set, got);
  const differences = differencesOf(want, got, new Servers(Cluster.read(join(directory, 'manifests'))));
  const open = differences.filter((difference) => !isAccepted(set, difference));
  groups += want.length;
  unaccepted += open.length;
  const verdict = open.length === 0 ? 'ok    ' : 'DIFFER';
  const lines = open.map(
    ({ request, what, want: wanted, got: seen }) =>
      `       ${request}: ${what}: want ${JSON.stringify(wanted)} got ${JSON.stringify(seen)}`,
  );
  const accepts = differences.length - open.length;
  const head = `${verdict} ${set}: ${want.length} requests, ${open.length} differences, ${accepts} accepted`;
  console.log([head, ...lines].join('\n'));
}

function isAccepted(set: string, { request, what }: Difference): boolean {
  const found = accepted.find((one) => one.set === set && (one.request ?? request) === request && (one.what ?? what) === what);
  if (found !== undefined) used.add(found);
  return found !== undefined;
}

function keep(directory: string, set: string, results: readonly Result[]): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `${set}.json`), JSON.stringify({ results }, null, 1));
}
