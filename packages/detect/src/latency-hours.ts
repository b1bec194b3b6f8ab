import { latencyDoubtOf, latencyExpectedOf } from "./latency-evidence.ts";
import { DAY_HOURS, Flag, type SeriesColumns } from "./series-columns.ts";
import { HOUR_STEPS } from "./step-time.ts";

/**
 * How much slower a service is at an hour of each day: a batch that runs at night is other work, of
 * another length. It only ever excuses. In codes of 7 bits of the natural logarithm; the eighth marks an
 * hour in which a latency signal was open. One such day is a fault, and excuses nothing; the second in
 * a row is a habit.
 */
const SCALE = 64;
const CODE_MAX = 127;
const FAULT = 128;
/** Standard errors that a minute must be slower by, to teach anything. */
const DEVIATIONS_MIN = 2;
const GAIN_RISE = 0.7;
const GAIN_FALL = 0.25;

/** What is added to the expected ln(latency) at a step: what the hour is used to, or the next one is. */
export function latencyExcuseOf(columns: SeriesColumns, slot: number, step: number): number {
  const { hour } = columns.stepTime.at(step);
  const first = slot * DAY_HOURS;
  const now = columns.latencyHours.at(first + hour) & CODE_MAX;
  const next = columns.latencyHours.at(first + ((hour + 1) % DAY_HOURS)) & CODE_MAX;
  return Math.max(now, next) / SCALE;
}

/** Learns from the minute that ends with a step; to be called before the bucket is closed. */
export function learnLatencyHour(columns: SeriesColumns, slot: number, step: number): void {
  const most = columns.latencyHourMost.at(slot);
  const fault = columns.has(slot, Flag.latencyOpen) ? FAULT : most & FAULT;
  const seen = Math.max(most & CODE_MAX, slowerBy(columns, slot));
  columns.latencyHourMost.set(slot, fault | seen);
  if ((step + 1) % HOUR_STEPS !== 0) return;
  columns.latencyHourMost.set(slot, 0);
  const index = slot * DAY_HOURS + columns.stepTime.at(step).hour;
  const before = columns.latencyHours.at(index);
  const known = before & CODE_MAX;
  const isFirstFault = fault !== 0 && (before & FAULT) === 0;
  const gain = seen > known ? GAIN_RISE : GAIN_FALL;
  const next = isFirstFault ? known : Math.round(known + gain * (seen - known));
  columns.latencyHours.set(index, fault | next);
}

/** By how much the minute in hand was slower than chance would have it, as a code. */
function slowerBy(columns: SeriesColumns, slot: number): number {
  const count = columns.bucketLatencies.at(slot);
  if (count === 0) return 0;
  const chance = latencyDoubtOf(columns, slot, count);
  const mean = columns.bucketLatencySum.at(slot) / count;
  const slower = mean - latencyExpectedOf(columns, slot) - DEVIATIONS_MIN * Math.sqrt(chance);
  return Math.min(Math.max(Math.round(slower * SCALE), 0), CODE_MAX);
}
