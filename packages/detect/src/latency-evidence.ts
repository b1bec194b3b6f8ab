import { beginsRun, notePeak } from "./evidence-run.ts";
import { latencyExcuseOf } from "./latency-hours.ts";
import type { StepCounts } from "./open-steps.ts";
import { LATENCY_TESTS, type SeriesColumns } from "./series-columns.ts";

/** Nats that a `latency` signal needs. */
export const LATENCY_BAR = 11;
const STEP_CAP = 0.4 * LATENCY_BAR;
const BOUND = 1.3 * LATENCY_BAR;
/** How much slower is looked for, as ln of the factor: 1.3 and 2 times. Faster is never a fault. */
const SHIFTS = [Math.log(1.3), Math.LN2] as const;
/** The smallest of them. */
export const SHIFT_MIN = SHIFTS[0];
/** Evidence must stay over the bar this long. */
export const LATENCY_HOLD_STEPS = 2;

/** Steps with latencies until the past counts for 1/e. */
const MEMORY_STEPS = 1_080;
const DECAY = Math.exp(-1 / MEMORY_STEPS);
/** A series is judged once it has been seen for an hour, and this many steps and records had a latency. */
const WARM_STEPS = 360;
const WARM_LATENCY_STEPS = 40;
const WARM_WEIGHT = 40;
/** Variance of ln(latency) of a single record before anything was measured, and what that opinion is worth. */
const SPREAD_PRIOR = 0.5;
const SPREAD_PRIOR_STEPS = 30;
const SPREAD_MEMORY_STEPS = 4_320;
/** Even the steadiest service varies by 2 % from step to step. */
const STEP_VARIANCE_MIN = 4e-4;
const OUTLIER_DEVIATIONS = 5;
/** Standard errors by which the expected latency is taken higher than it was seen. */
const CAUTION = 1;

const BLOCK_STEPS = 30;
const BLOCK_RATIO_MAX = 40;
const BLOCKS_MEMORY = 144;
const RATIO_PRIOR = 1.5;
const RATIO_PRIOR_BLOCKS = 6;

/** Expected mean of ln(latency in ms); 0 while nothing is known. */
export function latencyExpectedOf(columns: SeriesColumns, slot: number): number {
  const weight = columns.latencyWeight.at(slot);
  return weight > 0 ? columns.latencySum.at(slot) / weight : 0;
}

/** Variance of the mean of ln(latency) of a step with `count` of them. */
export function latencyVarianceOf(columns: SeriesColumns, slot: number, count: number): number {
  const drift = (1 - priorOf(columns, slot)) * columns.latencyDrift.at(slot);
  return Math.max(spreadOf(columns, slot) / Math.max(count, 1), drift, STEP_VARIANCE_MIN);
}

/** Variance of the mean of ln(latency) of many records over a longer time, such as a minute. */
export function latencyDoubtOf(columns: SeriesColumns, slot: number, count: number): number {
  return (spreadOf(columns, slot) * latencyDispersionOf(columns, slot)) / count;
}

/** Variance of ln(latency) of a single record. */
function spreadOf(columns: SeriesColumns, slot: number): number {
  const prior = priorOf(columns, slot);
  return prior * SPREAD_PRIOR + (1 - prior) * columns.latencySpread.at(slot);
}

function priorOf(columns: SeriesColumns, slot: number): number {
  return SPREAD_PRIOR_STEPS / (SPREAD_PRIOR_STEPS + columns.latencySteps.at(slot));
}

/** φ of latency: how much more 5-minute means vary than steps that know nothing of each other; at least 1. */
export function latencyDispersionOf(columns: SeriesColumns, slot: number): number {
  const blocks = columns.latencyBlocks.at(slot);
  const weight = RATIO_PRIOR_BLOCKS / (RATIO_PRIOR_BLOCKS + blocks);
  return Math.max(1, weight * RATIO_PRIOR + (1 - weight) * columns.latencyDispersion.at(slot));
}

/** True once the past is long enough to be judged against. */
export function latencyIsWarm(columns: SeriesColumns, slot: number, step: number): boolean {
  return (
    step - columns.firstStep.at(slot) >= WARM_STEPS &&
    columns.latencySteps.at(slot) >= WARM_LATENCY_STEPS &&
    columns.latencyWeight.at(slot) >= WARM_WEIGHT
  );
}

