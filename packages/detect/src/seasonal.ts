import {
  decoded,
  encoded,
  encodedFactor,
  FACTOR_ONE,
  FACTOR_SCALE,
  factorOf,
  known,
  logFactor,
} from "./season-codes.ts";
import {
  DAY_BLOCKS,
  DAY_CLASSES,
  DAY_HOURS,
  HOUR_MINUTES,
  type SeriesColumns,
} from "./series-columns.ts";
import { BLOCK_STEPS, HOUR_STEPS, MINUTE_STEPS, type StepTime } from "./step-time.ts";

/**
 * What volume is usual at which time: a profile of the hours (one of weekdays, one of the weekend, in
 * UTC), corrected for 5-minute blocks of the day and for minutes of the hour, times the level of now.
 * Profiles are learned in absolute numbers, corrections as factors. All of it is kept in small codes of
 * the logarithm: an entry is looked up once a step and learned once a day, so coarse is good enough.
 */

/** An hour counts as known when this many of its steps were learned. */
const HOUR_STEPS_MIN = 180;
/** What a day adds to what is known of an hour, and while little is known. */
const HOUR_GAIN = 0.25;
const HOUR_GAIN_FAULTY = 0.1;
const HOUR_GAIN_FIRST = 0.5;
const HOURS_FIRST = 72;
/** Expected records that an hour needs until it counts for half. */
const HOUR_EVENTS_HALF = 15;
/** One day cannot move an hour further than this (a factor of two). */
const HOUR_CHANGE_MAX = Math.LN2;
const PROFILE_MIN = 1e-4;

/** Corrections count for half when this many records are expected in them. */
const FACTOR_EVENTS_HALF = 60;
const BLOCK_GAIN_FIRST = 0.75;
const BLOCK_GAIN_AWAY = 0.35;
/** Back to nothing unusual slower: what does not run on one day may run on the next. */
const BLOCK_GAIN_BACK = 0.15;
const FACTOR_FALL_MAX = 0.4;
/** While the profile is not known, only what stands out is learned. */
const BLOCK_CHANGE_UNKNOWN_MIN = 0.3;
const MINUTE_GAIN = 0.12;
const MINUTE_RISE_MAX = 1;
const MINUTE_EVENTS_HALF = 10;

/** The level of now: 40 minutes where many records come, 1.4 hours where few do, longer where hardly any. */
const LEVEL_GAIN_MAX = 1 / 240;
const LEVEL_GAIN_MIN = 1 / 504;
const LEVEL_EVENTS = 2_000;
const LEVEL_EVENTS_LEAST = 60;
const LEVEL_MIN = 1e-6;
const LEVEL_MAX = 1e6;
/** What is taken back cannot be more than was learned: in minutes no level moves further than this. */
const UNLEARN_RATIO_MAX = 2;
/** A kind of day not seen yet: how much less or more it may be. */
const UNSEEN_FACTOR = 4;
/** On the first day, that much of what came before may be a lunch break. */
const FIRST_DAY_FACTOR = 0.6;

/**
 * Records a step by the profile of the hours; -1 where it is not known yet. Linear between the middles of
 * the hours, each smoothed with its neighbours by 1:2:1.
 */
function profileAt(columns: SeriesColumns, slot: number, time: StepTime, dayClass: number): number {
  const base = (slot * DAY_CLASSES + dayClass) * DAY_HOURS;
  const codes = columns.hourProfile;
  const second = codes.at(base + time.hourBefore);
  const third = codes.at(base + time.hourAfter);
  if (second === 0 || third === 0) return -1;
  const first = codes.at(base + time.hourFirst);
  const fourth = codes.at(base + time.hourLast);
  const two = decoded(second);
  const three = decoded(third);
  const one = first === 0 ? two : decoded(first);
  const four = fourth === 0 ? three : decoded(fourth);
  const left = 0.25 * one + 0.5 * two + 0.25 * three;
  const right = 0.25 * two + 0.5 * three + 0.25 * four;
  return left + time.share * (right - left);
}

