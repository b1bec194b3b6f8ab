import { errorDispersionOf, learnErrorDispersion, resetErrorBlock } from "./dispersion.ts";
import { beginsRun, notePeak } from "./evidence-run.ts";
import type { StepCounts } from "./open-steps.ts";
import { ERROR_TESTS, type SeriesColumns } from "./series-columns.ts";

/** Nats that an `error` signal needs. */
export const ERROR_BAR = 11;
/** What one step may add: three steps must agree, so a blip never alerts. */
const STEP_CAP = 0.4 * ERROR_BAR;
const BOUND = 1.3 * ERROR_BAR;

/** Steps with records: three hours of a busy service, a day of a quiet one. */
const MEMORY_STEPS = 1_080;
const DECAY = Math.exp(-1 / MEMORY_STEPS);
/** While nothing comes, a share is forgotten within days. */
const SILENT_MEMORY_STEPS = 8_640;
/** What is believed before the first record: 0.2 % errors, worth 20 records. */
const PRIOR_ERRORS = 0.04;
const PRIOR_RECORDS = 20;
const SHARE_MIN = 1e-4;
const SHARE_MAX = 0.999;
/** A series is judged once it has been seen for four minutes and fifty records. */
const WARM_STEPS = 24;
export const WARM_RECORDS = 50;
/** Standard errors by which the expected share is taken higher than it was seen. */
const CAUTION = 0.5;
const SEEN_ERRORS_MIN = 10;
/** From this much evidence on, what was learned since its onset is not held against it… */
const SUSPECT_EVIDENCE = 4;
/** …if the onset is recent, most of the past is older, and that past is a few hours long. */
const SUSPECT_STEPS_MAX = 720;
const SUSPECT_RECORDS_SHARE_MAX = 0.5;
const SUSPECT_AGE_STEPS_MIN = 1_080;

/** Expected share of errors, as measured, in (0, 1). */
export function errorShareOf(columns: SeriesColumns, slot: number): number {
  const share =
    (columns.errorSum.at(slot) + PRIOR_ERRORS) / (columns.recordSum.at(slot) + PRIOR_RECORDS);
  return clampShare(share);
}

/**
 * The share that evidence is measured against: the expected one, and what a short past leaves open. A
 * slow fault of a quiet service is learned while evidence against it grows, and would excuse itself; so
 * strong evidence is measured against the past before its onset.
 */
function cautiousErrorShareOf(columns: SeriesColumns, slot: number, step: number): number {
  let records = columns.recordSum.at(slot);
  let errors = columns.errorSum.at(slot);
  const test = strongestErrorTest(columns, slot);
  if (
    columns.errorEvidence.at(test) >= SUSPECT_EVIDENCE &&
    step - columns.errorOnset.at(test) <= SUSPECT_STEPS_MAX &&
    step - columns.firstStep.at(slot) >= SUSPECT_AGE_STEPS_MIN &&
    columns.errorSinceRecords.at(test) <= SUSPECT_RECORDS_SHARE_MAX * records
  ) {
    records -= columns.errorSinceRecords.at(test);
    errors = Math.max(0, errors - columns.errorSinceErrors.at(test));
  }
  const share = clampShare((errors + PRIOR_ERRORS) / (records + PRIOR_RECORDS));
  const doubt = Math.sqrt((share * (1 - share)) / (records + PRIOR_RECORDS));
  // A service that logs little but errors must not be held against a prior of hardly any.
  const seen = errors >= SEEN_ERRORS_MIN ? errors / records : 0;
  return Math.min(Math.max(share + CAUTION * doubt, seen), SHARE_MAX);
}

function clampShare(share: number): number {
  return Math.min(Math.max(share, SHARE_MIN), SHARE_MAX);
}

/** The share of errors that test number `test` looks for, above `share`. */
export function errorAlternative(test: number, share: number): number {
  if (test === 0) return Math.min(Math.max(2.5 * share, share + 0.02), (1 + share) / 2);
  if (test === 1) return Math.min(Math.max(6 * share, share + 0.1), (3 + share) / 4);
  return share < 0.3 ? 0.5 : share + 0.9 * (1 - share);
}

/** True once the past is long enough to be judged against. */
export function errorIsWarm(columns: SeriesColumns, slot: number, step: number): boolean {
  return (
    step - columns.firstStep.at(slot) >= WARM_STEPS && columns.recordsTotal.at(slot) >= WARM_RECORDS
  );
}

