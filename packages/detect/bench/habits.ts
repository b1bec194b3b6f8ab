import type { Random } from "./random.ts";

/*
 * What healthy services do besides serving: the benign structure that a detector must not cry about. Each
 * habit has a name, so that false alarms can be counted by what the service was doing at the time.
 */

/** Steps of 10 seconds. */
export const STEP_SECONDS = 10;
export const MINUTE_STEPS = 6;
export const HOUR_STEPS = 360;
export const DAY_STEPS = 8_640;

export const HABITS = [
  "cron",
  "cron_often",
  "batch",
  "batch_half_past",
  "deploy",
  "error_blip",
  "weekend_low",
  "lunch_dip",
  "week_start",
  "growth",
  "night_off",
  "weekday_only",
  "office_steps",
  "slow_batch",
  "holiday",
] as const;

export type Habit = (typeof HABITS)[number];

/** A stretch of steps [from, end) in which the rate of records is multiplied, and for some the latency. */
export interface Stretch {
  readonly habit: Habit;
  readonly from: number;
  readonly end: number;
  readonly factor: number;
  /** Default 1. */
  readonly latencyFactor?: number;
}

export function habitBit(habit: Habit): number {
  return 1 << HABITS.indexOf(habit);
}

/** Whether a day, counted from the Monday at which every stream begins, is a Saturday or Sunday. */
export function isWeekend(day: number): boolean {
  return day % 7 >= 5;
}

interface Repeated extends Pick<Stretch, "habit" | "factor" | "latencyFactor"> {
  readonly days: number;
  readonly everySteps: number;
  readonly atStep: number;
  readonly lengthSteps: number;
}

/** The same stretch again and again, from the beginning of the stream: cron and batches. */
export function repeated(options: Repeated): Stretch[] {
  const { habit, days, everySteps, atStep, lengthSteps, factor, latencyFactor = 1 } = options;
  const stretches: Stretch[] = [];
  for (let from = atStep; from < days * DAY_STEPS; from += everySteps) {
    stretches.push({ habit, from, end: from + lengthSteps, factor, latencyFactor });
  }
  return stretches;
}

/** Deploys on most weekdays, at any time of the working day: more records for a few minutes. */
export function deploys(random: Random, days: number, lengthSeconds: readonly number[]): Stretch[] {
  const [shortest = 100, longest = 240] = lengthSeconds;
  const stretches: Stretch[] = [];
  for (let day = 0; day < days; day += 1) {
    if (isWeekend(day) || !random.chance(0.7)) continue;
    const from = day * DAY_STEPS + Math.floor(random.between(9, 18) * HOUR_STEPS);
    const length = Math.round(random.between(shortest, longest) / STEP_SECONDS);
    const factor = random.between(1.5, 3);
    stretches.push({ habit: "deploy", from, end: from + length, factor });
  }
  return stretches;
}

/** A part of every day that `isDay` takes, from one hour to another, at another level. */
export function daily(
  days: number,
  options: {
    readonly habit: Habit;
    readonly fromHour: number;
    readonly endHour: number;
    readonly factor: number;
    readonly isDay: (day: number) => boolean;
  },
): Stretch[] {
  const { habit, fromHour, endHour, factor, isDay } = options;
  const stretches: Stretch[] = [];
  for (let day = 0; day < days; day += 1) {
    if (!isDay(day)) continue;
    const from = day * DAY_STEPS + Math.round(fromHour * HOUR_STEPS);
    const end = day * DAY_STEPS + Math.round(endHour * HOUR_STEPS);
    stretches.push({ habit, from, end, factor });
  }
  return stretches;
}

/** A public holiday: down to `factor` within three hours after midnight, and back before the next. */
export function holiday(day: number, factor: number): Stretch[] {
  const rise = 3 * HOUR_STEPS;
  const stretches: Stretch[] = [];
  for (let step = 0; step < DAY_STEPS; step += MINUTE_STEPS) {
    const inward = Math.min(1, step / rise, (DAY_STEPS - step) / rise);
    const depth = (1 - Math.cos(Math.PI * inward)) / 2;
    const from = day * DAY_STEPS + step;
    const end = from + MINUTE_STEPS;
    stretches.push({ habit: "holiday", from, end, factor: 1 - (1 - factor) * depth });
  }
  return stretches;
}
