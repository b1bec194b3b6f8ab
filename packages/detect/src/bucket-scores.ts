/** Scores of one 60-second bucket against a baseline. Pure numbers in, a finite number or null out. */

const SCORE_MAX = 99;
const EXACT_BELOW = 4;
const TAIL_TERMS_MAX = 1_000;
/** A normal distribution's standard deviation is so many times its median absolute deviation. */
const DEVIATION_PER_MAD = 1.4826;
/** The mean of a Poisson count lies at most this far above its median, and so far below. */
const MEAN_ABOVE_MEDIAN_MAX = Math.LN2;
const MEAN_BELOW_MEDIAN_MAX = 1 / 3;

/** Mean and variance of the known values, in two passes about the first: exact for whole numbers. */
export function meanAndVariance(values: readonly number[]): { mean: number; variance: number } {
  const reference = values[0] ?? 0;
  let sum = 0;
  let squares = 0;
  for (const value of values) {
    const shifted = value - reference;
    sum += shifted;
    squares += shifted * shifted;
  }
  const count = values.length;
  if (count < 2) return { mean: reference, variance: 0 };
  const variance = Math.max(0, (squares - (sum * sum) / count) / (count - 1));
  return { mean: reference + sum / count, variance };
}

/**
 * Deviations of a count from `expected`: Anscombe's root, or the exact Poisson tail when few are expected.
 * `dispersion` ≥ 1 is how much more than chance the counts vary.
 */
export function countScore(count: number, expected: number, dispersion: number): number {
  const spread = Math.sqrt(Math.max(1, dispersion));
  if (expected >= EXACT_BELOW || count > TAIL_TERMS_MAX) {
    return clamp((2 * (Math.sqrt(count + 0.375) - Math.sqrt(expected + 0.375))) / spread);
  }
  return clamp(poissonScore(Math.round(count), Math.max(expected, 0)) / spread);
}

/** Deviations of a share of errors from `share`: the variance is that of `records` draws. */
export function shareScore(
  errors: number,
  records: number,
  share: number,
  dispersion: number,
): number | null {
  if (records === 0) return null;
  // Half an error of doubt keeps a share of exactly 0 or 1 from dividing by nothing.
  const safe = Math.min(Math.max(share, 0.5 / (records + 1)), 1 - 0.5 / (records + 1));
  const variance = (safe * (1 - safe) * Math.max(1, dispersion)) / records;
  return clamp((errors / records - share) / Math.sqrt(variance));
}

/** Median, and the median absolute deviation in the unit of a standard deviation. 0 and 0 of nothing. */
export function medianAndSpread(values: readonly number[]): { median: number; spread: number } {
  const median = medianOf(values);
  const spread = DEVIATION_PER_MAD * medianOf(values.map((value) => Math.abs(value - median)));
  return { median, spread };
}

/**
 * Deviations of a count from the median, in units of `spread`, which counts as at least the chance of so many. Where
 * few are expected the exact tail speaks too, for the mean nearest to the count that has this median: the lesser counts.
 */
export function robustCountScore(count: number, median: number, spread: number): number {
  const robust = clamp((count - median) / Math.max(spread, Math.sqrt(Math.max(median, 1))));
  if (robust >= 0) {
    return Math.max(0, Math.min(robust, countScore(count, median + MEAN_ABOVE_MEDIAN_MAX, 1)));
  }
  const least = Math.max(0, median - MEAN_BELOW_MEDIAN_MAX);
  return Math.min(0, Math.max(robust, countScore(count, least, 1)));
}

/** The same for a share of errors: the spread counts as at least the chance of so many draws. */
export function robustShareScore(
  errors: number,
  records: number,
  median: number,
  spread: number,
): number | null {
  if (records === 0) return null;
  if (median > 0.5) {
    const successes = robustShareScore(records - errors, records, 1 - median, spread);
    return successes === null ? null : 0 - successes; // The rarer of the two is what chance counts.
  }
  const chance = robustCountScore(errors, median * records, 0);
  const robust = clamp((errors / records - median) / Math.max(spread, 1e-12));
  return Math.abs(robust) < Math.abs(chance) ? robust : chance;
}

/** ln((now + a) ÷ (before + a)): finite from zero and to zero. */
export function rateOfChange(now: number, before: number, a = 1): number {
  return Math.log((now + a) / (before + a));
}

/** Deviations of a value from an exponentially weighted mean, with a floor under the variance. */
export function ewmaScore(
  value: number,
  mean: number,
  variance: number,
  varianceMin: number,
): number {
  return clamp((value - mean) / Math.sqrt(Math.max(variance, varianceMin, 1e-12)));
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? 0) + upper) / 2;
}

function clamp(score: number): number {
  return Math.min(Math.max(score, -SCORE_MAX), SCORE_MAX);
}

/** The deviation whose normal tail is as likely as the Poisson tail (half of the count's own chance). */
function poissonScore(count: number, expected: number): number {
  if (expected === 0) return count === 0 ? 0 : 2 * Math.sqrt(count + 0.375);
  let term = Math.exp(-expected);
  let below = 0;
  for (let k = 0; k < count; k += 1) {
    below += term;
    term *= expected / (k + 1);
  }
  const atMost = below + term / 2;
  if (atMost <= 0.5) return normalQuantile(atMost);
  let above = term / 2;
  for (let k = count; k < count + TAIL_TERMS_MAX && term > 1e-300; k += 1) {
    term *= expected / (k + 1);
    above += term;
  }
  return -normalQuantile(Math.max(above, 1e-300));
}

/** Inverse of the normal distribution below one half, by Abramowitz and Stegun 26.2.23 (error below 5e-4). */
function normalQuantile(probability: number): number {
  const tail = Math.min(Math.max(probability, 1e-300), 0.5);
  const t = Math.sqrt(-2 * Math.log(tail));
  const top = 2.515517 + t * (0.802853 + t * 0.010328);
  const bottom = 1 + t * (1.432788 + t * (0.189269 + t * 0.001308));
  return -(t - top / bottom);
}
