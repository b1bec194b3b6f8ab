import { DAY_BLOCKS, DAY_HOURS, HOUR_MINUTES, type SeriesColumns } from "./series-columns.ts";

/**
 * What volume is usual at which time: a profile of the hours (one of weekdays, one of the weekend, in
 * UTC), corrected for 5-minute blocks of the day and for minutes of the hour, times the level of now.
 * Profiles are learned in absolute numbers, corrections as factors. All of it is kept in small codes of
 * the logarithm: an entry is looked up once a step and learned once a day, so coarse is good enough.
 */

/** Steps of an hour, of a block, of a minute; and of a day. */
const HOUR_STEPS = 360;
const BLOCK_STEPS = 30;
const MINUTE_STEPS = 6;
const DAY_STEPS = 8_640;
/** 1970-01-01 was a Thursday. */
const DAYS_TO_MONDAY = 3;
const SATURDAY = 5;

/** An hour counts as known when this many of its steps were learned. */
const HOUR_STEPS_MIN = 180;
/** What a day adds to what is known of an hour, and while little is known. */
const HOUR_GAIN = 0.25;
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
/** Back to nothing unusual slower: what runs on weekdays only must survive the weekend. */
const BLOCK_GAIN_BACK = 0.15;
const FACTOR_FALL_MAX = 0.4;
/** While the profile is not known, only what stands out is learned. */
const BLOCK_CHANGE_UNKNOWN_MIN = 0.3;
const MINUTE_GAIN = 0.12;
const MINUTE_RISE_MAX = 1;
const MINUTE_EVENTS_HALF = 10;

/** The level of now: 1.4 hours, or longer where few records come. */
const LEVEL_GAIN = 1 / 504;
const LEVEL_EVENTS = 60;
const LEVEL_MIN = 0.02;
const LEVEL_MAX = 50;
/** A kind of day not seen yet: how much less or more it may be. */
const UNSEEN_FACTOR = 4;

// 16 bits: exp of [-14, 26] in steps of 0.06 %. 8 bits: exp of [-2.5, 2.5] in steps of 2 %. 0 is unknown.
const CODE_SCALE = 1_638;
const CODE_ZERO = 14;
const FACTOR_SCALE = 50;
const FACTOR_ONE = 128;

function encoded(value: number): number {
  const code = Math.round((Math.log(value) + CODE_ZERO) * CODE_SCALE);
  return Math.min(Math.max(code, 1), 65_535);
}

function decoded(code: number): number {
  return Math.exp(code / CODE_SCALE - CODE_ZERO);
}

function encodedFactor(logFactor: number): number {
  return Math.min(Math.max(Math.round(logFactor * FACTOR_SCALE) + FACTOR_ONE, 1), 255);
}

function logFactor(code: number): number {
  return code === 0 ? 0 : (code - FACTOR_ONE) / FACTOR_SCALE;
}

function modulo(value: number, size: number): number {
  return ((value % size) + size) % size;
}

/** 0 on weekdays, 1 on Saturday and Sunday (UTC). */
export function dayClassOf(step: number): number {
  const weekday = modulo(Math.floor(step / DAY_STEPS) + DAYS_TO_MONDAY, 7);
  return weekday >= SATURDAY ? 1 : 0;
}

/** Records a step by the profile of the hours, interpolated; -1 where it is not known yet. */
function profileAt(columns: SeriesColumns, slot: number, step: number, dayClass: number): number {
  const inDay = modulo(step, DAY_STEPS);
  const position = inDay / HOUR_STEPS - 0.5;
  const before = Math.floor(position);
  const first = smoothedHour(columns, slot, dayClass, before);
  const second = smoothedHour(columns, slot, dayClass, before + 1);
  if (first < 0 || second < 0) return -1;
  return first + (position - before) * (second - first);
}