/** ln of how much likelier the mean of a step is `shift` above what is expected than at it. */
export function latencyLogRatio(deviation: number, shift: number, variance: number): number {
  return (shift * deviation - (shift * shift) / 2) / variance;
}

/** Adds a closed step to the evidence. One without latencies says nothing. */
export function scoreLatency(
  columns: SeriesColumns,
  slot: number,
  step: number,
  counts: StepCounts,
): void {
  const { latencyCount: count, latencyLogSum: sum } = counts;
  if (count === 0 || !latencyIsWarm(columns, slot, step)) return;
  const dispersion = latencyDispersionOf(columns, slot);
  const doubt = latencyDoubtOf(columns, slot, columns.latencyWeight.at(slot));
  const expected = latencyExpectedOf(columns, slot) + latencyExcuseOf(columns, slot, step);
  const deviation = sum / count - expected - CAUTION * Math.sqrt(doubt);
  const variance = latencyVarianceOf(columns, slot, count) * dispersion;
  for (let test = 0; test < LATENCY_TESTS; test += 1) {
    const index = slot * LATENCY_TESTS + test;
    const before = columns.latencyEvidence.at(index);
    const ratio = latencyLogRatio(deviation, SHIFTS[test] ?? 0, variance);
    const after = Math.min(Math.max(0, before + Math.min(ratio, STEP_CAP)), BOUND);
    columns.latencyEvidence.set(index, after);
    if (after === 0) continue;
    notePeak(columns, slot, 3, after / LATENCY_BAR);
    const top = columns.latencyTop.at(index);
    const begins = after > before && beginsRun(before, top, LATENCY_BAR);
    columns.latencyTop.set(index, begins ? after : Math.max(top, after));
    if (begins) {
      columns.latencyOnset.set(index, step);
      columns.latencySinceCount.set(index, 0);
      columns.latencySinceSum.set(index, 0);
    }
    columns.latencySinceCount.add(index, count);
    columns.latencySinceSum.add(index, sum);
    if (after >= LATENCY_BAR && before < LATENCY_BAR) {
      columns.latencyCrossed.set(index, step - columns.latencyOnset.at(index));
    }
  }
}

/** The step at which a test last came over its bar. */
export function latencyCrossedStep(columns: SeriesColumns, index: number): number {
  return columns.latencyOnset.at(index) + columns.latencyCrossed.at(index);
}

/** Index into the test columns of the strongest evidence. */
export function strongestLatencyTest(columns: SeriesColumns, slot: number): number {
  const first = slot * LATENCY_TESTS;
  const { latencyEvidence: evidence } = columns;
  return evidence.at(first + 1) > evidence.at(first) ? first + 1 : first;
}

/** The test that was decided at `step`, or -1: the latest onset of those over the bar for long enough. */
export function decidedLatencyTest(columns: SeriesColumns, slot: number, step: number): number {
  let decided = -1;
  for (let index = slot * LATENCY_TESTS; index < (slot + 1) * LATENCY_TESTS; index += 1) {
    if (columns.latencyEvidence.at(index) < LATENCY_BAR) continue;
    if (step - latencyCrossedStep(columns, index) < LATENCY_HOLD_STEPS) continue;
    const later = columns.latencyOnset.at(index) >= columns.latencyOnset.at(decided);
    if (decided < 0 || later) decided = index;
  }
  return decided;
}

/** Learns a closed step that was scored already. Not called while the signal is open. */
export function learnLatency(columns: SeriesColumns, slot: number, counts: StepCounts): void {
  const { latencyCount: count, latencyLogSum: sum } = counts;
  if (count === 0) return;
  const steps = columns.latencySteps.at(slot);
  const mean = sum / count;
  const expected = steps === 0 ? mean : latencyExpectedOf(columns, slot);
  const variance = latencyVarianceOf(columns, slot, count);
  const bound = OUTLIER_DEVIATIONS * Math.sqrt(variance * latencyDispersionOf(columns, slot));
  const deviation = Math.min(Math.max(mean - expected, -bound), bound);
  if (steps > 0) learnSpread(columns, slot, count, deviation, variance);
  // A step of very many records says no more than its drift allows.
  const weight = weightOf(columns, slot, count);
  columns.latencyWeight.set(slot, columns.latencyWeight.at(slot) * DECAY + weight);
  const learned = weight * (expected + deviation);
  columns.latencySum.set(slot, columns.latencySum.at(slot) * DECAY + learned);
  columns.latencySteps.set(slot, steps + 1);
}

