import { type Evidence, type EvidenceUnit, type Signal, STEP_MS } from "@tracer/core";
import { countScore, meanAndVariance, rateOfChange, shareScore } from "./bucket-scores.ts";
import { BUCKET_STEPS, bucketOf, closedBucket, knownBuckets, type RingBucket } from "./buckets.ts";
import { errorDispersionOf, volumeDispersionOf } from "./dispersion.ts";
import { errorShareOf } from "./error-evidence.ts";
import type { OpenSignal } from "./open-signal.ts";
import { errorSentence, volumeSentence } from "./sentence.ts";
import type { SeriesColumns } from "./series-columns.ts";
import { volumeExpectedOf } from "./volume-evidence.ts";

const SPARKLINE_BUCKETS = 30;
/** Known buckets before a deviation from them is stated. */
export const SCORED_BUCKETS_MIN = 8;
const RATIO_MAX = 9_999;
const BAND_DEVIATIONS = 1.96;
/** Less than this many errors remembered reads as "none". */
const NO_ERRORS_BELOW = 0.25;
/** Closed steps from which the unfinished bucket is worth comparing. */
const PARTIAL_STEPS_MIN = 3;

/** A value that was expected, with the band that steady traffic stays in. */
export interface Expectation {
  readonly expected: number;
  readonly low: number;
  readonly high: number;
}

/** The bucket that is compared with the past: the unfinished one once half of it is known, else the last. */
export interface JudgedBucket {
  readonly records: number;
  readonly errors: number;
  readonly steps: number;
  /** Closed buckets to skip, so that a bucket is not compared with itself. */
  readonly skip: number;
}

/** Records expected in a minute, with the band. */
export function volumeExpectation(columns: SeriesColumns, slot: number): Expectation {
  const perStep = volumeExpectedOf(columns, slot);
  const expected = perStep * BUCKET_STEPS;
  const dispersion = volumeDispersionOf(columns, slot, perStep);
  const margin = BAND_DEVIATIONS * Math.sqrt(dispersion * expected);
  return { expected, low: Math.max(0, expected - margin), high: expected + margin };
}

/** Share of errors expected, with the band for a minute of the expected volume. */
export function errorExpectation(columns: SeriesColumns, slot: number): Expectation {
  const none = columns.errorSum.at(slot) < NO_ERRORS_BELOW;
  const share = errorShareOf(columns, slot);
  const records = Math.max(1, volumeExpectedOf(columns, slot) * BUCKET_STEPS);
  const variance = (share * (1 - share) * errorDispersionOf(columns, slot)) / records;
  const margin = BAND_DEVIATIONS * Math.sqrt(variance);
  const expected = none ? 0 : share;
  return { expected, low: Math.max(0, expected - margin), high: Math.min(1, expected + margin) };
}

/** The signal as the outside sees it, with fresh evidence. `nextStep` is the first that is not closed. */
export function signalOf(columns: SeriesColumns, open: OpenSignal, lastStep: number): Signal {
  return {
    slot: open.slot,
    kind: open.kind,
    part: open.part,
    severity: open.severity,
    onsetMs: open.onsetStep * STEP_MS,
    decidedMs: (open.decidedStep + 1) * STEP_MS,
    lastStepMs: (lastStep + 1) * STEP_MS,
    peak: open.peak,
    evidence: open.kind === "error" ? errorEvidence(columns, open) : volumeEvidence(columns, open),
  };
}

function errorEvidence(columns: SeriesColumns, open: OpenSignal): Evidence {
  const slot = open.slot;
  const band = errorExpectation(columns, slot);
  const observed = open.records === 0 ? 0 : open.errors / open.records;
  const openBucket = bucketOf(open.lastStep);
  const judged = judgedBucket(columns, slot, openBucket);
  const known = knownBuckets(columns, slot, openBucket, judged.skip);
  const ratio = ratioOf(observed, band.expected);
  return {
    unit: "share",
    observed,
    expected: band.expected,
    expectedLow: band.low,
    expectedHigh: band.high,
    ratio,
    z: shareZ(columns, slot, judged, known),
    ewma: columns.ewmaShareLearned.at(slot) === 0 ? null : columns.ewmaShare.at(slot),
    rateOfChange: shareChange(judged, closedBucket(columns, slot, openBucket, judged.skip + 1)),
    sparkline: sparkline(columns, slot, openBucket, "share"),
    sentence: errorSentence({ observed, expected: band.expected, ratio, fatals: open.fatals }),
    ...common(columns, open, open.records),
  };
}

