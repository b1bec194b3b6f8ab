import type { StepCounts } from "./open-steps.ts";
import {
  BUCKET_MISSING,
  LATENCY_BUCKETS,
  RING_BUCKETS,
  type SeriesColumns,
} from "./series-columns.ts";

/** Steps in a bucket. */
export const BUCKET_STEPS = 6;
/** α of the exponentially weighted mean: as much memory as the ring. */
const EWMA_ALPHA = 2 / (RING_BUCKETS + 1);
const RECORDS_CODE_MAX = BUCKET_MISSING - 1;
const SHIFT_MAX = 40;

/**
 * Records of a bucket in the unit of the ring. One unit is one record, as long as a minute has at most 65,534 of
 * them; a ring that meets more changes to a unit of 2, 4, 8…, which is far below the chance in such a count.
 */
function recordsCode(columns: SeriesColumns, slot: number, records: number): number {
  let shift = columns.ringShift.at(slot);
  while (Math.round(records / 2 ** shift) > RECORDS_CODE_MAX && shift < SHIFT_MAX) {
    shift += 1;
    const first = slot * RING_BUCKETS;
    for (let index = first; index < first + RING_BUCKETS; index += 1) {
      const code = columns.ringRecords.at(index);
      if (code !== BUCKET_MISSING) columns.ringRecords.set(index, Math.round(code / 2));
    }
  }
  if (shift > 0 && records < 2 ** shift * RECORDS_CODE_SMALL)
    shift = finerUnit(columns, slot, shift);
  columns.ringShift.set(slot, shift);
  return Math.min(Math.round(records / 2 ** shift), RECORDS_CODE_MAX);
}
const RECORDS_CODE_SMALL = 2 ** 14;

/** The unit of one less, once every minute of the ring is small in it. */
function finerUnit(columns: SeriesColumns, slot: number, shift: number): number {
  const first = slot * RING_BUCKETS;
  const codes = columns.ringRecords;
  for (let index = first; index < first + RING_BUCKETS; index += 1) {
    const code = codes.at(index);
    if (code !== BUCKET_MISSING && code >= RECORDS_CODE_SMALL) return shift;
  }
  for (let index = first; index < first + RING_BUCKETS; index += 1) {
    const code = codes.at(index);
    if (code !== BUCKET_MISSING) codes.set(index, 2 * code);
  }
  return shift - 1;
}

// Errors in the ring: 11 bits and an exponent of 5. Exact up to 2,047, and within 0.05 % beyond.
const MANTISSA_BITS = 11;
const MANTISSA_MAX = 2 ** MANTISSA_BITS - 1;
const EXPONENT_MAX = 30;

function countCode(count: number): number {
  let mantissa = count;
  let exponent = 0;
  while (mantissa > MANTISSA_MAX && exponent < EXPONENT_MAX) {
    mantissa /= 2;
    exponent += 1;
  }
  const rounded = Math.min(Math.round(mantissa), MANTISSA_MAX);
  return exponent * (MANTISSA_MAX + 1) + rounded;
}

function codedCount(code: number): number {
  return (code & MANTISSA_MAX) * 2 ** (code >>> MANTISSA_BITS);
}

/** Number of the 60-second bucket, from the Unix epoch, that a step belongs to. */
export function bucketOf(step: number): number {
  return Math.floor(step / BUCKET_STEPS);
}

function ringIndex(slot: number, bucket: number): number {
  return slot * RING_BUCKETS + (((bucket % RING_BUCKETS) + RING_BUCKETS) % RING_BUCKETS);
}

/** A bucket of the past, or null where nothing is known of it. */
export interface RingBucket {
  readonly records: number;
  readonly errors: number;
}

/** The closed bucket `back` before the one that is being filled; 1 is the last closed one. */
export function closedBucket(
  columns: SeriesColumns,
  slot: number,
  openBucket: number,
  back: number,
): RingBucket | null {
  if (back < 1 || back > columns.ringLength.at(slot)) return null;
  const index = ringIndex(slot, openBucket - back);
  const code = columns.ringRecords.at(index);
  if (code === BUCKET_MISSING) return null;
  const records = code * 2 ** columns.ringShift.at(slot);
  // Both are rounded, each on its own: no more errors than records.
  return { records, errors: Math.min(codedCount(columns.ringErrors.at(index)), records) };
}