/**
 * Where traffic begins or ends at some minute of an hour, the smooth profile is wrong on both sides. It is
 * an edge where the profile is this much above the quieter, or below the busier, of the two hours around.
 */
const EDGE_RATIO = 1.6;

function hourCode(columns: SeriesColumns, slot: number, dayClass: number, hour: number): number {
  return columns.hourProfile.at((slot * DAY_CLASSES + dayClass) * DAY_HOURS + hour);
}

/**
 * Puts into the columns what is expected of a step, and the least and most that the time excuses.
 * `level`: records a step that are expected while the profile is not known.
 */
export function expectStep(
  columns: SeriesColumns,
  slot: number,
  step: number,
  level: number,
): void {
  const time = columns.stepTime.at(step);
  const { minute, block } = time;
  const dayClass = toldBy(columns, slot, time);
  const base = profileAt(columns, slot, time, dayClass);
  const minuteBase = slot * HOUR_MINUTES;
  const blockBase = slot * DAY_BLOCKS;
  const m1 = known(columns.minuteFactor.at(minuteBase + minute));
  const m2 = known(columns.minuteFactor.at(minuteBase + ((minute + 1) % HOUR_MINUTES)));
  const b1 = known(columns.blockFactor.at(blockBase + block));
  const b2 = known(columns.blockFactor.at(blockBase + ((block + 1) % DAY_BLOCKS)));
  let now = level;
  let below = 1;
  let above = 1;
  if (base >= 0) {
    const ratio = columns.seasonLevel.at(slot * DAY_CLASSES + dayClass);
    now = base * (ratio > 0 ? ratio : 1);
    const one = hourCode(columns, slot, dayClass, time.hourBefore);
    const other = hourCode(columns, slot, dayClass, time.hourAfter);
    const quieter = decoded(Math.min(one, other));
    const busier = decoded(Math.max(one, other));
    if (base > EDGE_RATIO * quieter) below = quieter / base;
    if (busier > EDGE_RATIO * base) above = busier / base;
    if (dayClass !== time.dayClass) {
      below /= UNSEEN_FACTOR;
      above *= UNSEEN_FACTOR;
    }
  } else {
    below = FIRST_DAY_FACTOR;
  }
  const b = ownsBlocks(columns, slot, time) ? b1 : FACTOR_ONE;
  const centre = now * factorOf(m1) * factorOf(b);
  const least = now * factorOf(leastOf(m1, m2)) * factorOf(Math.min(leastOf(b1, b2), b));
  const most = now * factorOf(mostOf(m1, m2)) * factorOf(Math.max(mostOf(b1, b2), b));
  columns.expectedRecords.set(slot, centre);
  columns.expectedLeast.set(slot, below * least);
  columns.expectedMost.set(slot, above * most);
}

/** The kind of day that tells of a time: its own, or the other while that is not known (the first weekend). */
function toldBy(columns: SeriesColumns, slot: number, time: StepTime): number {
  const { dayClass } = time;
  return isProfileKnown(columns, slot, time, dayClass) ? dayClass : 1 - dayClass;
}

/** Blocks are of weekdays, once those are known: at the weekend they only excuse. */
function ownsBlocks(columns: SeriesColumns, slot: number, time: StepTime): boolean {
  return time.dayClass === 0 || !isProfileKnown(columns, slot, time, 0);
}

/** Records expected at a time; `level` while the profile is not known. */
export function usualAt(columns: SeriesColumns, slot: number, step: number, level: number): number {
  const time = columns.stepTime.at(step);
  const { minute, block } = time;
  const dayClass = toldBy(columns, slot, time);
  const base = profileAt(columns, slot, time, dayClass);
  const ratio = columns.seasonLevel.at(slot * DAY_CLASSES + dayClass);
  const now = base >= 0 ? base * (ratio > 0 ? ratio : 1) : level;
  const ofMinute = factorOf(columns.minuteFactor.at(slot * HOUR_MINUTES + minute));
  if (!ownsBlocks(columns, slot, time)) return now * ofMinute;
  return now * ofMinute * factorOf(columns.blockFactor.at(slot * DAY_BLOCKS + block));
}