function smoothedHour(
  columns: SeriesColumns,
  slot: number,
  dayClass: number,
  hour: number,
): number {
  const base = (slot * 2 + dayClass) * DAY_HOURS;
  const code = columns.hourProfile.at(base + modulo(hour, DAY_HOURS));
  if (code === 0) return -1;
  const centre = decoded(code);
  const left = columns.hourProfile.at(base + modulo(hour - 1, DAY_HOURS));
  const right = columns.hourProfile.at(base + modulo(hour + 1, DAY_HOURS));
  const one = left === 0 ? centre : decoded(left);
  const other = right === 0 ? centre : decoded(right);
  return 0.5 * centre + 0.25 * (one + other);
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
  const dayClass = dayClassOf(step);
  const base = profileAt(columns, slot, step, dayClass);
  const minute = Math.floor(modulo(step, HOUR_STEPS) / MINUTE_STEPS);
  const block = Math.floor(modulo(step, DAY_STEPS) / BLOCK_STEPS);
  const minuteBase = slot * HOUR_MINUTES;
  const blockBase = slot * DAY_BLOCKS;
  const m1 = logFactor(columns.minuteFactor.at(minuteBase + minute));
  const m2 = logFactor(columns.minuteFactor.at(minuteBase + modulo(minute + 1, HOUR_MINUTES)));
  const b1 = logFactor(columns.blockFactor.at(blockBase + block));
  const b2 = logFactor(columns.blockFactor.at(blockBase + modulo(block + 1, DAY_BLOCKS)));
  let now = level;
  let spread = 1;
  if (base >= 0) {
    const ratio = columns.seasonLevel.at(slot * 2 + dayClass);
    now = base * (ratio > 0 ? ratio : 1);
  } else if (isOtherKnown(columns, slot, step)) {
    spread = UNSEEN_FACTOR; // The first weekend: nobody knows yet how different it is.
  }
  const centre = now * Math.exp(m1 + b1);
  const least = now * Math.exp(leastOf(m1, m2) + leastOf(b1, b2));
  const most = now * Math.exp(mostOf(m1, m2) + mostOf(b1, b2));
  columns.expectedRecords.set(slot, centre);
  columns.expectedLeast.set(slot, least / spread);
  columns.expectedMost.set(slot, most * spread);
}

/** Records expected at a time; `level` while the profile is not known. */
export function usualAt(columns: SeriesColumns, slot: number, step: number, level: number): number {
  const dayClass = dayClassOf(step);
  const base = profileAt(columns, slot, step, dayClass);
  const ratio = columns.seasonLevel.at(slot * 2 + dayClass);
  const now = base >= 0 ? base * (ratio > 0 ? ratio : 1) : level;
  const minute = Math.floor(modulo(step, HOUR_STEPS) / MINUTE_STEPS);
  const block = Math.floor(modulo(step, DAY_STEPS) / BLOCK_STEPS);
  const ofMinute = logFactor(columns.minuteFactor.at(slot * HOUR_MINUTES + minute));
  return now * Math.exp(ofMinute + logFactor(columns.blockFactor.at(slot * DAY_BLOCKS + block)));
}

/**
 * What the corrections of a time and of the one after it excuse. Each has some noise, so the next counts
 * only where it stands out: a batch may begin some minutes early. (The one before was learned a moment ago:
 * a surge would excuse itself.) And nobody is told that a batch, or a pause, did not come.
 */
function mostOf(at: number, after: number): number {
  const most = after >= at + EXCUSE_MIN ? after : at;
  return at <= -EXCUSE_MIN ? Math.max(most, 0) : most;
}

function leastOf(at: number, after: number): number {
  const least = after <= at - EXCUSE_MIN ? after : at;
  return at >= EXCUSE_MIN ? Math.min(least, 0) : least;
}
const EXCUSE_MIN = 0.25;