function volumeEvidence(columns: SeriesColumns, open: OpenSignal): Evidence {
  const slot = open.slot;
  const band = volumeExpectation(columns, slot);
  const steps = Math.max(1, open.lastStep - open.onsetStep + 1);
  const observed = (open.records * BUCKET_STEPS) / steps;
  const openBucket = bucketOf(open.lastStep);
  const judged = judgedBucket(columns, slot, openBucket);
  const known = knownBuckets(columns, slot, openBucket, judged.skip);
  const before = closedBucket(columns, slot, openBucket, judged.skip + 1);
  const perMinute = (judged.records * BUCKET_STEPS) / Math.max(1, judged.steps);
  const ratio = ratioOf(observed, band.expected);
  const sample = open.part === "drop" ? open.expectedRecords : open.records;
  return {
    unit: "records_per_minute",
    observed,
    expected: band.expected,
    expectedLow: band.low,
    expectedHigh: band.high,
    ratio,
    z: countZ(judged, known),
    ewma: columns.ewmaRecordsLearned.at(slot) === 0 ? null : columns.ewmaRecords.at(slot),
    rateOfChange:
      before === null || judged.steps === 0 ? null : rateOfChange(perMinute, before.records),
    sparkline: sparkline(columns, slot, openBucket, "records_per_minute"),
    sentence: volumeSentence({ observed, expected: band.expected, ratio }),
    ...common(columns, open, sample),
  };
}

function common(
  columns: SeriesColumns,
  open: OpenSignal,
  sampleSize: number,
): Pick<Evidence, "evidence" | "bar" | "sampleSize" | "baselineAgeSeconds"> {
  const steps = open.onsetStep - columns.firstStep.at(open.slot);
  return {
    evidence: open.evidence,
    bar: open.bar,
    sampleSize,
    baselineAgeSeconds: Math.max(0, (steps * STEP_MS) / 1000),
  };
}

function judgedBucket(columns: SeriesColumns, slot: number, openBucket: number): JudgedBucket {
  const steps = columns.bucketSteps.at(slot);
  if (steps >= PARTIAL_STEPS_MIN) {
    const records = columns.bucketRecords.at(slot);
    return { records, errors: columns.bucketErrors.at(slot), steps, skip: 0 };
  }
  const last = closedBucket(columns, slot, openBucket, 1);
  if (last === null) return { records: 0, errors: 0, steps: 0, skip: 0 };
  return { records: last.records, errors: last.errors, steps: BUCKET_STEPS, skip: 1 };
}

/** Deviation of a bucket's count from the known ones, inflated by how much those vary. */
export function countZ(judged: JudgedBucket, known: readonly RingBucket[]): number | null {
  if (judged.steps === 0 || known.length < SCORED_BUCKETS_MIN) return null;
  const { mean, variance } = meanAndVariance(known.map((bucket) => bucket.records));
  const expected = (mean * judged.steps) / BUCKET_STEPS;
  return countScore(judged.records, expected, mean > 0 ? variance / mean : 1);
}

/** Deviation of a bucket's share from that of the known ones together. */
export function shareZ(
  columns: SeriesColumns,
  slot: number,
  judged: JudgedBucket,
  known: readonly RingBucket[],
): number | null {
  if (known.length < SCORED_BUCKETS_MIN) return null;
  let records = 0;
  let errors = 0;
  for (const bucket of known) {
    records += bucket.records;
    errors += bucket.errors;
  }
  if (records === 0) return null;
  return shareScore(
    judged.errors,
    judged.records,
    errors / records,
    errorDispersionOf(columns, slot),
  );
}

/** Change of the share from one bucket to the next, with one record of doubt on both sides. */
export function shareChange(judged: JudgedBucket, before: RingBucket | null): number | null {
  if (before === null || before.records === 0 || judged.records === 0) return null;
  const now = (judged.errors + 0.5) / (judged.records + 1);
  return Math.log(now / ((before.errors + 0.5) / (before.records + 1)));
}

function sparkline(
  columns: SeriesColumns,
  slot: number,
  openBucket: number,
  unit: EvidenceUnit,
): (number | null)[] {
  const points: (number | null)[] = [];
  const steps = columns.bucketSteps.at(slot);
  const closed = Math.min(
    columns.ringLength.at(slot),
    steps > 0 ? SPARKLINE_BUCKETS - 1 : SPARKLINE_BUCKETS,
  );
  for (let back = closed; back >= 1; back -= 1) {
    points.push(pointOf(closedBucket(columns, slot, openBucket, back), BUCKET_STEPS, unit));
  }
  if (steps > 0) {
    const records = columns.bucketRecords.at(slot);
    points.push(pointOf({ records, errors: columns.bucketErrors.at(slot) }, steps, unit));
  }
  return points;
}

function pointOf(bucket: RingBucket | null, steps: number, unit: EvidenceUnit): number | null {
  if (bucket === null) return null;
  if (unit === "share") return bucket.records === 0 ? null : bucket.errors / bucket.records;
  return (bucket.records * BUCKET_STEPS) / steps;
}

function ratioOf(observed: number, expected: number): number | null {
  return expected > 0 ? Math.min(observed / expected, RATIO_MAX) : null;
}
