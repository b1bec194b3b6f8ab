import { learnVolumeDispersion, resetVolumeBlock, volumeDispersionOf } from "./dispersion.ts";
import { beginsRun, notePeak } from "./evidence-run.ts";
import {
  expectStep,
  isDayUnseen,
  isSeasonKnown,
  learnSeason,
  unlearnSeason,
  usualAt,
} from "./seasonal.ts";
import { type SeriesColumns, VOLUME_TESTS } from "./series-columns.ts";

/** Nats that a `volume` signal needs. */
export const VOLUME_BAR = 10;
const STEP_CAP = 0.4 * VOLUME_BAR;
const BOUND = 1.3 * VOLUME_BAR;

/** Multiples of the expected volume that are tested for: two surges, a partial drop, silence. */
const RATIOS = [2, 4, 0.5, 0.05] as const;
const LOG_RATIOS = RATIOS.map((ratio) => Math.log(ratio));
/** The first tests of the list look for more, the others for less. */
const SURGE_TESTS = 2;
/** Evidence must stay over the bar this long: deploys and batches surge for minutes and are no fault. */
const SURGE_HOLD_STEPS = 29;
/** Until the day is known, a quarter of an hour of twice as much may be what happens each night… */
const SURGE_HOLD_STEPS_UNKNOWN = 120;
/** …but hardly this much. */
const SURGE_RATIO_CERTAIN = 3;
/** So many times as much is no deploy: it need not last as long. */
const SURGE_RATIO_FLOOD = 4;
const SURGE_HOLD_STEPS_FLOOD = 8;
const DROP_HOLD_STEPS = 3;

/** 1.4 hours. */
const MEMORY_STEPS = 504;
const GAIN_MIN = 1 / MEMORY_STEPS;
/** Fewer records or less time than this, and a silence is no news. */
const DROP_RECORDS_MIN = 60;
const DROP_STEPS_MIN = 2_160;
const SURGE_STEPS_MIN = 60;
/** Standard errors of the level by which a short past widens the tests. */
const CAUTION = 1;
const EXPECTED_MIN = 1e-3;
/** A few records at a time at which none come are no surge. */
export const SURGE_EXPECTED_MIN = 0.03;
/** A trend may move the level this far: after a jump it is no trend. */
const TREND_FACTOR_MIN = 0.7;
const TREND_FACTOR_MAX = 1.4;

export type VolumePart = "surge" | "drop";

/** Records expected in the step in hand: by the time of day where that is known, else by the level of now. */
export function volumeExpectedOf(columns: SeriesColumns, slot: number): number {
  return columns.expectedRecords.at(slot);
}

/** Works out what is expected of a step, before it is scored. */
export function expectVolume(columns: SeriesColumns, slot: number, step: number): void {
  expectStep(columns, slot, step, trendOf(columns, slot));
}

/** Records expected in any step near now: for pages, which show the past as it was expected. */
export function volumeExpectedAt(columns: SeriesColumns, slot: number, step: number): number {
  return usualAt(columns, slot, step, trendOf(columns, slot));
}

/** The level with its trend: twice the mean less the mean of the mean. */
function trendOf(columns: SeriesColumns, slot: number): number {
  const level = columns.level.at(slot);
  const trend = level - columns.levelSlow.at(slot);
  const weight = Math.max(0, 1 - MEMORY_STEPS / (columns.levelSteps.at(slot) + 1));
  return Math.min(
    Math.max(level + weight * trend, level * TREND_FACTOR_MIN),
    level * TREND_FACTOR_MAX,
  );
}

/** Adds a closed step, empty or not, to the evidence. An incomplete one says nothing about a drop. */
export function scoreVolume(
  columns: SeriesColumns,
  slot: number,
  step: number,
  records: number,
  incomplete: boolean,
): void {
  if (!surgeIsWarm(columns, slot, step)) return;
  const expected = volumeExpectedOf(columns, slot);
  const dispersion = volumeDispersionOf(columns, slot, expected);
  const seen = Math.min(columns.levelSteps.at(slot), MEMORY_STEPS);
  const margin = CAUTION * Math.sqrt((dispersion * Math.max(expected, EXPECTED_MIN)) / seen);
  const drop = !incomplete && isDropJudged(columns, slot, step);
  const last = drop ? VOLUME_TESTS : SURGE_TESTS;
  for (let test = 0; test < last; test += 1) {
    const surge = test < SURGE_TESTS;
    const against = surge
      ? Math.max(columns.expectedMost.at(slot) + margin, SURGE_EXPECTED_MIN)
      : Math.max(columns.expectedLeast.at(slot) - margin, 0);
    const ratio = volumeLogRatio(records, against, test) / dispersion;
    const index = slot * VOLUME_TESTS + test;
    if (ratio <= 0 && columns.volumeEvidence.at(index) === 0) continue; // Nothing to add, nothing to take back.
    const after = accumulate(columns, index, step, ratio, records, expected);
    if (after > 0) notePeak(columns, slot, surge ? 1 : 2, after / VOLUME_BAR);
  }
}

