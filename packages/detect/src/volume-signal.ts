import type { Severity } from "@tracer/core";
import { baselineOf } from "./baseline.ts";
import { BUCKET_STEPS, bucketOf, closedBucket } from "./buckets.ts";
import { volumeDispersionOf } from "./dispersion.ts";
import { noteBucketsBefore, observedOf, silentMsOf } from "./observed.ts";
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
import { noCounts, type StepCounts } from "./open-steps.ts";
import { acceptSeason } from "./seasonal.ts";
import { RING_BUCKETS, type SeriesColumns } from "./series-columns.ts";
import {
  acceptVolume,
  clearVolumeEvidence,
  decidedVolumeTest,
  restartVolume,
  SURGE_EXPECTED_MIN,
  strongestVolumeTest,
  unlearnVolume,
  VOLUME_BAR,
  type VolumePart,
  volumeExpectedAt,
  volumeExpectedOf,
  volumeReturnRatio,
} from "./volume-evidence.ts";

/** Below this share of the expected volume a drop is a silence. */
const SILENCE_RATIO = 0.05;
/** A burst of a minute (a job each hour) is no recovery. */
const RETURN_HOLD_STEPS = 7;
/** Less than this above the past, and a surge was only one against a level that was falling too fast. */
const SURGE_RATIO_MIN = 1.3;
const PEAK_MAX = 9_999;

/** Opens a `volume` signal when the evidence is over its bar and was held there, else null. */
export function openVolumeSignal(
  columns: SeriesColumns,
  slot: number,
  step: number,
  counts: StepCounts,
  part: VolumePart,
): OpenSignal | null {
  const test = decidedVolumeTest(columns, slot, step, part);
  if (test < 0) return null;
  const onsetStep = columns.volumeOnset.at(test);
  const signal = newOpenSignal({
    slot,
    kind: "volume",
    part,
    rule: "evidence",
    onsetStep,
    decidedStep: step,
    evidence: columns.volumeEvidence.at(test),
    bar: VOLUME_BAR,
    since: { ...noCounts(), records: columns.volumeSinceRecords.at(test) },
    expectedRecords: columns.volumeSinceExpected.at(test),
    baseline: baselineOf(columns, slot, onsetStep, step),
  });
  unlearnVolume(columns, slot, step, {
    steps: step - onsetStep,
    records: signal.records - counts.records,
    expected: signal.expectedRecords - volumeExpectedOf(columns, slot),
  });
  const expected = volumeExpectedOf(columns, slot);
  signal.expectedRecords = expected * (step - onsetStep + 1);
  const least = part === "surge" ? SURGE_RATIO_MIN * signal.expectedRecords : 0;
  if (signal.records < least) {
    clearVolumeEvidence(columns, slot); // Against the past alone there is nothing to show.
    return null;
  }
  rememberStep(signal, step, counts);
  noteBucketsBefore(columns, signal);
  judgeVolumeSeverity(columns, signal);
  return signal;
}

/** Judges a step of an open signal; the reason when it is over. The level is frozen meanwhile. */
export function continueVolumeSignal(
  columns: SeriesColumns,
  signal: OpenSignal,
  step: number,
  counts: StepCounts,
): Reason | null {
  const slot = signal.slot;
  const expected = volumeExpectedOf(columns, slot);
  extendSignal(signal, step, counts, expected);
  const part = partOf(signal);
  if (columns.volumeOpenSteps.at(slot) >= ACCEPT_STEPS) return "accepted";
  if (signal.rule !== "evidence") return null;
  signal.evidence = columns.volumeEvidence.at(strongestVolumeTest(columns, slot, part));
  const seen = signal.expectedRecords > 0 ? signal.records / signal.expectedRecords : 1;
  const against =
    part === "surge"
      ? Math.min(Math.max(0.5 * seen, 2), 4)
      : Math.min(Math.max(2 * seen, 0.25), 0.5);
  // Nothing of next to nothing would never be enough.
  const usual = part === "surge" ? Math.max(expected, SURGE_EXPECTED_MIN) : expected;
  const ratio =
    volumeReturnRatio(counts.records, usual, against) / volumeDispersionOf(columns, slot, expected);
  if (!returnSignal(signal, step, ratio, RETURN_HOLD_STEPS)) return null;
  clearVolumeEvidence(columns, slot);
  return signal.rule;
}

/** Takes the last hour as the new normal. */
export function acceptNewNormal(columns: SeriesColumns, slot: number, step: number): void {
  let records = 0;
  let buckets = 0;
  for (let back = 1; back <= RING_BUCKETS; back += 1) {
    const bucket = closedBucket(columns, slot, bucketOf(step), back);
    if (bucket === null) continue;
    records += bucket.records;
    buckets += 1;
  }
  const level = buckets === 0 ? columns.level.at(slot) : records / (buckets * BUCKET_STEPS);
  acceptLevel(columns, slot, step, level, RING_BUCKETS);
}

/** Takes so many records a step as the new normal. */
export function acceptLevel(
  columns: SeriesColumns,
  slot: number,
  step: number,
  level: number,
  minutes: number,
): void {
  columns.volumeOpenSteps.set(slot, 0);
  const usual = usualLevel(columns, slot, step, minutes);
  if (level > 0 && usual > 0) acceptSeason(columns, slot, step, level / usual);
  if (level === 0) restartVolume(columns, slot, step);
  else acceptVolume(columns, slot, level);
}

/** Records a step that are usual, on average over the last minutes: those of an hour differ among each other. */
function usualLevel(columns: SeriesColumns, slot: number, step: number, minutes: number): number {
  let sum = 0;
  for (let back = 0; back < minutes; back += 1) {
    sum += volumeExpectedAt(columns, slot, step - back * BUCKET_STEPS);
  }
  return sum / minutes;
}

/** Severity by the volume since the onset, or a silence by now. True when it rose. */
export function judgeVolumeSeverity(columns: SeriesColumns, signal: OpenSignal): boolean {
  noteWorst(signal, observedOf(columns, signal));
  const recent = recentOf(signal);
  if (recent.steps === BUCKET_STEPS) noteWorst(signal, recent.records);
  const perMinute = volumeExpectedOf(columns, signal.slot) * BUCKET_STEPS;
  const ratio = perMinute > 0 ? signal.worst / perMinute : signal.worst;
  if (signal.part === "surge") {
    signal.peak = Math.max(signal.peak, Math.min(ratio, PEAK_MAX));
    return raiseSeverity(signal, "warning");
  }
  signal.peak = Math.max(signal.peak, 1 - Math.min(ratio, 1));
  const silent =
    signal.records <= SILENCE_RATIO * signal.expectedRecords || silentMsOf(columns, signal) > 0;
  const severity: Severity = silent && perMinute > 1 ? "critical" : "error";
  return raiseSeverity(signal, severity);
}

function partOf(signal: OpenSignal): VolumePart {
  return signal.part === "surge" ? "surge" : "drop";
}
