import { parseArgs } from 'node:util';
import { messageOf } from '../../src/base/errors.ts';
import { type Build, ownBuild, parseBuild } from '../build.ts';
import { MOST_SERVICES } from './world.ts';

export interface ConfigOptions {
  readonly builds: readonly Build[];
  readonly sizes: readonly number[];
  readonly workers: readonly number[];
  readonly documents: readonly number[];
  readonly changes: number;
  readonly quick: boolean;
  readonly priority: boolean;
  readonly fields: boolean;
}

export const HELP = `How a configuration of a cluster's size takes effect: start, first requests, changes of rules and endpoints, a large file.

scripts/bench --suite config [--build [NAME=]DIR]… [--sizes N,N] [--workers N,N] [--documents N,N] [--changes N] [--fields] [--quick] [--priority]

  --build      a checkout in which scripts/setup has run; repeat it to compare several in one interleaved run; this one if not given
  --sizes      Services, each with a VirtualService and two endpoints: 1000,5000,20000
  --workers    1,2
  --documents  documents in a file of manifests: 200; a large number makes few huge files
  --changes    of rules, and as many of endpoints: 200
  --fields     rules that have all supported fields in turn, and Sidecars that name all namespaces in every other one
  --quick      checks the suite itself with a tiny configuration
  --priority   puts the agent ahead of other work on this machine

Needs root: pods are network namespaces (nwb-…), and their traffic is captured. Results go to the terminal and to bench/results/.
`;

/** The options, or what is wrong with them; null to show the help. */
export function parseConfigOptions(args: string[]): ConfigOptions | string | null {
  try {
    const { values } = parseArgs({
      args,
      options: {
        suite: { type: 'string' },
        build: { type: 'string', multiple: true, default: [] },
        sizes: { type: 'string', default: '1000,5000,20000' },
        workers: { type: 'string', default: '1,2' },
        documents: { type: 'string', default: '200' },
        changes: { type: 'string', default: '200' },
        quick: { type: 'boolean', default: false },
        priority: { type: 'boolean', default: false },
        fields: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false, short: 'h' },
      },
    });
    if (values.help) return null;
    const builds = values.build.length > 0 ? values.build.map(parseBuild) : [ownBuild()];
    const { priority, fields } = values;
    if (values.quick) return { builds, sizes: [200], workers: [2], documents: [50], changes: 5, quick: true, priority, fields };
    return {
      builds,
      sizes: numbers('--sizes', values.sizes, 100, MOST_SERVICES / 1.5),
      workers: numbers('--workers', values.workers, 1, 16),
      documents: numbers('--documents', values.documents, 1, 1_000_000),
      changes: numbers('--changes', values.changes, 1, 100_000)[0]!,
      quick: false,
      priority,
      fields,
    };
  } catch (error) {
    // An unknown option, one without its value, or with one that makes no sense.
    return messageOf(error);
  }
}

function numbers(option: string, text: string, least: number, most: number): number[] {
  const values = text.split(',').map(Number);
  if (values.every((value) => Number.isInteger(value) && value >= least && value <= most)) return values;
  throw new Error(`${option} ${text}: not whole numbers from ${least} to ${Math.floor(most)}`);
}
