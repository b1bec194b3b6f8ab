import { DayProfile, rowsPerBin } from "./day-profile.ts";
import { EwMean } from "./ew-mean.ts";
import { RollingMedian } from "./rolling-median.ts";

/** How many ways a row is compared with its past. */
export const RESIDUALS = 8;

/** A learned value is held within this many mean deviations of the rolling median: an outlier leaves little trace. */
const WINSOR_DEVIATIONS = 6;
/** Rows before deviations are believed. */
const WINSOR_ROWS_MIN = 20;
/** A residual below this share of the values it is the difference of is rounding, not a change. */
const ROUNDING_SHARE = 1e-12;
/** A ratio of deviations never falls below this: it keeps a flat line's logarithm finite. */
const RATIO_MIN = 1e-3;
const INTERVAL_ROWS = 100;

/**
 * Eight differences between a row and what its past leads to expect, in O(1) and signed:
 * time of day, rolling median (short, long), previous row, short mean against slow and very slow mean, and two changes of
 * dispersion (around the mean; around the time of day). `update` writes them, then learns.
 */
export class Residuals {
  readonly values = new Float64Array(RESIDUALS);
  readonly #shortMedian = new RollingMedian(41);
  readonly #longMedian = new RollingMedian(401);
  readonly #level = new EwMean(6);
  readonly #fastLevel = new EwMean(7);
  readonly #slowLevel = new EwMean(100);
  readonly #slowestLevel = new EwMean(288);
  readonly #deviation = new EwMean(500);
  readonly #fastSpread = new EwMean(24);
  readonly #slowSpread = new EwMean(1_000);
  readonly #profile = new DayProfile();
  readonly #fastProfileSpread = new EwMean(24);
  readonly #slowProfileSpread = new EwMean(288);
  readonly #interval = new EwMean(INTERVAL_ROWS);
  #rows = 0;
  #previous = 0;
  #previousMs = 0;

  update(timestampMs: number, value: number): void {
    if (this.#rows > 0) this.#compare(timestampMs, value);
    this.#learn(timestampMs, value);
  }

  #compare(timestampMs: number, value: number): void {
    const expected = this.#profile.expected(timestampMs);
    const spread = Math.abs(value - this.#fastLevel.mean);
    const level = this.#level.with(value);
    this.#put(0, value, expected ?? value);
    this.#put(1, value, this.#shortMedian.median);
    this.#put(2, value, this.#longMedian.median);
    this.#put(3, value, this.#previous);
    this.#put(4, level, this.#slowLevel.mean);
    this.#put(5, level, this.#slowestLevel.mean);
    this.values[6] =
      this.#rows > 50 ? logRatio(this.#fastSpread.with(spread), this.#slowSpread.mean) : 0;
    this.values[7] = logRatio(this.#fastProfileSpread.mean, this.#slowProfileSpread.mean);
    const apart = expected === null ? 0 : Math.abs(value - expected);
    this.#fastProfileSpread.learn(apart);
    this.#slowProfileSpread.learn(apart);
  }

  #put(index: number, value: number, expected: number): void {
    const difference = value - expected;
    const rounding = ROUNDING_SHARE * Math.max(Math.abs(value), Math.abs(expected));
    this.values[index] = Math.abs(difference) <= rounding ? 0 : difference;
  }

  #learn(timestampMs: number, value: number): void {
    const interval = timestampMs - this.#previousMs;
    if (this.#rows > 0 && interval > 0) this.#interval.learn(interval);
    this.#previousMs = timestampMs;

    const spread = Math.abs(value - this.#fastLevel.mean);
    this.#fastSpread.learn(spread);
    this.#slowSpread.learn(spread);
    const median = this.#shortMedian.median;
    const believed = this.#rows > WINSOR_ROWS_MIN;
    const reach = believed ? WINSOR_DEVIATIONS * this.#deviation.mean : Number.POSITIVE_INFINITY;
    const held = Math.min(median + reach, Math.max(median - reach, value));
    const deviation = Math.abs(value - median);
    this.#deviation.learn(Math.min(deviation, 4 * reach + ROUNDING_SHARE * deviation));
    this.#fastLevel.learn(held);
    this.#slowLevel.learn(held);
    this.#slowestLevel.learn(held);
    this.#profile.learn(timestampMs, held, rowsPerBin(this.#interval.mean));
    this.#level.learn(value);
    this.#shortMedian.learn(value);
    this.#longMedian.learn(value);
    this.#previous = value;
    this.#rows += 1;
  }
}

/** ln(fast ÷ slow), 0 while nothing ever moved. */
function logRatio(fast: number, slow: number): number {
  if (!(slow > 0)) return 0;
  return Math.log((fast / slow + RATIO_MIN) / (1 + RATIO_MIN));
}
