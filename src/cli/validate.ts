/** `nodeway validate`: what the agent would say of these manifests, before it gets them. */
import { compileOptions } from '../agent/compile-options.ts';
import { Compiler } from '../agent/model/compile/index.ts';
import { type Problem, problemText } from '../agent/model/problem.ts';
import type { Run } from './command.ts';
import { type GivenManifests, givenManifests, tell } from './manifest-files.ts';

const USAGE = 'usage: nodeway validate FILE|DIR|-… [-o text|json]';

export const validate: Run = async (invocation) => {
  const given = await givenManifests(invocation, USAGE);
  const problems = given.sort([...given.store.problems(), ...problemsAmong(given)]);
  return tell(invocation, problems, given.flags.output, problemText);
};

/** Without any Service this is a part of a configuration, in which everything would be missing. */
function problemsAmong({ store, flags }: GivenManifests): readonly Problem[] {
  if (store.list('Service').length === 0) return [];
  const compiler = new Compiler(compileOptions(flags), (ref) => store.origin(ref));
  compiler.apply(store.takeChanges());
  return compiler.problems();
}
