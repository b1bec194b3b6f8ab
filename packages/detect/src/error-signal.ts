import { errorSeverity } from "@tracer/core";
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
import {
  ACCEPT_STEPS,
  extendSignal,
  newOpenSignal,
  type OpenSignal,
  type Reason,
  raiseSeverity,
  recentOf,
  rememberStep,
  returnSignal,
} from "./open-signal.ts";
import type { StepCounts } from "./open-steps.ts";
import type { SeriesColumns } from "./series-columns.ts";

/** Over means: nearer to what is expected than to this much of what was seen since the onset. */
const RETURN_SHARE = 0.7;
/** Fewer records than this in the last minute, and its share alone does not raise the severity. */
const RECENT_RECORDS_MIN = 20;

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
    records: columns.errorSinceRecords.at(test),
    errors: columns.errorSinceErrors.at(test),
    fatals: columns.errorSinceFatals.at(test),
  };
  const signal = newOpenSignal({
    slot,
    kind: "error",
    part: "",
    rule: "evidence",
    onsetStep: columns.errorOnset.at(test),
    decidedStep: step,
    evidence,
    bar: ERROR_BAR,
    since,
    expectedRecords: 0,
  });
  rememberStep(signal, step, counts, 0);
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
  if (columns.emptyRun.at(slot) >= ACCEPT_STEPS) return "no_records";
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
  if (signal.records === 0) return raiseSeverity(signal, "error");
  const recent = recentOf(signal);
  signal.peak = Math.max(signal.peak, signal.errors / signal.records);
  let rose = raiseSeverity(signal, severityOf(signal));
  if (recent.records >= RECENT_RECORDS_MIN) {
    signal.peak = Math.max(signal.peak, recent.errors / recent.records);
    if (raiseSeverity(signal, severityOf(recent))) rose = true;
  }
  return rose;
}

function severityOf({ records, errors, fatals }: StepCounts) {
  return errorSeverity({ errorShare: errors / records, fatalShare: fatals / records });
}