/** True once there is a level to compare with. */
export function surgeIsWarm(columns: SeriesColumns, slot: number, step: number): boolean {
  return step - columns.firstStep.at(slot) >= SURGE_STEPS_MIN;
}

/** Steps that the evidence of a test must stay over its bar. `index`: into the test columns. */
export function volumeHoldSteps(
  columns: SeriesColumns,
  slot: number,
  step: number,
  index: number,
): number {
  if (index - slot * VOLUME_TESTS >= SURGE_TESTS) return DROP_HOLD_STEPS;
  const expected = columns.volumeSinceExpected.at(index);
  const ratio = expected > 0 ? columns.volumeSinceRecords.at(index) / expected : 0;
  if (isSeasonKnown(columns, slot, step)) {
    return ratio >= SURGE_RATIO_FLOOD ? SURGE_HOLD_STEPS_FLOOD : SURGE_HOLD_STEPS;
  }
  return ratio >= SURGE_RATIO_CERTAIN ? SURGE_HOLD_STEPS : SURGE_HOLD_STEPS_UNKNOWN;
}

/** True once the service was heard for so long, and so much, that its absence means something. */
export function isDropJudged(columns: SeriesColumns, slot: number, step: number): boolean {
  const heardSteps = step - columns.emptyRun.at(slot) - columns.firstStep.at(slot);
  return heardSteps >= DROP_STEPS_MIN && columns.recordsTotal.at(slot) >= DROP_RECORDS_MIN;
}

function volumeLogRatio(records: number, expected: number, test: number): number {
  return records * (LOG_RATIOS[test] ?? 0) - expected * ((RATIOS[test] ?? 1) - 1);
}

function accumulate(
  columns: SeriesColumns,
  index: number,
  step: number,
  ratio: number,
  records: number,
  expected: number,
): number {
  const before = columns.volumeEvidence.at(index);
  const after = Math.min(Math.max(0, before + Math.min(ratio, STEP_CAP)), BOUND);
  columns.volumeEvidence.set(index, after);
  if (after === 0) return 0;
  const top = columns.volumeTop.at(index);
  const begins = after > before && beginsRun(before, top, VOLUME_BAR);
  columns.volumeTop.set(index, begins ? after : Math.max(top, after));
  if (begins) {
    columns.volumeOnset.set(index, step);
    columns.volumeSinceRecords.set(index, 0);
    columns.volumeSinceExpected.set(index, 0);
  }
  columns.volumeSinceRecords.add(index, records);
  columns.volumeSinceExpected.add(index, expected);
  if (after >= VOLUME_BAR && before < VOLUME_BAR) {
    columns.volumeCrossed.set(index, step - columns.volumeOnset.at(index));
  }
  return after;
}

/**
 * The test that says best what was decided for a part at `step`, or -1 when none was over the bar for
 * long enough. The latest onset speaks among those that were, or that came over it a little later: see
 * `decidedErrorTest`.
 */
export function decidedVolumeTest(
  columns: SeriesColumns,
  slot: number,
  step: number,
  part: VolumePart,
): number {
  const first = slot * VOLUME_TESTS + (part === "surge" ? 0 : SURGE_TESTS);
  let decided = -1;
  let heldEnough = false;
  for (let index = first; index < first + SURGE_TESTS; index += 1) {
    if (columns.volumeEvidence.at(index) < VOLUME_BAR) continue;
    const missing =
      volumeHoldSteps(columns, slot, step, index) - (step - volumeCrossedStep(columns, index));
    if (missing > HOLD_TOLERANCE_STEPS) continue;
    heldEnough ||= missing <= 0;
    const later = columns.volumeOnset.at(index) >= columns.volumeOnset.at(decided);
    if (decided < 0 || later) decided = index;
  }
  return heldEnough ? decided : -1;
}
const HOLD_TOLERANCE_STEPS = 3;

/** The step at which a test last came over its bar. */
export function volumeCrossedStep(columns: SeriesColumns, index: number): number {
  return columns.volumeOnset.at(index) + columns.volumeCrossed.at(index);
}

export function strongestVolumeTest(
  columns: SeriesColumns,
  slot: number,
  part: VolumePart,
): number {
  const first = slot * VOLUME_TESTS + (part === "surge" ? 0 : SURGE_TESTS);
  return columns.volumeEvidence.at(first + 1) > columns.volumeEvidence.at(first)
    ? first + 1
    : first;
}

/** ln of how much likelier a step is at the expected volume than at `ratio` times it. */
export function volumeReturnRatio(records: number, expected: number, ratio: number): number {
  return expected * (ratio - 1) - records * Math.log(ratio);
}

