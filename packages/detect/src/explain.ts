import {
  type Evidence,
  type EvidenceUnit,
  errorSeverity,
  type Signal,
  STEP_MS,
} from "@tracer/core";
import { countScore, meanAndVariance, rateOfChange, shareScore } from "./bucket-scores.ts";
import { BUCKET_STEPS, bucketOf, closedBucket, closedLatency, type RingBucket } from "./buckets.ts";
import { errorDispersionOf, volumeDispersionOf } from "./dispersion.ts";
import { errorShareOf } from "./error-evidence.ts";
import { recentSharesOf, sharesOf } from "./error-shares.ts";
import { latencyDispersionOf, latencyExpectedOf, latencyVarianceOf } from "./latency-evidence.ts";
import { observedOf, silentMsOf } from "./observed.ts";
import { type OpenSignal, worseOf } from "./open-signal.ts";
import { type ErrorGravity, errorSentence, latencySentence, volumeSentence } from "./sentence.ts";
import type { SeriesColumns } from "./series-columns.ts";
import { volumeExpectedOf } from "./volume-evidence.ts";

const SPARKLINE_BUCKETS = 30;
/** Known buckets before a deviation from them is stated. */
export const SCORED_BUCKETS_MIN = 8;
const RATIO_MAX = 9_999;
export const BAND_DEVIATIONS = 1.96;
/** Less than this many errors remembered reads as "none". */
const NO_ERRORS_BELOW = 0.25;

/** A value that was expected, with the band that steady traffic stays in. */
export interface Expectation {
  readonly expected: number;
  readonly low: number;
  readonly high: number;
}

/** A bucket that is compared with the closed ones before it. */
export interface JudgedBucket extends RingBucket {
  /** Closed steps of it. */
  readonly steps: number;
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

/** Typical (geometric mean) latency expected in ms, with the band for a minute of the expected volume. */
export function latencyExpectation(columns: SeriesColumns, slot: number): Expectation {
  const mean = latencyExpectedOf(columns, slot);
  const records = Math.max(1, volumeExpectedOf(columns, slot) * BUCKET_STEPS);
  // A minute is the mean of its steps, as far as they hold something.
  const steps = Math.min(BUCKET_STEPS, records);
  const ofStep = latencyVarianceOf(columns, slot, records / steps);
  const variance = (ofStep / steps) * latencyDispersionOf(columns, slot);
  const margin = BAND_DEVIATIONS * Math.sqrt(variance);
  return { expected: Math.exp(mean), low: Math.exp(mean - margin), high: Math.exp(mean + margin) };
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
    evidence: evidenceOf(columns, open),
  };
}

function evidenceOf(columns: SeriesColumns, open: OpenSignal): Evidence {
  switch (open.kind) {
    case "error":
      return errorEvidence(columns, open);
    case "volume":
      return volumeEvidence(columns, open);
    case "latency":
      return latencyEvidence(columns, open);
    default:
      return open.kind satisfies never;
  }
}

function errorEvidence(columns: SeriesColumns, open: OpenSignal): Evidence {
  const slot = open.slot;
  const band = errorExpectation(columns, slot);
  const observed = observedOf(columns, open);
  const { buckets, records, errors, ewmaShare, before } = open.baseline;
  // A minute like those since the onset.
  const minutes = Math.max(1, open.lastStep - open.onsetStep + 1) / BUCKET_STEPS;
  const minute = { records: open.records / minutes, errors: open.errors / minutes };
  const share = buckets < SCORED_BUCKETS_MIN || records === 0 ? null : errors / records;
  const dispersion = errorDispersionOf(columns, slot);
  const ratio = ratioOf(observed, band.expected);
  return {
    unit: "share",
    observed,
    expected: band.expected,
    expectedLow: band.low,
    expectedHigh: band.high,
    ratio,
    z: share === null ? null : shareScore(minute.errors, minute.records, share, dispersion),
    ewma: ewmaShare < 0 ? null : ewmaShare,
    rateOfChange: shareChange(minute, before),
    sparkline: sparkline(columns, slot, bucketOf(open.lastStep), "share"),
    sentence: errorSentence({ observed, expected: band.expected, ratio, ...gravityOf(open) }),
    ...common(columns, open, observed, open.records),
  };
}