/**
 * What the corrections of a time and of the one after it excuse. Each has some noise, so the next counts
 * only where it stands out: a batch may begin some minutes early. (The one before was learned a moment ago:
 * a surge would excuse itself.) And nobody is told that a batch, or a pause, did not come.
 */
function mostOf(at: number, after: number): number {
  const most = after >= at + EXCUSE_MIN ? after : at;
  return at <= FACTOR_ONE - EXCUSE_MIN ? Math.max(most, FACTOR_ONE) : most;
}

function leastOf(at: number, after: number): number {
  const least = after <= at - EXCUSE_MIN ? after : at;
  return at >= FACTOR_ONE + EXCUSE_MIN ? Math.min(least, FACTOR_ONE) : least;
}
/** In steps of a code: 25 %. */
const EXCUSE_MIN = 0.25 * FACTOR_SCALE;

function clamped(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

/** True when the day of a step is of a kind whose profile is known. */
export function isSeasonKnown(columns: SeriesColumns, slot: number, step: number): boolean {
  const time = columns.stepTime.at(step);
  return isProfileKnown(columns, slot, time, time.dayClass);
}

function isProfileKnown(
  columns: SeriesColumns,
  slot: number,
  time: StepTime,
  dayClass: number,
): boolean {
  const base = (slot * DAY_CLASSES + dayClass) * DAY_HOURS;
  const codes = columns.hourProfile;
  return codes.at(base + time.hourBefore) !== 0 && codes.at(base + time.hourAfter) !== 0;
}

/** Where few records come the level is chance for longer; and at times of next to nothing, nothing is learned of it. */
function levelGain(expected: number): number {
  const gain = clamped(expected / LEVEL_EVENTS, LEVEL_GAIN_MIN, LEVEL_GAIN_MAX);
  return Math.min(gain, expected / LEVEL_EVENTS_LEAST);
}

/** True on the first weekend, or in the first week: only days of the other kind are known. */
export function isDayUnseen(columns: SeriesColumns, slot: number, step: number): boolean {
  return !isSeasonKnown(columns, slot, step) && isOtherKnown(columns, slot, step);
}

function isOtherKnown(columns: SeriesColumns, slot: number, step: number): boolean {
  const time = columns.stepTime.at(step);
  return isProfileKnown(columns, slot, time, 1 - time.dayClass);
}

/**
 * Learns a closed step into the level of now; `learned` is what of its records is not taken for a passing
 * surge. Not called while a volume signal is open.
 */
export function learnSeason(
  columns: SeriesColumns,
  slot: number,
  step: number,
  learned: number,
): void {
  if (!isSeasonKnown(columns, slot, step)) return;
  const index = slot * DAY_CLASSES + columns.stepTime.at(step).dayClass;
  const ratio = columns.seasonLevel.at(index) || 1;
  const expected = columns.expectedRecords.at(slot);
  const factor = expected / ratio;
  const gain = levelGain(expected) / Math.max(factor, PROFILE_MIN);
  // At an edge of the day, and where a batch may run or not, what the time excuses says nothing of the level.
  const most = Math.max(columns.expectedMost.at(slot), expected);
  const least = Math.min(columns.expectedLeast.at(slot), expected);
  const apart = learned > most ? learned - most : Math.min(learned - least, 0);
  const next = ratio + gain * apart;
  columns.seasonLevel.set(index, clamped(next, LEVEL_MIN, LEVEL_MAX));
}

/** Takes back what the level learned since the onset of a signal: it was the fault, not the past. */
export function unlearnSeason(
  columns: SeriesColumns,
  slot: number,
  step: number,
  since: { readonly steps: number; readonly records: number; readonly expected: number },
): void {
  const { steps, records, expected } = since;
  const index = slot * DAY_CLASSES + columns.stepTime.at(step).dayClass;
  const ratio = columns.seasonLevel.at(index);
  if (ratio === 0 || steps <= 0 || steps > UNLEARN_STEPS_MAX || expected <= 0) return;
  const gain = levelGain(expected / steps);
  const kept = (1 - gain) ** steps;
  const before = (ratio - (1 - kept) * ratio * (records / expected)) / kept;
  const sound = clamped(before, ratio / UNLEARN_RATIO_MAX, ratio * UNLEARN_RATIO_MAX);
  columns.seasonLevel.set(index, clamped(sound, LEVEL_MIN, LEVEL_MAX));
}
const UNLEARN_STEPS_MAX = 360;

/**
 * Learns what a step says about the time of day. Called at every step that is not missing, also while a
 * signal is open (`learns` is false when that has been so for long): a batch that is taken for a surge on
 * its first day must not be one for ever.
 */
export function closeSeason(
  columns: SeriesColumns,
  slot: number,
  step: number,
  records: number,
  learns: boolean,
): void {
  const expected = columns.expectedRecords.at(slot);
  columns.blockRecords.add(slot, records);
  columns.blockExpected.add(slot, expected);
  columns.blockSteps.set(slot, columns.blockSteps.at(slot) + 1);
  columns.minuteExpected.add(slot, expected);
  columns.hourRecords.add(slot, records);
  columns.hourSteps.set(slot, columns.hourSteps.at(slot) + 1);
  if ((step + 1) % MINUTE_STEPS === 0) {
    const whole = columns.bucketSteps.at(slot) === MINUTE_STEPS;
    if (whole && columns.volumeOpenSteps.at(slot) === 0 && !isDayUnseen(columns, slot, step)) {
      learnMinute(columns, slot, step, columns.bucketRecords.at(slot));
    }
    columns.minuteExpected.set(slot, 0);
  }
  if ((step + 1) % BLOCK_STEPS === 0) {
    if (learns && columns.blockSteps.at(slot) === BLOCK_STEPS) learnBlock(columns, slot, step);
    columns.blockRecords.set(slot, 0);
    columns.blockExpected.set(slot, 0);
    columns.blockSteps.set(slot, 0);
  }
  if ((step + 1) % HOUR_STEPS === 0) closeHour(columns, slot, step);
}

function closeHour(columns: SeriesColumns, slot: number, step: number): void {
  const steps = columns.hourSteps.at(slot);
  const records = columns.hourRecords.at(slot);
  columns.hourSteps.set(slot, 0);
  columns.hourRecords.set(slot, 0);
  const { hour, dayClass } = columns.stepTime.at(step);
  if (hour === DAY_HOURS - 1) beginDay(columns, slot, step + 1, dayClass);
  if (steps < HOUR_STEPS_MIN) return;
  const index = (slot * DAY_CLASSES + dayClass) * DAY_HOURS + hour;
  const mean = Math.max(records / steps, PROFILE_MIN);
  const code = columns.hourProfile.at(index);
  const learned = columns.hoursLearned.at(slot);
  columns.hoursLearned.set(slot, learned + 1);
  if (code === 0) {
    columns.hourProfile.set(index, encoded(mean));
    return;
  }
  const known = decoded(code);
  const usual = learned < HOURS_FIRST ? HOUR_GAIN_FIRST : HOUR_GAIN;
  // A fault teaches little; but what returns at this hour each day is none.
  const gain = columns.volumeOpenSteps.at(slot) > 0 ? HOUR_GAIN_FAULTY : usual;
  const change = shrunkChange(records, known * steps, HOUR_EVENTS_HALF);
  const next = known * Math.exp(gain * clamped(change, -HOUR_CHANGE_MAX, HOUR_CHANGE_MAX));
  columns.hourProfile.set(index, encoded(Math.max(next, PROFILE_MIN)));
}

/** The level of the last weekend counts for half at the beginning of the next: it is five days old. */
function beginDay(columns: SeriesColumns, slot: number, step: number, dayBefore: number): void {
  const { dayClass } = columns.stepTime.at(step);
  if (dayClass === dayBefore) return;
  const index = slot * DAY_CLASSES + dayClass;
  columns.seasonLevel.set(index, Math.sqrt(columns.seasonLevel.at(index)));
}

/** Learns a whole 5-minute block of the day. */
function learnBlock(columns: SeriesColumns, slot: number, step: number): void {
  const records = columns.blockRecords.at(slot);
  const expected = columns.blockExpected.at(slot);
  const time = columns.stepTime.at(step);
  if (!ownsBlocks(columns, slot, time)) return;
  const index = slot * DAY_BLOCKS + time.block;
  const code = columns.blockFactor.at(index);
  const before = logFactor(code);
  // A pause is learned slowly: it may have been a fault, and most that returns each day is more, not less.
  const change = Math.max(shrunkChange(records, expected, FACTOR_EVENTS_HALF), -FACTOR_FALL_MAX);
  if (!isSeasonKnown(columns, slot, step)) {
    if (Math.abs(change) < BLOCK_CHANGE_UNKNOWN_MIN) return;
    if (isOtherKnown(columns, slot, step)) return;
  }
  const back = before !== 0 && Math.sign(change) !== Math.sign(before);
  const gain = code === 0 ? BLOCK_GAIN_FIRST : back ? BLOCK_GAIN_BACK : BLOCK_GAIN_AWAY;
  columns.blockFactor.set(index, encodedFactor(before + gain * change));
}

/** Learns a whole minute of the hour. */
function learnMinute(columns: SeriesColumns, slot: number, step: number, records: number): void {
  const expected = columns.minuteExpected.at(slot);
  const { minute } = columns.stepTime.at(step);
  const index = slot * HOUR_MINUTES + minute;
  const before = logFactor(columns.minuteFactor.at(index));
  const seen = shrunkChange(records, expected, MINUTE_EVENTS_HALF);
  const change = clamped(seen, -FACTOR_FALL_MAX, MINUTE_RISE_MAX);
  columns.minuteFactor.set(index, encodedFactor(before + MINUTE_GAIN * change));
}

/** ln of what was seen to what was expected, drawn to 0 where few are expected: their logarithm leans to less. */
function shrunkChange(records: number, expected: number, eventsHalf: number): number {
  return Math.log((records + eventsHalf) / (expected + eventsHalf));
}

/**
 * Takes a multiple of what is expected as normal from now on. Less only on days of this kind: a holiday says
 * nothing of weekends. On a first day the profile stays as it is: a morning is more likely than another
 * level. And a profile of a day or two that is wrong for hours is learned anew.
 */
export function acceptSeason(
  columns: SeriesColumns,
  slot: number,
  step: number,
  factor: number,
): void {
  if (!isSeasonKnown(columns, slot, step)) return;
  if (columns.hoursLearned.at(slot) < YOUNG_HOURS) return forgetSeason(columns, slot);
  const today = columns.stepTime.at(step).dayClass;
  for (let dayClass = 0; dayClass < DAY_CLASSES; dayClass += 1) {
    if (dayClass !== today && factor < 1) continue;
    const index = slot * DAY_CLASSES + dayClass;
    const ratio = columns.seasonLevel.at(index) || 1;
    columns.seasonLevel.set(index, clamped(ratio * factor, LEVEL_MIN, LEVEL_MAX));
  }
}
const YOUNG_HOURS = 48;

function forgetSeason(columns: SeriesColumns, slot: number): void {
  const hours = DAY_CLASSES * DAY_HOURS;
  columns.hourProfile.values.fill(0, slot * hours, (slot + 1) * hours);
  columns.blockFactor.values.fill(0, slot * DAY_BLOCKS, (slot + 1) * DAY_BLOCKS);
  columns.seasonLevel.values.fill(0, slot * DAY_CLASSES, (slot + 1) * DAY_CLASSES);
  columns.hoursLearned.set(slot, 0);
}