/** Adds a closed step to the evidence. Empty steps say nothing about a share. */
export function scoreErrors(
  columns: SeriesColumns,
  slot: number,
  step: number,
  counts: StepCounts,
): void {
  const { records, errors, fatals } = counts;
  if (records === 0 || !errorIsWarm(columns, slot, step)) return;
  const first = slot * ERROR_TESTS;
  const evidence = columns.errorEvidence;
  const sum = evidence.at(first) + evidence.at(first + 1) + evidence.at(first + 2);
  if (errors === 0 && sum === 0) {
    return; // Nothing to accumulate and nothing to take back.
  }
  const share = cautiousErrorShareOf(columns, slot, step);
  const dispersion = errorDispersionOf(columns, slot);
  for (let test = 0; test < ERROR_TESTS; test += 1) {
    const index = first + test;
    const before = evidence.at(index);
    const alternative = errorAlternative(test, share);
    const ratio = shareLogRatio(records, errors, share, alternative) / dispersion;
    const after = Math.min(Math.max(0, before + Math.min(ratio, STEP_CAP)), BOUND);
    evidence.set(index, after);
    if (after === 0) continue;
    notePeak(columns, slot, 0, after / ERROR_BAR);
    const top = columns.errorTop.at(index);
    const begins = after > before && beginsRun(before, top, ERROR_BAR);
    columns.errorTop.set(index, begins ? after : Math.max(top, after));
    if (begins) {
      columns.errorOnset.set(index, step);
      columns.errorSinceRecords.set(index, 0);
      columns.errorSinceErrors.set(index, 0);
      columns.errorSinceFatals.set(index, 0);
    }
    columns.errorSinceRecords.add(index, records);
    columns.errorSinceErrors.add(index, errors);
    columns.errorSinceFatals.add(index, fatals);
  }
}

/** ln of how much likelier the step is at `alternative` than at `share`. */
export function shareLogRatio(
  records: number,
  errors: number,
  share: number,
  alternative: number,
): number {
  return (
    errors * Math.log(alternative / share) +
    (records - errors) * Math.log((1 - alternative) / (1 - share))
  );
}

/** Index into the test columns of the strongest evidence. */
export function strongestErrorTest(columns: SeriesColumns, slot: number): number {
  let strongest = slot * ERROR_TESTS;
  for (let index = strongest + 1; index < (slot + 1) * ERROR_TESTS; index += 1) {
    if (columns.errorEvidence.at(index) > columns.errorEvidence.at(strongest)) strongest = index;
  }
  return strongest;
}

/**
 * The test that says best what was decided, or -1 when none is over the bar. A step adds no more than its
 * cap to any test, so several pass together, and the oldest of them may rest on chance errors before the
 * fault. The latest onset speaks, and of two the test that looks for more; also one that is nearly there
 * after two or three steps, because only a strong fault is that fast.
 */
export function decidedErrorTest(columns: SeriesColumns, slot: number, step: number): number {
  let decided = strongestErrorTest(columns, slot);
  if (columns.errorEvidence.at(decided) < ERROR_BAR) return -1;
  for (let index = slot * ERROR_TESTS; index < (slot + 1) * ERROR_TESTS; index += 1) {
    const onset = columns.errorOnset.at(index);
    const bar = step - onset < FAST_STEPS ? FAST_SHARE * ERROR_BAR : ERROR_BAR;
    if (columns.errorEvidence.at(index) < bar) continue;
    if (onset >= columns.errorOnset.at(decided)) decided = index;
  }
  return decided;
}
const FAST_STEPS = 3;
const FAST_SHARE = 0.75;

/** Learns a closed step that was scored already. Not called while the signal is open. */
export function learnErrors(columns: SeriesColumns, slot: number, counts: StepCounts): void {
  const { records, errors } = counts;
  if (records > 0 || columns.errorBlockSteps.at(slot) > 0) {
    learnErrorDispersion(columns, slot, records, errors, errorShareOf(columns, slot));
  }
  if (records === 0) return; // Nothing is learned of a share, and nothing of it is forgotten.
  columns.errorSum.set(slot, columns.errorSum.at(slot) * DECAY + errors);
  columns.recordSum.set(slot, columns.recordSum.at(slot) * DECAY + records);
}

/** Takes back what was learned since the onset: it was the fault, not the past. */
export function unlearnErrors(
  columns: SeriesColumns,
  slot: number,
  records: number,
  errors: number,
): void {
  const recordsBefore = Math.max(0, columns.recordSum.at(slot) - records);
  columns.recordSum.set(slot, recordsBefore);
  const errorsBefore = Math.max(0, columns.errorSum.at(slot) - errors);
  columns.errorSum.set(slot, Math.min(errorsBefore, recordsBefore));
}

/**
 * Takes a share of errors as normal. It weighs as much as what was known before, and no more than it was
 * seen; what was believed before the first record must not make it look smaller than it is.
 */
export function acceptErrors(
  columns: SeriesColumns,
  slot: number,
  seen: Pick<StepCounts, "records" | "errors">,
): void {
  const before = Math.max(columns.recordSum.at(slot), WARM_RECORDS);
  const records = Math.min(seen.records, before);
  const share = seen.records > 0 ? seen.errors / seen.records : 0;
  const errors = share * (records + PRIOR_RECORDS) - PRIOR_ERRORS;
  columns.recordSum.set(slot, records);
  columns.errorSum.set(slot, Math.min(Math.max(errors, 0), records));
  resetErrorBlock(columns, slot);
  clearErrorEvidence(columns, slot);
}

/** What many empty steps in a row do, at once. */
export function decayErrors(columns: SeriesColumns, slot: number, steps: number): void {
  const factor = Math.exp(-steps / SILENT_MEMORY_STEPS);
  columns.errorSum.set(slot, columns.errorSum.at(slot) * factor);
  columns.recordSum.set(slot, columns.recordSum.at(slot) * factor);
  resetErrorBlock(columns, slot);
  clearErrorEvidence(columns, slot);
}

export function clearErrorEvidence(columns: SeriesColumns, slot: number): void {
  columns.errorEvidence.values.fill(0, slot * ERROR_TESTS, (slot + 1) * ERROR_TESTS);
}
