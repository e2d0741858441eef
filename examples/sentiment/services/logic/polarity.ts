/** How positive or negative a sentence sounds: the mean of its known words, in [-1, 1]. */

const SCORES: Readonly<Record<string, number>> = Object.fromEntries(
  (
    [
      [1, 'awesome best delicious excellent fantastic perfect superb wonderful'],
      [0.8, 'amazing beautiful brilliant delightful great happy outstanding'],
      [0.6, 'charming enjoy enjoyed excited glad good grateful helpful joy lovely nice pleasant recommend tasty'],
      [0.5, 'adore like liked love loved loves fresh friendly fun reliable success thanks win'],
      [0.3, 'better calm clean cool easy fair fast fine interesting kind okay quick smooth useful works'],
      [-0.3, 'bland boring cold dull expensive late odd slow strange tired wait weird'],
      [-0.5, 'annoying broken confusing difficult dislike fail fails failure hard poor problem sad sorry ugly wrong'],
      [-0.7, 'angry bad disappointed disappointing dirty lost mess rude unhappy useless worse'],
      [-0.9, 'disaster dreadful hate hated hates nasty painful terrible'],
      [-1, 'awful disgusting horrible worst'],
    ] as const
  ).flatMap(([score, words]) => words.split(' ').map((word) => [word, score] as const)),
);

const NEGATIONS = new Set(['not', 'no', 'never', 'hardly', 'without', 'cannot']);
const STRENGTHS: Readonly<Record<string, number>> = {
  absolutely: 1.5,
  extremely: 1.5,
  really: 1.3,
  so: 1.2,
  very: 1.3,
  fairly: 0.8,
  quite: 0.9,
  slightly: 0.5,
  somewhat: 0.7,
};

/** A negated "good" is weaker than "bad": it turns the sign and loses half. */
const NEGATION_FACTOR = -0.5;

function firstSentence(text: string): string {
  return /^\s*(.*?[.!?]+)(?:\s|$)/s.exec(text)?.[1] ?? text.trim();
}

export function polarity(text: string): number {
  const words = firstSentence(text)
    .toLowerCase()
    .match(/[\p{L}']+/gu);
  let sum = 0;
  let known = 0;
  let factor = 1;
  for (const word of words ?? []) {
    const score = SCORES[word];
    if (score !== undefined) {
      sum += Math.max(-1, Math.min(1, score * factor));
      known++;
      factor = 1;
    } else if (NEGATIONS.has(word) || word.endsWith("n't")) {
      factor *= NEGATION_FACTOR;
    } else {
      factor *= STRENGTHS[word] ?? 1;
    }
  }
  return known === 0 ? 0 : Math.round((sum / known) * 10_000) / 10_000;
}