/** Adds a closed step to the bucket being filled. A missing step leaves it short. */
export function fillBucket(columns: SeriesColumns, slot: number, counts: StepCounts): void {
  columns.bucketRecords.add(slot, counts.records);
  columns.bucketErrors.add(slot, counts.errors);
  columns.bucketLatencies.add(slot, counts.latencyCount);
  columns.bucketLatencySum.add(slot, counts.latencyLogSum);
  columns.bucketSteps.set(slot, columns.bucketSteps.at(slot) + 1);
}

/** Moves the filled bucket into the ring and the weighted means, after it was judged. */
export function closeBucket(columns: SeriesColumns, slot: number, bucket: number): void {
  const records = columns.bucketRecords.at(slot);
  const errors = columns.bucketErrors.at(slot);
  // The first bucket of a series and one cut by missing data are short, and would read as a drop.
  const whole = columns.bucketSteps.at(slot) === BUCKET_STEPS;
  const index = ringIndex(slot, bucket);
  columns.ringRecords.set(index, whole ? recordsCode(columns, slot, records) : BUCKET_MISSING);
  columns.ringErrors.set(index, whole ? countCode(errors) : 0);
  const latencies = columns.bucketLatencies.at(slot);
  const sum = columns.bucketLatencySum.at(slot);
  const mean = whole && latencies > 0 ? latencyCode(sum / latencies) : 0;
  columns.ringLatency.set(latencyIndex(slot, bucket), mean);
  columns.ringLength.set(slot, Math.min(columns.ringLength.at(slot) + 1, RING_BUCKETS));
  if (whole) {
    learnEwmaRecords(columns, slot, records);
    if (records > 0) learnEwmaShare(columns, slot, errors / records);
  }
  clearBucket(columns, slot);
}

export function clearBucket(columns: SeriesColumns, slot: number): void {
  columns.bucketRecords.set(slot, 0);
  columns.bucketErrors.set(slot, 0);
  columns.bucketLatencies.set(slot, 0);
  columns.bucketLatencySum.set(slot, 0);
  columns.bucketSteps.set(slot, 0);
}

/** Whole hours of nothing: the ring holds zeros, or missing buckets, and the means have run out. */
export function skipBuckets(columns: SeriesColumns, slot: number, missing: boolean): void {
  const first = slot * RING_BUCKETS;
  columns.ringRecords.values.fill(missing ? BUCKET_MISSING : 0, first, first + RING_BUCKETS);
  columns.ringErrors.values.fill(0, first, first + RING_BUCKETS);
  clearLatencies(columns, slot);
  columns.ringLength.set(slot, RING_BUCKETS);
  if (!missing) {
    columns.ewmaRecords.set(slot, 0);
    columns.ewmaRecordsVariance.set(slot, 0);
  }
  clearBucket(columns, slot);
}

/** What missing steps from `from` up to `to` do at once: every bucket that they end is unknown. */
export function missBuckets(columns: SeriesColumns, slot: number, from: number, to: number): void {
  const firstOpen = bucketOf(from);
  const nextOpen = bucketOf(to);
  if (nextOpen === firstOpen) return;
  for (let bucket = Math.max(firstOpen, nextOpen - RING_BUCKETS); bucket < nextOpen; bucket += 1) {
    const index = ringIndex(slot, bucket);
    columns.ringRecords.set(index, BUCKET_MISSING);
    columns.ringErrors.set(index, 0);
    columns.ringLatency.set(latencyIndex(slot, bucket), 0);
  }
  const known = columns.ringLength.at(slot) + nextOpen - firstOpen;
  columns.ringLength.set(slot, Math.min(known, RING_BUCKETS));
  clearBucket(columns, slot);
}

// ln(latency in ms) lies in [-7, 21]: from 0.001 ms to seven days and more, in steps of 0.05 %.
const LATENCY_CODE_ZERO = 7;
const LATENCY_CODE_SCALE = 2_000;

function latencyIndex(slot: number, bucket: number): number {
  return (
    slot * LATENCY_BUCKETS + (((bucket % LATENCY_BUCKETS) + LATENCY_BUCKETS) % LATENCY_BUCKETS)
  );
}

function clearLatencies(columns: SeriesColumns, slot: number): void {
  const first = slot * LATENCY_BUCKETS;
  columns.ringLatency.values.fill(0, first, first + LATENCY_BUCKETS);
}

function latencyCode(logLatency: number): number {
  const code = Math.round((logLatency + LATENCY_CODE_ZERO) * LATENCY_CODE_SCALE);
  return Math.min(Math.max(code, 1), 65_535);
}

