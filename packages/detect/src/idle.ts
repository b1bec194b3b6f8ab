import { bucketOf, clearBucket, skipBuckets } from "./buckets.ts";
import { decayErrors } from "./error-evidence.ts";
import { Flag, type SeriesColumns } from "./series-columns.ts";
import { restartVolume } from "./volume-evidence.ts";

/** A service silent for this long gives its memory back… */
export const IDLE_SECONDS = 172_800;
/** …one whose day is known later, for some rest from Friday to Tuesday… */
const KNOWN_IDLE_SECONDS = 432_000;
const KNOWN_HOURS_MIN = 20;
const KNOWN_RECORDS_MIN = 1_000;
/** …and one that never had this many records sooner: a flood of names must not keep new services out. */
const BRIEF_IDLE_SECONDS = 3_600;
const BRIEF_RECORDS_MAX = 60;
/** Empty steps in a row after which a series with nothing open sleeps. More than six hours. */
const DORMANT_STEPS = 2_200;
const DORMANT_STEPS_KNOWN = 25_920;

/** Lets a series begin with a step, or earlier than thought while none is closed. False: the step is closed already. */
export function beginsAt(columns: SeriesColumns, slot: number, step: number): boolean {
  if (!columns.has(slot, Flag.known)) {
    columns.raise(slot, Flag.known);
    columns.firstStep.set(slot, step);
    columns.nextStep.set(slot, step);
    columns.newestMs.set(slot, Number.NEGATIVE_INFINITY);
    columns.receiptMs.set(slot, Number.NEGATIVE_INFINITY);
  }
  if (step < columns.nextStep.at(slot)) {
    if (columns.has(slot, Flag.started)) return false;
    columns.firstStep.set(slot, step);
    columns.nextStep.set(slot, step);
  }
  return true;
}

/** A ring of nothing but the gap. */
export const RING_STEPS = 360;

/** True when a series with nothing open has been silent for so long that its slot may be given back. */
export function isIdle(columns: SeriesColumns, slot: number, receiptMs: number): boolean {
  const brief = columns.recordsTotal.at(slot) < BRIEF_RECORDS_MAX;
  const ofOthers = isDayKnown(columns, slot) ? KNOWN_IDLE_SECONDS : IDLE_SECONDS;
  const idleMs = (brief ? BRIEF_IDLE_SECONDS : ofOthers) * 1000;
  return receiptMs - columns.receiptMs.at(slot) >= idleMs;
}

/** Empty steps after which it sleeps: a service whose day is known is silent for a weekend, say, and that is learned. */
function dormantSteps(columns: SeriesColumns, slot: number): number {
  return isDayKnown(columns, slot) ? DORMANT_STEPS_KNOWN : DORMANT_STEPS;
}

/** True while a series has been silent for so long that, with nothing open, its steps need not be judged one by one. */
export function isAsleep(columns: SeriesColumns, slot: number): boolean {
  return columns.emptyRun.at(slot) >= dormantSteps(columns, slot);
}

/** Lets a long silence pass at once. */
export function skipSilence(columns: SeriesColumns, slot: number, from: number, to: number): void {
  decayErrors(columns, slot, to - from);
  restartVolume(columns, slot, to);
  if (to - from >= RING_STEPS) skipBuckets(columns, slot, false);
  // What is left of the bucket in which the silence ends is short, and closes as a missing one.
  if (bucketOf(to) !== bucketOf(from)) clearBucket(columns, slot);
  columns.nextStep.set(slot, to);
}

/** Hours of nothing are learned too: a record now and then over the years is no day. */
function isDayKnown({ hoursLearned, recordsTotal }: SeriesColumns, slot: number): boolean {
  return hoursLearned.at(slot) >= KNOWN_HOURS_MIN && recordsTotal.at(slot) >= KNOWN_RECORDS_MIN;
}