/** Learns a closed step that was scored already. Not called while a volume signal is open. */
export function learnVolume(
  columns: SeriesColumns,
  slot: number,
  step: number,
  records: number,
): void {
  const steps = columns.levelSteps.at(slot);
  const expected = volumeExpectedOf(columns, slot);
  const chance = Math.sqrt(volumeDispersionOf(columns, slot, expected) * expected);
  const learned =
    steps < SURGE_STEPS_MIN ? records : Math.min(records, learnedMax(expected, chance));
  learnSeason(columns, slot, step, learned);
  // How it varies around what is not its own day says nothing.
  if (steps > 0 && !isDayUnseen(columns, slot, step))
    learnVolumeDispersion(columns, slot, records, expected, chance);
  columns.levelSteps.set(slot, steps + 1);
  const gain = Math.max(GAIN_MIN, 1 / (steps + 1));
  const level = columns.level.at(slot) + gain * (learned - columns.level.at(slot));
  columns.level.set(slot, level);
  columns.levelSlow.set(
    slot,
    columns.levelSlow.at(slot) + gain * (level - columns.levelSlow.at(slot)),
  );
}

/** A batch must not raise the level so far that its end is a drop: what stands out teaches only so much. */
function learnedMax(expected: number, chance: number): number {
  return LEARNED_RATIO_MAX * expected + LEARNED_DEVIATIONS_MAX * chance + 3;
}
const LEARNED_RATIO_MAX = 1.5;
const LEARNED_DEVIATIONS_MAX = 3;

/**
 * Takes back what was learned in `steps` steps that held `records`: it was the fault, not the past.
 * Only for a past that is longer than the fault, or the arithmetic would invent a level.
 */
export function unlearnVolume(
  columns: SeriesColumns,
  slot: number,
  step: number,
  since: { readonly steps: number; readonly records: number; readonly expected: number },
): void {
  const { steps, expected } = since;
  const perStep = expected / Math.max(1, steps);
  const chance = Math.sqrt(volumeDispersionOf(columns, slot, perStep) * perStep);
  const records = Math.min(since.records, steps * learnedMax(perStep, chance));
  unlearnSeason(columns, slot, step, { steps, records, expected });
  const learned = columns.levelSteps.at(slot);
  if (steps > 0 && steps <= UNLEARN_STEPS_MAX && steps <= learned / 2) {
    const kept =
      learned >= MEMORY_STEPS + steps ? (1 - GAIN_MIN) ** steps : (learned - steps) / learned;
    const level = (columns.level.at(slot) - (1 - kept) * (records / steps)) / kept;
    columns.level.set(slot, Math.max(0, level));
    columns.levelSlow.set(slot, Math.max(0, level));
  }
  expectVolume(columns, slot, step);
}
const UNLEARN_STEPS_MAX = 360;

/**
 * True while a service that is too young for its silence to mean anything is clearly silent: stopped for
 * lunch, say. Learning that as volume would make its return a surge.
 */
export function isPaused(columns: SeriesColumns, slot: number, step: number): boolean {
  const emptyRun = columns.emptyRun.at(slot);
  return (
    emptyRun >= PAUSE_STEPS_MIN &&
    emptyRun * columns.level.at(slot) >= PAUSE_EXPECTED_MIN &&
    !isDropJudged(columns, slot, step)
  );
}
const PAUSE_STEPS_MIN = 30;
const PAUSE_EXPECTED_MIN = 10;

/** Starts learning the volume anew with `step`: what was known is too old, or was nothing. */
export function restartVolume(columns: SeriesColumns, slot: number, step: number): void {
  columns.firstStep.set(slot, step);
  columns.levelSteps.set(slot, 0);
  acceptVolume(columns, slot, 0);
}

/** Trusts what is known of the volume less after `steps` of which nothing is known, and its trend not at all. */
export function decayVolume(columns: SeriesColumns, slot: number, steps: number): void {
  const learned = Math.min(columns.levelSteps.at(slot), MEMORY_STEPS);
  columns.levelSteps.set(slot, Math.floor(learned * Math.exp(-steps / MEMORY_STEPS)));
  columns.levelSlow.set(slot, columns.level.at(slot));
}

/** Takes `level` records a step as normal from now on, and forgets how the old normal varied. */
export function acceptVolume(columns: SeriesColumns, slot: number, level: number): void {
  columns.level.set(slot, level);
  columns.levelSlow.set(slot, level);
  clearVolumeEvidence(columns, slot);
  resetVolumeBlock(columns, slot);
}

export function clearVolumeEvidence(columns: SeriesColumns, slot: number): void {
  columns.volumeEvidence.values.fill(0, slot * VOLUME_TESTS, (slot + 1) * VOLUME_TESTS);
}

/** Missing data is no silence: what looked like one so far may have been missing data too. */
export function clearDropEvidence(columns: SeriesColumns, slot: number): void {
  const first = slot * VOLUME_TESTS;
  columns.volumeEvidence.values.fill(0, first + SURGE_TESTS, first + VOLUME_TESTS);
}