/** Mean ln(latency) of the closed bucket `back` before the one that is being filled; null where there is none. */
export function closedLatency(
  columns: SeriesColumns,
  slot: number,
  openBucket: number,
  back: number,
): number | null {
  if (back < 1 || back > Math.min(columns.ringLength.at(slot), LATENCY_BUCKETS)) return null;
  const code = columns.ringLatency.at(latencyIndex(slot, openBucket - back));
  return code === 0 ? null : code / LATENCY_CODE_SCALE - LATENCY_CODE_ZERO;
}

/** Mean ln(latency) of the closed buckets that have one, newest first, without the newest `skip` buckets. */
export function recentLatencies(
  columns: SeriesColumns,
  slot: number,
  openBucket: number,
  skip: number,
): number[] {
  const known: number[] = [];
  for (let back = skip + 1; back <= LATENCY_BUCKETS; back += 1) {
    const mean = closedLatency(columns, slot, openBucket, back);
    if (mean !== null) known.push(mean);
  }
  return known;
}

export interface ClosedBucket extends RingBucket {
  /** Mean ln(latency), null where there is none. */
  readonly logLatency: number | null;
}

/** The newest `count` closed buckets before the one that is being filled, those of which anything is known. */
export function closedBuckets(
  columns: SeriesColumns,
  slot: number,
  openBucket: number,
  count: number,
): ClosedBucket[] {
  const known: ClosedBucket[] = [];
  for (let back = 1; back <= Math.min(count, RING_BUCKETS); back += 1) {
    const bucket = closedBucket(columns, slot, openBucket, back);
    if (bucket === null) continue;
    known.push({ ...bucket, logLatency: closedLatency(columns, slot, openBucket, back) });
  }
  return known;
}

/** Keeps the newest `count` closed buckets and forgets all before them, also in the weighted means. */
export function forgetBuckets(
  columns: SeriesColumns,
  slot: number,
  openBucket: number,
  count: number,
): void {
  const known = closedBuckets(columns, slot, openBucket, count).reverse();
  columns.ringLength.set(slot, Math.min(columns.ringLength.at(slot), Math.max(0, count)));
  columns.ewmaRecordsLearned.set(slot, 0);
  columns.ewmaShareLearned.set(slot, 0);
  for (const { records, errors } of known) {
    learnEwmaRecords(columns, slot, records);
    if (records > 0) learnEwmaShare(columns, slot, errors / records);
  }
}

/** α of the exponentially weighted mean when it learns its `learned`th value: 1/n while it warms up. */
export function ewmaGain(learned: number): number {
  return Math.max(EWMA_ALPHA, 1 / learned);
}

interface Ewma {
  readonly mean: SeriesColumns["ewmaRecords"];
  readonly variance: SeriesColumns["ewmaRecordsVariance"];
  readonly learned: SeriesColumns["ewmaRecordsLearned"];
}

// δ = x − m; m += αδ; v = (1 − α)(v + αδ²), with α = 1/n while fewer than its memory are known.
function learnEwma({ mean, variance, learned }: Ewma, slot: number, value: number): void {
  const count = learned.at(slot) + 1;
  learned.set(slot, count);
  const alpha = ewmaGain(count);
  const delta = value - mean.at(slot);
  mean.add(slot, alpha * delta);
  variance.set(slot, (1 - alpha) * (variance.at(slot) + alpha * delta * delta));
}

function learnEwmaRecords(columns: SeriesColumns, slot: number, records: number): void {
  const { ewmaRecords: mean, ewmaRecordsVariance: variance } = columns;
  learnEwma({ mean, variance, learned: columns.ewmaRecordsLearned }, slot, records);
}

function learnEwmaShare(columns: SeriesColumns, slot: number, share: number): void {
  const { ewmaShare: mean, ewmaShareVariance: variance } = columns;
  learnEwma({ mean, variance, learned: columns.ewmaShareLearned }, slot, share);
}

/** Known closed buckets before the one being filled, skipping the newest `skip`: for window statistics. */
export function knownBuckets(
  columns: SeriesColumns,
  slot: number,
  openBucket: number,
  skip = 0,
): RingBucket[] {
  const known: RingBucket[] = [];
  for (let back = skip + 1; back <= RING_BUCKETS; back += 1) {
    const bucket = closedBucket(columns, slot, openBucket, back);
    if (bucket !== null) known.push(bucket);
  }
  return known;
}
