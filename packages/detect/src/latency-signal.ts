import { baselineOf, latencyBaselineOf } from "./baseline.ts";
import { BUCKET_STEPS, bucketOf, recentLatencies } from "./buckets.ts";
import {
  acceptLatency,
  clearLatencyEvidence,
  decidedLatencyTest,
  LATENCY_BAR,
  latencyDispersionOf,
  latencyExpectedOf,
  latencyLogRatio,
  latencyVarianceOf,
  SHIFT_MIN,
  strongestLatencyTest,
  unlearnLatency,
} from "./latency-evidence.ts";
import { noteBucketsBefore, observedOf } from "./observed.ts";
import {
  ACCEPT_STEPS,
  extendSignal,
  newOpenSignal,
  noteWorst,
  type OpenSignal,
  type Reason,
  raiseSeverity,
  recentOf,
  rememberStep,
  returnSignal,
} from "./open-signal.ts";
import type { StepCounts } from "./open-steps.ts";
import type { SeriesColumns } from "./series-columns.ts";

/** Over means: nearer to what is expected than to this much of the shift that was seen. */
const RETURN_SHARE = 0.7;
const SHIFT_MAX = Math.log(10);
const PEAK_MAX = 9_999;
/** A service that logs no latency any more is not slow for ever. */
const QUIET_STEPS_MAX = ACCEPT_STEPS;

/** Opens a `latency` signal when the evidence is over its bar and was held there, else null. */
export function openLatencySignal(
  columns: SeriesColumns,
  slot: number,
  step: number,
  counts: StepCounts,
): OpenSignal | null {
  const test = decidedLatencyTest(columns, slot, step);
  if (test < 0) return null;
  const onsetStep = columns.latencyOnset.at(test);
  const latencyCount = columns.latencySinceCount.at(test);
  const latencyLogSum = columns.latencySinceSum.at(test);
  unlearnLatency(
    columns,
    slot,
    latencyCount - counts.latencyCount,
    latencyLogSum - counts.latencyLogSum,
    step - onsetStep,
  );
  const signal = newOpenSignal({
    slot,
    kind: "latency",
    part: "",
    rule: "evidence",
    onsetStep,
    decidedStep: step,
    evidence: columns.latencyEvidence.at(test),
    bar: LATENCY_BAR,
    since: { records: latencyCount, errors: 0, fatals: 0, latencyCount, latencyLogSum },
    expectedRecords: 0,
    baseline: baselineOf(columns, slot, onsetStep, step),
    latencyBaseline: latencyBaselineOf(columns, slot, onsetStep, step),
  });
  rememberStep(signal, step, counts);
  noteBucketsBefore(columns, signal);
  judgeLatencySeverity(columns, signal);
  return signal;
}

/** Judges a step of an open signal; the reason when it is over. What is expected is frozen meanwhile. */
export function continueLatencySignal(
  columns: SeriesColumns,
  signal: OpenSignal,
  step: number,
  counts: StepCounts,
): Reason | null {
  const { slot } = signal;
  extendSignal(signal, step, counts, 0);
  const { latencyCount: count, latencyLogSum: sum } = counts;
  if (count > 0) signal.latencyStep = step;
  if (step - signal.latencyStep >= QUIET_STEPS_MAX) {
    clearLatencyEvidence(columns, slot);
    return "no_records";
  }
  signal.evidence = columns.latencyEvidence.at(strongestLatencyTest(columns, slot));
  if (count === 0) return null; // What is not seen any more is no new normal.
  if (step - signal.decidedStep >= ACCEPT_STEPS) return "accepted";
  const expected = latencyExpectedOf(columns, slot);
  const seen = signal.latencyCount > 0 ? signal.latencyLogSum / signal.latencyCount - expected : 0;
  const shift = Math.min(Math.max(RETURN_SHARE * seen, SHIFT_MIN), SHIFT_MAX);
  const variance = latencyVarianceOf(columns, slot, count) * latencyDispersionOf(columns, slot);
  const ratio = -latencyLogRatio(sum / count - expected, shift, variance);
  if (!returnSignal(signal, step, ratio, 0)) return null;
  clearLatencyEvidence(columns, slot);
  return signal.rule;
}

/** Takes the last hour as the new normal. */
export function acceptNewLatency(columns: SeriesColumns, slot: number, step: number): void {
  const values = recentLatencies(columns, slot, bucketOf(step), 0);
  const open = columns.bucketLatencies.at(slot);
  if (values.length === 0 && open > 0) values.push(columns.bucketLatencySum.at(slot) / open);
  if (values.length === 0) return clearLatencyEvidence(columns, slot);
  acceptLatency(columns, slot, values.reduce((sum, value) => sum + value, 0) / values.length);
}

/** Slow is a warning, however slow: what it breaks shows as errors. True when it rose. */
export function judgeLatencySeverity(columns: SeriesColumns, signal: OpenSignal): boolean {
  const observed = observedOf(columns, signal);
  noteWorst(signal, observed);
  const recent = recentOf(signal);
  if (recent.steps === BUCKET_STEPS && recent.latencyCount > 0) {
    noteWorst(signal, Math.exp(recent.latencyLogSum / recent.latencyCount));
  }
  const expected = Math.exp(latencyExpectedOf(columns, signal.slot));
  signal.peak = Math.max(signal.peak, Math.min(signal.worst / expected, PEAK_MAX));
  return raiseSeverity(signal, "warning");
}
