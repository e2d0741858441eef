/** `nodeway analyze`: everything that can be said of manifests among each other, with codes, those of Istio where it has one. */
import { compileOptions } from '../agent/compile-options.ts';
import { analyze as problemsOf } from '../agent/model/analysis/analyze.ts';
import { problemText } from '../agent/model/problem.ts';
import type { Run } from './command.ts';
import { givenManifests, tell } from './manifest-files.ts';

const USAGE = 'usage: nodeway analyze FILE|DIR|-… [-o text|json]';

export const analyze: Run = async (invocation) => {
  const { store, flags, sort } = await givenManifests(invocation, USAGE);
  const problems = sort(problemsOf(store, compileOptions(flags)));
  return tell(invocation, problems, flags.output, (problem) => `${problemText(problem)} [${problem.code}]`);
};