function clamped(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

/** True when the day of a step is of a kind whose profile is known. */
export function isSeasonKnown(columns: SeriesColumns, slot: number, step: number): boolean {
  return profileAt(columns, slot, step, dayClassOf(step)) >= 0;
}

/** True when days of the other kind are known: this is the first weekend, or the first week. */
function isOtherKnown(columns: SeriesColumns, slot: number, step: number): boolean {
  return profileAt(columns, slot, step, 1 - dayClassOf(step)) >= 0;
}

/**
 * Learns a closed step into the level of now (of which `learned` is what is not taken for a passing surge)
 * and the hour in hand. Not called while a volume signal is open.
 */
export function learnSeason(
  columns: SeriesColumns,
  slot: number,
  step: number,
  records: number,
  learned: number,
): void {
  if (isSeasonKnown(columns, slot, step)) {
    const index = slot * 2 + dayClassOf(step);
    const ratio = columns.seasonLevel.at(index) || 1;
    const expected = columns.expectedRecords.at(slot);
    const factor = expected / ratio;
    const gain = Math.min(LEVEL_GAIN, expected / LEVEL_EVENTS) / Math.max(factor, PROFILE_MIN);
    const next = ratio + gain * (learned - expected);
    columns.seasonLevel.set(index, clamped(next, LEVEL_MIN, LEVEL_MAX));
  }
  columns.hourRecords.add(slot, records);
  columns.hourSteps.set(slot, columns.hourSteps.at(slot) + 1);
}

/** Takes back what the level learned since the onset of a signal: it was the fault, not the past. */
export function unlearnSeason(
  columns: SeriesColumns,
  slot: number,
  step: number,
  since: { readonly steps: number; readonly records: number; readonly expected: number },
): void {
  const { steps, records, expected } = since;
  const index = slot * 2 + dayClassOf(step);
  const ratio = columns.seasonLevel.at(index);
  if (ratio === 0 || steps <= 0 || steps > UNLEARN_STEPS_MAX || expected <= 0) return;
  const gain = Math.min(LEVEL_GAIN, expected / steps / LEVEL_EVENTS);
  const kept = (1 - gain) ** steps;
  const before = (ratio - (1 - kept) * ratio * (records / expected)) / kept;
  columns.seasonLevel.set(index, clamped(before, LEVEL_MIN, LEVEL_MAX));
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
  if (modulo(step + 1, MINUTE_STEPS) === 0) {
    if (columns.volumeOpenSteps.at(slot) === 0 && columns.bucketSteps.at(slot) === MINUTE_STEPS) {
      learnMinute(columns, slot, step, columns.bucketRecords.at(slot));
    }
    columns.minuteExpected.set(slot, 0);
  }
  if (modulo(step + 1, BLOCK_STEPS) === 0) {
    if (learns && columns.blockSteps.at(slot) === BLOCK_STEPS) learnBlock(columns, slot, step);
    columns.blockRecords.set(slot, 0);
    columns.blockExpected.set(slot, 0);
    columns.blockSteps.set(slot, 0);
  }
  if (modulo(step + 1, HOUR_STEPS) === 0) closeHour(columns, slot, step);
}

function closeHour(columns: SeriesColumns, slot: number, step: number): void {
  const steps = columns.hourSteps.at(slot);
  const records = columns.hourRecords.at(slot);
  columns.hourSteps.set(slot, 0);
  columns.hourRecords.set(slot, 0);
  if (steps < HOUR_STEPS_MIN) return;
  const hour = Math.floor(modulo(step, DAY_STEPS) / HOUR_STEPS);
  const index = (slot * 2 + dayClassOf(step)) * DAY_HOURS + hour;
  const mean = Math.max(records / steps, PROFILE_MIN);
  const code = columns.hourProfile.at(index);
  const learned = columns.hoursLearned.at(slot);
  columns.hoursLearned.set(slot, Math.min(learned + 1, 1_000_000));
  if (code === 0) {
    columns.hourProfile.set(index, encoded(mean));
    return;
  }
  const known = decoded(code);
  const gain = learned < HOURS_FIRST ? HOUR_GAIN_FIRST : HOUR_GAIN;
  const change = shrunkChange(records, known * steps, HOUR_EVENTS_HALF);
  const next = known * Math.exp(gain * clamped(change, -HOUR_CHANGE_MAX, HOUR_CHANGE_MAX));
  columns.hourProfile.set(index, encoded(Math.max(next, PROFILE_MIN)));
}

/** Learns a whole 5-minute block of the day. */
function learnBlock(columns: SeriesColumns, slot: number, step: number): void {
  const records = columns.blockRecords.at(slot);
  const expected = columns.blockExpected.at(slot);
  const block = Math.floor(modulo(step, DAY_STEPS) / BLOCK_STEPS);
  const index = slot * DAY_BLOCKS + block;
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
  const minute = Math.floor(modulo(step, HOUR_STEPS) / MINUTE_STEPS);
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

/** Takes a multiple of what is expected as normal from now on, on days of any kind. */
export function acceptSeason(columns: SeriesColumns, slot: number, factor: number): void {
  for (let dayClass = 0; dayClass < 2; dayClass += 1) {
    const index = slot * 2 + dayClass;
    const ratio = columns.seasonLevel.at(index);
    if (ratio > 0) columns.seasonLevel.set(index, clamped(ratio * factor, LEVEL_MIN, LEVEL_MAX));
  }
}
