import { errorSeverity } from "@tracer/core";
import { baselineOf } from "./baseline.ts";
import { BUCKET_STEPS } from "./buckets.ts";
import { errorDispersionOf } from "./dispersion.ts";
import {
  clearErrorEvidence,
  decidedErrorTest,
  ERROR_BAR,
  errorAlternative,
  errorShareOf,
  shareLogRatio,
  strongestErrorTest,
  unlearnErrors,
} from "./error-evidence.ts";
import { noteShares, recentSharesOf, sharesOf } from "./error-shares.ts";
import { noteBucketsBefore } from "./observed.ts";
import {
  ACCEPT_STEPS,
  extendSignal,
  newOpenSignal,
  type OpenSignal,
  type Reason,
  raiseSeverity,
  rememberStep,
  returnSignal,
} from "./open-signal.ts";
import { noCounts, type StepCounts } from "./open-steps.ts";
import type { SeriesColumns } from "./series-columns.ts";

/** Over means: nearer to what is expected than to this much of what was seen since the onset. */
const RETURN_SHARE = 0.7;

/** Opens an `error` signal when the evidence has passed its bar, else null. */
export function openErrorSignal(
  columns: SeriesColumns,
  slot: number,
  step: number,
  counts: StepCounts,
): OpenSignal | null {
  const test = decidedErrorTest(columns, slot, step);
  if (test < 0) return null;
  const evidence = columns.errorEvidence.at(strongestErrorTest(columns, slot));
  const since = {
    ...noCounts(),
    records: columns.errorSinceRecords.at(test),
    errors: columns.errorSinceErrors.at(test),
    fatals: columns.errorSinceFatals.at(test),
  };
  const onsetStep = columns.errorOnset.at(test);
  const signal = newOpenSignal({
    slot,
    kind: "error",
    part: "",
    rule: "evidence",
    onsetStep,
    decidedStep: step,
    evidence,
    bar: ERROR_BAR,
    since,
    expectedRecords: 0,
    baseline: baselineOf(columns, slot, onsetStep, step),
  });
  rememberStep(signal, step, counts);
  noteBucketsBefore(columns, signal);
  // The step in hand is not learned yet.
  unlearnErrors(columns, slot, since.records - counts.records, since.errors - counts.errors);
  judgeErrorSeverity(signal);
  return signal;
}

/** Judges a step of an open signal; the reason when it is over. */
export function continueErrorSignal(
  columns: SeriesColumns,
  signal: OpenSignal,
  step: number,
  counts: StepCounts,
): Reason | null {
  extendSignal(signal, step, counts, 0);
  const slot = signal.slot;
  if (columns.emptyRun.at(slot) >= ACCEPT_STEPS) {
    clearErrorEvidence(columns, slot); // Silence takes nothing back: it would open again at once.
    return "no_records";
  }
  if (signal.rule !== "evidence") return null; // Its rule ends it, at the end of a bucket.
  signal.evidence = columns.errorEvidence.at(strongestErrorTest(columns, slot));
  const share = errorShareOf(columns, slot);
  const seen = signal.records === 0 ? 0 : signal.errors / signal.records;
  const alternative = Math.max(errorAlternative(0, share), RETURN_SHARE * seen);
  const ratio =
    -shareLogRatio(counts.records, counts.errors, share, alternative) /
    errorDispersionOf(columns, slot);
  if (!returnSignal(signal, step, ratio, 0)) return null;
  clearErrorEvidence(columns, slot);
  return signal.rule;
}

/** Severity by the share since the onset, or of the last minute. True when it rose. */
export function judgeErrorSeverity(signal: OpenSignal): boolean {
  const since = sharesOf(signal);
  let rose = raiseSeverity(signal, errorSeverity(since));
  noteShares(signal, since);
  const recent = recentSharesOf(signal);
  if (recent !== null) {
    const raised = raiseSeverity(signal, errorSeverity(recent));
    if (raised || recent.steps === BUCKET_STEPS) noteShares(signal, recent);
    rose ||= raised;
  }
  signal.peak = Math.max(signal.peak, signal.worst);
  return rose;
}
