import {
  BUCKET_STEPS,
  bucketOf,
  type ClosedBucket,
  closedBuckets,
  forgetBuckets,
} from "./buckets.ts";
import { acceptErrors } from "./error-evidence.ts";
import { acceptLatency, clearLatencyEvidence } from "./latency-evidence.ts";
import { type OpenSignal, recentOf } from "./open-signal.ts";
import type { SeriesColumns } from "./series-columns.ts";
import { acceptLevel } from "./volume-signal.ts";

/**
 * Takes what an open signal has seen as normal, because a person says so: since its onset, at most the last
 * hour of it, or the last minute when no whole bucket has passed since. What the plain rules knew from
 * before is forgotten too when `rules` is true: they judge by the buckets alone.
 */
export function acceptSeen(columns: SeriesColumns, open: OpenSignal, rules: boolean): void {
  const { slot, kind } = open;
  const step = open.lastStep;
  const openBucket = bucketOf(step + 1);
  const onsetBucket = Math.ceil(open.onsetStep / BUCKET_STEPS);
  const seen = closedBuckets(columns, slot, openBucket, openBucket - onsetBucket);
  if (kind === "error") acceptErrorsOf(columns, open, seen);
  else if (kind === "latency") acceptLatencyOf(columns, open, seen);
  else acceptLevel(columns, slot, step, levelOf(open, seen), Math.max(1, seen.length));
  if (rules) forgetBuckets(columns, slot, openBucket, openBucket - onsetBucket);
}

function acceptErrorsOf(
  columns: SeriesColumns,
  open: OpenSignal,
  seen: readonly ClosedBucket[],
): void {
  const records = sumOf(seen.map((bucket) => bucket.records));
  const errors = sumOf(seen.map((bucket) => bucket.errors));
  acceptErrors(columns, open.slot, records > 0 ? { records, errors } : open);
}

function acceptLatencyOf(
  columns: SeriesColumns,
  open: OpenSignal,
  seen: readonly ClosedBucket[],
): void {
  const means = seen.flatMap(({ logLatency }) => logLatency ?? []);
  if (means.length > 0) acceptLatency(columns, open.slot, sumOf(means) / means.length);
  else if (open.latencyCount > 0) {
    acceptLatency(columns, open.slot, open.latencyLogSum / open.latencyCount);
  } else clearLatencyEvidence(columns, open.slot);
}

/** Records of a step. */
function levelOf(open: OpenSignal, seen: readonly ClosedBucket[]): number {
  if (seen.length > 0) {
    return sumOf(seen.map((bucket) => bucket.records)) / (seen.length * BUCKET_STEPS);
  }
  const recent = recentOf(open);
  return recent.records / Math.max(1, recent.steps);
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
