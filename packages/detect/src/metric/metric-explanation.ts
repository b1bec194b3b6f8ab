import { formatNumber } from "@tracer/core";
import { Compared, type Residuals, spreadRatioOf } from "./residuals.ts";
import type { TailHistogram } from "./tail-histogram.ts";

/** Rows beyond the band, to either side. */
const BEYOND_SHARE = 0.025;
/** A normal distribution's standard deviation is so many times its mean absolute deviation. */
const DEVIATION_PER_MEAN = Math.sqrt(Math.PI / 2);
const Z_MAX = 99;
const RATIO_MAX = 9_999;

/** The numbers behind the score of one row, each finite; in the unit of the values. */
export interface MetricExplanation {
  readonly observed: number;
  /** What the past leads to expect, and the band in which about 95 % of its rows lay around that. */
  readonly expected: number;
  readonly expectedLow: number;
  readonly expectedHigh: number;
  /** observed ÷ expected, where both are positive; at most 9,999. */
  readonly ratio: number | null;
  /** (observed − expected) in deviations of the past, at most 99. */
  readonly z: number | null;
  /** Weighted mean of about the last 100 rows. */
  readonly ewma: number;
  /** ln(observed ÷ the row before), where both are positive. */
  readonly rateOfChange: number | null;
  readonly surpriseNats: number;
  /** Rows that it was compared with. */
  readonly sampleSize: number;
  readonly sentence: string;
}

export interface ExplainedRow {
  readonly residuals: Residuals;
  readonly histograms: readonly TailHistogram[];
  /** Which of the residuals was the most surprising. */
  readonly index: number;
  readonly surpriseNats: number;
  readonly rows: number;
  /** Whether no value was ever below 0. */
  readonly isPositive: boolean;
}

/** What is expected of a row by the simple guess that was the better one so far. */
export type MetricBand = Pick<MetricExplanation, "expected" | "expectedLow" | "expectedHigh">;

export function steadyBandOf(row: Omit<ExplainedRow, "index" | "surpriseNats">): MetricBand {
  const { expected, low, high } = bandOf({ ...row, index: Compared.spread });
  return { expected, expectedLow: low, expectedHigh: high };
}

export function explanationOf(row: ExplainedRow): MetricExplanation {
  const { residuals, histograms, surpriseNats, rows } = row;
  const observed = residuals.judged;
  const residualOf = (index: number) => residuals.values[index] ?? 0;
  const band = bandOf(row);
  const { expected, scale } = band;
  const previous = observed - residualOf(Compared.previous);
  return {
    observed,
    expected,
    expectedLow: band.low,
    expectedHigh: band.high,
    ratio: observed > 0 && expected > 0 ? Math.min(RATIO_MAX, observed / expected) : null,
    z: scale > 0 ? clamped((observed - expected) / (DEVIATION_PER_MEAN * scale)) : null,
    ewma: residuals.judgedLevel - residualOf(Compared.level),
    rateOfChange: observed > 0 && previous > 0 ? Math.log(observed / previous) : null,
    surpriseNats,
    sampleSize: rows,
    sentence: sentenceOf(row, band, histograms),
  };
}

interface Band {
  readonly expected: number;
  readonly low: number;
  readonly high: number;
  /** Mean distance of the past from what was expected of it. */
  readonly scale: number;
}

/** Around what the row was compared with; where that is no value of a row, around the better of the simple guesses. */
function bandOf({
  residuals,
  histograms,
  index,
  isPositive,
}: Omit<ExplainedRow, "surpriseNats">): Band {
  const by = guessFor(index, residuals, histograms);
  const residual = residuals.values[by] ?? 0;
  const histogram = histograms[by];
  const expected = residuals.judged - residual;
  const below = histogram?.magnitudeAt(BEYOND_SHARE, -1, residual) ?? 0;
  const above = histogram?.magnitudeAt(BEYOND_SHARE, 1, residual) ?? 0;
  const least = isPositive ? 0 : Number.NEGATIVE_INFINITY;
  return {
    expected,
    low: Math.max(least, expected - below),
    high: expected + above,
    scale: histogram?.scale ?? 0,
  };
}

function guessFor(
  index: number,
  residuals: Residuals,
  histograms: readonly TailHistogram[],
): number {
  if (index <= Compared.previous) return index;
  if (index === Compared.level) return Compared.long;
  if (index === Compared.dayLevel) return Compared.timeOfDay;
  const byDay = histograms[Compared.timeOfDay]?.scale ?? 0;
  const byRecent = histograms[Compared.recent]?.scale ?? 0;
  return residuals.knowsTimeOfDay && byDay < byRecent ? Compared.timeOfDay : Compared.recent;
}

function sentenceOf(
  { residuals, index }: ExplainedRow,
  { low, high, expected }: Band,
  histograms: readonly TailHistogram[],
): string {
  const value = `value ${formatNumber(residuals.judged)}`;
  const usual =
    low === high
      ? `usually ${formatNumber(low)}`
      : `usually ${formatNumber(low)} to ${formatNumber(high)}`;
  const residual = residuals.values[index] ?? 0;
  switch (index) {
    case Compared.timeOfDay:
      return `${value}, ${usual} at this time of day`;
    case Compared.recent:
      return `${value}, ${usual} of late`;
    case Compared.previous: {
      const change = histograms[index]?.magnitudeAt(BEYOND_SHARE, residual < 0 ? -1 : 1, residual);
      const [direction, limit] = [residual < 0 ? "falls" : "rises", formatNumber(change)];
      return `${value} right after ${formatNumber(expected)}: it usually ${direction} by at most ${limit} at once`;
    }
    case Compared.dayLevel: {
      const above = residual < 0 ? "below" : "above";
      return `${value}, ${usual} at this time of day: the last rows are ${formatNumber(Math.abs(residual))} ${above} that`;
    }
    case Compared.level: {
      const level = residuals.judgedLevel;
      return `${value}: the last rows are at ${formatNumber(level)}, those before at ${formatNumber(level - residual)}`;
    }
    case Compared.spread:
    case Compared.daySpread: {
      const around = index === Compared.spread ? "" : " around its usual day";
      return `${value}: varies ${formatNumber(spreadRatioOf(residual))}× as much as usual${around}`;
    }
    default:
      return `${value}, ${usual}`;
  }
}

function clamped(z: number): number {
  return Math.min(Z_MAX, Math.max(-Z_MAX, z));
}
