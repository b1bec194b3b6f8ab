import { meanAndVariance } from "./bucket-scores.ts";
import {
  bucketOf,
  closedBucket,
  closedLatency,
  ewmaGain,
  knownBuckets,
  type RingBucket,
  recentLatencies,
} from "./buckets.ts";
import type { SeriesColumns } from "./series-columns.ts";
import { soundNumber, wholeIn } from "./snapshot-bytes.ts";

/** What the 60-second buckets before the onset of a signal were like. */
export interface Baseline {
  /** Known buckets, at most 60, and what they held. */
  readonly buckets: number;
  readonly records: number;
  readonly errors: number;
  /** Variance of their records. */
  readonly variance: number;
  /** Exponentially weighted means; -1 while unknown. */
  readonly ewmaRecords: number;
  readonly ewmaShare: number;
  /** The last one, or null when it is not known. */
  readonly before: RingBucket | null;
}

/**
 * Taken when a signal opens and kept while it is open: compared with buckets that hold the incident
 * itself, nothing is unusual after a while.
 */
export function baselineOf(
  columns: SeriesColumns,
  slot: number,
  onsetStep: number,
  lastStep: number,
): Baseline {
  const openBucket = bucketOf(lastStep);
  const skip = openBucket - bucketOf(onsetStep);
  const known = knownBuckets(columns, slot, openBucket, skip);
  const { variance } = meanAndVariance(known.map((bucket) => bucket.records));
  let records = 0;
  let errors = 0;
  for (const bucket of known) {
    records += bucket.records;
    errors += bucket.errors;
  }
  const shares = known.filter((bucket) => bucket.records > 0);
  return {
    buckets: known.length,
    records,
    errors,
    variance,
    ewmaRecords: ewmaOf(known.map((bucket) => bucket.records)),
    ewmaShare: ewmaOf(shares.map((bucket) => bucket.errors / bucket.records)),
    before: closedBucket(columns, slot, openBucket, skip + 1),
  };
}

/** Of values that come newest first. */
function ewmaOf(values: readonly number[]): number {
  let mean = -1;
  for (const [index, value] of values.toReversed().entries()) {
    mean = index === 0 ? value : mean + ewmaGain(index + 1) * (value - mean);
  }
  return mean;
}

/** What the mean ln(latency) of the 60-second buckets before the onset was like. */
export interface LatencyBaseline {
  /** Known buckets, at most 30. */
  readonly buckets: number;
  readonly mean: number;
  readonly variance: number;
  readonly ewma: number;
  /** Of the last one, or null when it is not known. */
  readonly before: number | null;
}

export function latencyBaselineOf(
  columns: SeriesColumns,
  slot: number,
  onsetStep: number,
  lastStep: number,
): LatencyBaseline {
  const openBucket = bucketOf(lastStep);
  const skip = openBucket - bucketOf(onsetStep);
  const known = recentLatencies(columns, slot, openBucket, skip);
  const { mean, variance } = meanAndVariance(known);
  return {
    ...{ buckets: known.length, mean, variance },
    ewma: known.length === 0 ? 0 : ewmaOf(known),
    before: closedLatency(columns, slot, openBucket, skip + 1),
  };
}

export const LATENCY_BASELINE_NUMBERS = 5;

export function savedLatencyBaseline(baseline: LatencyBaseline): number[] {
  const { buckets, mean, variance, ewma, before } = baseline;
  return [buckets, mean, variance, ewma, before ?? NOTHING_BEFORE];
}
const NOTHING_BEFORE = -1_000;

/** What `savedLatencyBaseline` wrote. Throws SNAPSHOT_INVALID. */
export function loadedLatencyBaseline(saved: readonly number[]): LatencyBaseline {
  const [buckets, mean = 0, variance = 0, ewma = 0, before = NOTHING_BEFORE] =
    saved.map(soundNumber);
  return {
    buckets: wholeIn(buckets, 0, Number.MAX_SAFE_INTEGER),
    ...{ mean, variance, ewma },
    before: before === NOTHING_BEFORE ? null : before,
  };
}

/** Numbers that a baseline takes in a snapshot. */
export const BASELINE_NUMBERS = 8;

export function savedBaseline(baseline: Baseline): number[] {
  const { buckets, records, errors, variance, ewmaRecords, ewmaShare, before } = baseline;
  const last = before === null ? [-1, 0] : [before.records, before.errors];
  return [buckets, records, errors, variance, ewmaRecords, ewmaShare, ...last];
}

/** What `savedBaseline` wrote. Throws SNAPSHOT_INVALID. */
export function loadedBaseline(saved: readonly number[]): Baseline {
  const [buckets, records, errors, variance, ewmaRecords, ewmaShare, lastRecords, lastErrors] =
    saved.map(soundNumber);
  const before = { records: lastRecords ?? -1, errors: lastErrors ?? 0 };
  return {
    buckets: wholeIn(buckets, 0, Number.MAX_SAFE_INTEGER),
    records: records ?? 0,
    errors: errors ?? 0,
    variance: variance ?? 0,
    ewmaRecords: ewmaRecords ?? -1,
    ewmaShare: ewmaShare ?? -1,
    before: before.records < 0 ? null : before,
  };
}