/** What else there is to say of the shares: what made it critical, unless `observed` shows it already. */
function gravityOf(open: OpenSignal): ErrorGravity {
  const since = sharesOf(open);
  const worst = { errorShare: open.worst, fatalShare: open.worstFatal };
  const said = open.severity !== "critical" || errorSeverity(since) === "critical";
  const recent = recentSharesOf(open);
  const now = recent !== null && errorSeverity(recent) === "critical" ? recent : null;
  return { fatalShare: since.fatalShare, recent: said ? null : (now ?? { ...worst, steps: 0 }) };
}

function volumeEvidence(columns: SeriesColumns, open: OpenSignal): Evidence {
  const slot = open.slot;
  const band = volumeExpectation(columns, slot);
  const observed = observedOf(columns, open);
  const { buckets, records, variance, ewmaRecords, before } = open.baseline;
  const mean = buckets < SCORED_BUCKETS_MIN ? null : records / buckets;
  const ratio = ratioOf(observed, band.expected);
  const silentMs = silentMsOf(columns, open);
  const sample = open.part === "drop" ? open.expectedRecords : open.records;
  return {
    unit: "records_per_minute",
    observed,
    expected: band.expected,
    expectedLow: band.low,
    expectedHigh: band.high,
    ratio,
    z: mean === null ? null : countScore(observed, mean, mean > 0 ? variance / mean : 1),
    ewma: ewmaRecords < 0 ? null : ewmaRecords,
    rateOfChange: before === null ? null : rateOfChange(observed, before.records),
    sparkline: sparkline(columns, slot, bucketOf(open.lastStep), "records_per_minute"),
    sentence: volumeSentence({ observed, expected: band.expected, ratio, silentMs }),
    ...common(columns, open, observed, sample),
  };
}

function latencyEvidence(columns: SeriesColumns, open: OpenSignal): Evidence {
  const band = latencyExpectation(columns, open.slot);
  const observed = observedOf(columns, open);
  const baseline = open.latencyBaseline;
  const known = baseline !== null && baseline.buckets >= SCORED_BUCKETS_MIN ? baseline : null;
  const logObserved = Math.log(Math.max(observed, LATENCY_SHOWN_MIN));
  const deviation = Math.sqrt(Math.max(known?.variance ?? 0, BUCKET_VARIANCE_MIN));
  const before = baseline?.before ?? null;
  const ratio = ratioOf(observed, band.expected);
  return {
    unit: "milliseconds",
    observed,
    expected: band.expected,
    expectedLow: band.low,
    expectedHigh: band.high,
    ratio,
    z: known === null ? null : (logObserved - known.mean) / deviation,
    ewma: known === null ? null : Math.exp(known.ewma),
    rateOfChange: before === null ? null : logObserved - before,
    sparkline: latencySparkline(columns, open.slot, bucketOf(open.lastStep)),
    sentence: latencySentence({ observed, expected: band.expected, ratio }),
    ...common(columns, open, observed, open.latencyCount),
  };
}
/** Buckets of a steady service hardly vary: a deviation is at least one per cent. */
const BUCKET_VARIANCE_MIN = 1e-4;
const LATENCY_SHOWN_MIN = 0.001;

function common(
  columns: SeriesColumns,
  open: OpenSignal,
  observed: number,
  sampleSize: number,
): Pick<Evidence, "peak" | "evidence" | "bar" | "sampleSize" | "baselineAgeSeconds"> {
  const steps = open.onsetStep - columns.firstStep.at(open.slot);
  return {
    peak: worseOf(open.part, open.worst, observed),
    evidence: open.evidence,
    bar: open.bar,
    sampleSize,
    baselineAgeSeconds: Math.max(0, (steps * STEP_MS) / 1000),
  };
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
export function shareChange(judged: RingBucket, before: RingBucket | null): number | null {
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

function latencySparkline(
  columns: SeriesColumns,
  slot: number,
  openBucket: number,
): (number | null)[] {
  const points: (number | null)[] = [];
  const latencies = columns.bucketLatencies.at(slot);
  const isOpen = columns.bucketSteps.at(slot) > 0;
  const most = isOpen ? SPARKLINE_BUCKETS - 1 : SPARKLINE_BUCKETS;
  for (let back = Math.min(columns.ringLength.at(slot), most); back >= 1; back -= 1) {
    const mean = closedLatency(columns, slot, openBucket, back);
    points.push(mean === null ? null : Math.exp(mean));
  }
  const sum = columns.bucketLatencySum.at(slot);
  if (isOpen) points.push(latencies > 0 ? Math.exp(sum / latencies) : null);
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
