import { latencyDoubtOf, latencyExpectedOf } from "./latency-evidence.ts";
import { DAY_HOURS, type SeriesColumns } from "./series-columns.ts";
import { HOUR_STEPS } from "./step-time.ts";

/**
 * How much slower a service is at an hour of each day: a batch that runs at night is other work, of
 * another length. It only ever excuses. In codes of 8 bits of the natural logarithm.
 */
const SCALE = 64;
const CODE_MAX = 255;
/** Standard errors that a minute must be slower by, to teach anything. */
const DEVIATIONS_MIN = 2;
const GAIN_RISE = 0.7;
const GAIN_FALL = 0.25;

/** What is added to the expected ln(latency) at a step: what the hour is used to, or the next one is. */
export function latencyExcuseOf(columns: SeriesColumns, slot: number, step: number): number {
  const { hour } = columns.stepTime.at(step);
  const first = slot * DAY_HOURS;
  const now = columns.latencyHours.at(first + hour);
  return Math.max(now, columns.latencyHours.at(first + ((hour + 1) % DAY_HOURS))) / SCALE;
}

/** Learns from the minute that ends with a step; to be called before the bucket is closed. */
export function learnLatencyHour(columns: SeriesColumns, slot: number, step: number): void {
  const count = columns.bucketLatencies.at(slot);
  if (count > 0) {
    const chance = latencyDoubtOf(columns, slot, count);
    const mean = columns.bucketLatencySum.at(slot) / count;
    const slower = mean - latencyExpectedOf(columns, slot) - DEVIATIONS_MIN * Math.sqrt(chance);
    const code = Math.min(Math.round(slower * SCALE), CODE_MAX);
    if (code > columns.latencyHourMost.at(slot)) columns.latencyHourMost.set(slot, code);
  }
  if ((step + 1) % HOUR_STEPS !== 0) return;
  const index = slot * DAY_HOURS + columns.stepTime.at(step).hour;
  const known = columns.latencyHours.at(index);
  const seen = columns.latencyHourMost.at(slot);
  const gain = seen > known ? GAIN_RISE : GAIN_FALL;
  columns.latencyHours.set(index, Math.round(known + gain * (seen - known)));
  columns.latencyHourMost.set(slot, 0);
}
