/** The corpus of the fuzzer: what the codec promises of any bytes holds for all that ever reached something new, or broke it. */
import t from 'tap';
import { tryCodec } from './fuzz/codec-target.ts';
import { CORPUS, FAULTS, readCorpus } from './fuzz/corpus.ts';

for (const [what, path] of Object.entries({ 'what reaches every part': CORPUS, 'what has broken a promise': FAULTS })) {
  t.test(what, async (t) => {
    const inputs = readCorpus(path);
    t.ok(inputs.length > 0);
    for (const input of inputs) t.doesNotThrow(() => tryCodec(input), input.toString('hex'));
  });
}
