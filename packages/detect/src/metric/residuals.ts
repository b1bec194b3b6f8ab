import { DayProfile, rowsPerBin } from "./day-profile.ts";
import { EwMean } from "./ew-mean.ts";
import { RollingMedian } from "./rolling-median.ts";

/** How many ways a row is compared with its past. */
export const RESIDUALS = 8;

/** Places in `values`. */
export const Compared = {
  timeOfDay: 0,
  recent: 1,
  long: 2,
  previous: 3,
  level: 4,
  dayLevel: 5,
  spread: 6,
  daySpread: 7,
} as const;

/** A learned value is held within this many mean deviations of the rolling median: an outlier leaves little trace. */
const LEARNED_DEVIATIONS = 6;
/** Spreads and the mean deviation itself learn up to this many mean deviations: they can grow, by 5 % a row. */
const SPREAD_DEVIATIONS = 24;
/** Beyond this many a value is judged as this: a broken reading cannot blind the detector for long. */
const OUTLIER_DEVIATIONS = 1e6;
/** Rows before deviations are believed. */
const HELD_ROWS_MIN = 20;
/** A residual below this share of the values it is the difference of is rounding, not a change. */
const ROUNDING_SHARE = 1e-12;
/** Added to a ratio of deviations: a line that goes flat is one piece of news, not one with each row. */
const RATIO_MIN = 0.1;
/** The usual time between rows is learned over so many; a gap counts as a day at most. */
const INTERVAL_ROWS = 100;
const INTERVAL_MS_MAX = 86_400_000;

/**
 * Eight differences between a row and what its past leads to expect, in O(1) and signed:
 * time of day, rolling median (short, long), previous row, short mean against slow mean (of the values; of what they differ from
 * the time of day), and two changes of dispersion (around the mean; around the time of day). `update` writes them, then learns.
 */
export class Residuals {
  readonly values = new Float64Array(RESIDUALS);
  /** Value and short mean that `values` compare with the past. */
  judged = 0;
  judgedLevel = 0;
  /** Whether anything is known of this time of day. */
  knowsTimeOfDay = false;
  readonly #shortMedian = new RollingMedian(21);
  readonly #longMedian = new RollingMedian(401);
  readonly #level = new EwMean(6);
  readonly #fastLevel = new EwMean(7);
  readonly #slowLevel = new EwMean(100);
  readonly #dayLevel = new EwMean(12);
  readonly #slowDayLevel = new EwMean(288);
  readonly #deviation = new EwMean(500);
  readonly #fastSpread = new EwMean(36);
  readonly #slowSpread = new EwMean(1_000);
  readonly #profile = new DayProfile();
  readonly #fastProfileSpread = new EwMean(24);
  readonly #slowProfileSpread = new EwMean(288);
  readonly #interval = new EwMean(INTERVAL_ROWS);
  #rows = 0;
  #previous = 0;
  #previousMs = 0;

  update(timestampMs: number, given: number): void {
    const value = this.#held(given, OUTLIER_DEVIATIONS);
    if (this.#rows > 0) this.#compare(timestampMs, value);
    this.#learn(timestampMs, value);
  }

  /** A value within so many deviations of the rolling median; as it is while deviations are not believed. */
  #held(value: number, deviations: number): number {
    const median = this.#shortMedian.median;
    const reach = this.#reach(deviations);
    return Math.min(median + reach, Math.max(median - reach, value));
  }

  #reach(deviations: number): number {
    const believed = this.#rows > HELD_ROWS_MIN && this.#deviation.mean > 0;
    return believed ? deviations * this.#deviation.mean : Number.POSITIVE_INFINITY;
  }

  #compare(timestampMs: number, value: number): void {
    const expected = this.#profile.expected(timestampMs);
    const spread = Math.abs(value - this.#fastLevel.mean);
    const level = this.#level.with(value);
    this.judged = value;
    this.judgedLevel = level;
    this.knowsTimeOfDay = expected !== null;
    this.#put(0, value, expected ?? value);
    this.#put(1, value, this.#shortMedian.median);
    this.#put(2, value, this.#longMedian.median);
    this.#put(3, value, this.#previous);
    this.#put(4, level, this.#slowLevel.mean);
    const fromDay = difference(this.#held(value, LEARNED_DEVIATIONS), expected ?? value);
    this.values[5] = this.#dayLevel.with(fromDay) - this.#slowDayLevel.mean;
    this.#dayLevel.learn(fromDay);
    this.#slowDayLevel.learn(fromDay);
    this.values[6] = logRatio(this.#fastSpread.with(spread), this.#slowSpread.mean);
    this.values[7] = logRatio(this.#fastProfileSpread.mean, this.#slowProfileSpread.mean);
    const apart = Math.min(Math.abs(this.values[0] ?? 0), this.#reach(SPREAD_DEVIATIONS));
    this.#fastProfileSpread.learn(apart);
    this.#slowProfileSpread.learn(apart);
  }

  #put(index: number, value: number, expected: number): void {
    this.values[index] = difference(value, expected);
  }

  #learn(timestampMs: number, value: number): void {
    const interval = timestampMs - this.#previousMs;
    if (this.#rows > 0 && interval > 0) this.#interval.learn(Math.min(interval, INTERVAL_MS_MAX));
    this.#previousMs = timestampMs;

    const limited = this.#held(value, SPREAD_DEVIATIONS);
    const spread = this.#rows === 0 ? 0 : Math.abs(limited - this.#fastLevel.mean);
    this.#fastSpread.learn(spread);
    this.#slowSpread.learn(spread);
    const held = this.#held(value, LEARNED_DEVIATIONS);
    this.#deviation.learn(Math.abs(limited - this.#shortMedian.median));
    this.#fastLevel.learn(held);
    this.#slowLevel.learn(held);
    this.#profile.learn(timestampMs, held, rowsPerBin(this.#interval.mean));
    this.#level.learn(value);
    this.#shortMedian.learn(value);
    this.#longMedian.learn(value);
    this.#previous = value;
    this.#rows += 1;
  }
}

function difference(value: number, expected: number): number {
  const apart = value - expected;
  const rounding = ROUNDING_SHARE * Math.max(Math.abs(value), Math.abs(expected));
  return Math.abs(apart) <= rounding ? 0 : apart;
}

/** fast ÷ slow, from what `values` say of a spread. */
export function spreadRatioOf(residual: number): number {
  return Math.max(0, Math.exp(residual) * (1 + RATIO_MIN) - RATIO_MIN);
}

/** ln(fast ÷ slow), 0 while nothing ever moved. */
function logRatio(fast: number, slow: number): number {
  if (!(slow > 0)) return 0;
  return Math.log((fast / slow + RATIO_MIN) / (1 + RATIO_MIN)); // Finite also for 0.
}