function weightOf(columns: SeriesColumns, slot: number, count: number): number {
  const drift = columns.latencyDrift.at(slot);
  const spread = columns.latencySpread.at(slot);
  return drift > 0 && spread > 0 ? Math.min(count, Math.max(1, spread / drift)) : 1;
}

function learnSpread(
  columns: SeriesColumns,
  slot: number,
  count: number,
  deviation: number,
  variance: number,
): void {
  const alpha = Math.max(1 / SPREAD_MEMORY_STEPS, 1 / (columns.latencySteps.at(slot) + 1));
  const square = deviation * deviation;
  const spread = columns.latencySpread.at(slot);
  const drift = columns.latencyDrift.at(slot);
  columns.latencySpread.set(slot, spread + alpha * (count * square - spread));
  columns.latencyDrift.set(slot, drift + alpha * (square - drift));
  columns.latencyBlockDeviation.add(slot, deviation / variance);
  columns.latencyBlockPrecision.add(slot, 1 / variance);
  const steps = columns.latencyBlockSteps.at(slot) + 1;
  columns.latencyBlockSteps.set(slot, steps);
  if (steps < BLOCK_STEPS) return;
  const sum = columns.latencyBlockDeviation.at(slot);
  const ratio = Math.min((sum * sum) / columns.latencyBlockPrecision.at(slot), BLOCK_RATIO_MAX);
  const blocks = columns.latencyBlocks.at(slot) + 1;
  columns.latencyBlocks.set(slot, blocks);
  const known = columns.latencyDispersion.at(slot);
  const gain = Math.max(1 / blocks, 1 / BLOCKS_MEMORY);
  columns.latencyDispersion.set(slot, known + gain * (ratio - known));
  resetLatencyBlock(columns, slot);
}

export function resetLatencyBlock(columns: SeriesColumns, slot: number): void {
  columns.latencyBlockDeviation.set(slot, 0);
  columns.latencyBlockPrecision.set(slot, 0);
  columns.latencyBlockSteps.set(slot, 0);
}

/** Takes back what was learned since the onset: it was the fault, not the past. */
export function unlearnLatency(
  columns: SeriesColumns,
  slot: number,
  count: number,
  sum: number,
  steps: number,
): void {
  if (count <= 0) return;
  const weight = Math.min(count, steps * weightOf(columns, slot, count / Math.max(1, steps)));
  const left = columns.latencyWeight.at(slot) - weight;
  if (left < WARM_WEIGHT / 2) return; // The past is not longer than the fault.
  const mean = sum / count;
  columns.latencySum.set(slot, columns.latencySum.at(slot) - weight * mean);
  columns.latencyWeight.set(slot, left);
}

/** Takes `mean` of ln(latency) as normal from now on. */
export function acceptLatency(columns: SeriesColumns, slot: number, mean: number): void {
  columns.latencySum.set(slot, mean * columns.latencyWeight.at(slot));
  clearLatencyEvidence(columns, slot);
  resetLatencyBlock(columns, slot);
}

/** Trusts what is known less after `steps` of which nothing is known. */
export function decayLatency(columns: SeriesColumns, slot: number, steps: number): void {
  const factor = Math.exp(-steps / (8 * MEMORY_STEPS));
  columns.latencySum.set(slot, columns.latencySum.at(slot) * factor);
  columns.latencyWeight.set(slot, columns.latencyWeight.at(slot) * factor);
  resetLatencyBlock(columns, slot);
  clearLatencyEvidence(columns, slot);
}

export function clearLatencyEvidence(columns: SeriesColumns, slot: number): void {
  columns.latencyEvidence.values.fill(0, slot * LATENCY_TESTS, (slot + 1) * LATENCY_TESTS);
}
