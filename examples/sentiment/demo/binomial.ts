/** Which counts are credible for a share: what separates a wrong weight from bad luck. */

export interface Band {
  readonly low: number;
  readonly high: number;
}

/**
 * The successes out of `trials` that all but `unlikely` of honest runs have, exactly: sums of the binomial distribution from both ends.
 * The default fails one honest check in 50 000.
 */
export function binomialBand(trials: number, share: number, unlikely = 2e-5): Band {
  const chances = probabilities(trials, share);
  return { low: tail(chances, unlikely / 2), high: trials - tail(chances.toReversed(), unlikely / 2) };
}

/** In logarithms, as the factorials of a few hundred leave the range of numbers. */
function probabilities(trials: number, share: number): number[] {
  const logs = [0];
  for (let n = 1; n <= trials; n++) logs.push((logs[n - 1] as number) + Math.log(n));
  const at = (n: number): number => logs[n] as number;
  return Array.from({ length: trials + 1 }, (_, k) =>
    Math.exp(at(trials) - at(k) - at(trials - k) + k * Math.log(share) + (trials - k) * Math.log1p(-share)),
  );
}

/** The smallest count that is not too improbable from its end of the distribution. */
function tail(chances: readonly number[], limit: number): number {
  let sum = 0;
  const first = chances.findIndex((chance) => (sum += chance) > limit);
  return first === -1 ? chances.length - 1 : first;
}
