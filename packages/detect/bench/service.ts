import {
  DAY_STEPS,
  daily,
  deploys,
  holiday,
  isWeekend,
  MINUTE_STEPS,
  repeated,
  STEP_SECONDS,
  type Stretch,
} from "./habits.ts";
import type { Random } from "./random.ts";

export const TIERS = ["low", "mid", "high"] as const;

export type Tier = (typeof TIERS)[number];

/** Records a minute on an average day, drawn evenly in the logarithm. */
export const TIER_RATES: Record<Tier, readonly [number, number]> = {
  low: [0.3, 3],
  mid: [6, 60],
  high: [300, 3_000],
};

/**
 * `plain`: the benign structure of the outside judge (cron on the hour, batches on the hour). `varied`: the
 * same kinds of structure at other times, lengths and strengths, and a few that the judge has not. `abrupt`: traffic that
 * the clock switches on, off or to other work.
 */
export const STRUCTURES = ["plain", "varied", "abrupt"] as const;

export type Structure = (typeof STRUCTURES)[number];

export interface ServicePlan {
  readonly tier: Tier;
  readonly structure: Structure;
  readonly days: number;
  /** Counted from 0; null for none. */
  readonly holidayDay: number | null;
}

/** How one healthy service behaves. Shares are in [0, 1]; deviations are of a logarithm. */
export interface Service {
  readonly tier: Tier;
  readonly recordsPerStep: number;
  /** Factor on the rate for each step of a day; 1 on average. */
  readonly dayCurve: Float64Array;
  /** Share by which the rate grows a day. */
  readonly growthPerDay: number;
  readonly stretches: readonly Stretch[];
  /** Shape of the gamma that every step's rate is multiplied by; infinite for a plain Poisson process. */
  readonly burstShape: number;
  /** Slow wander of the load: deviation, and memory in seconds. */
  readonly loadSd: number;
  readonly loadMemorySeconds: number;
  readonly errorShare: number;
  readonly errorShareSd: number;
  readonly blipsPerDay: number;
  readonly blipErrorsMax: number;
  readonly latencyMedianMs: number;
  /** Deviation of one record, of the slow wander, and how much latency follows the load of the day. */
  readonly latencySd: number;
  readonly latencyWanderSd: number;
  readonly latencyLoad: number;
}

/** Draws a service. What a structure does not have is drawn all the same, so that presets compare. */
export function drawService(random: Random, plan: ServicePlan): Service {
  const { tier, structure, days } = plan;
  const [slowest, fastest] = TIER_RATES[tier];
  const dayCurve = curveOfDay({
    swing: random.between(0, 0.9),
    second: random.between(0, 0.25),
    peakHour: random.between(0, 24),
  });
  return {
    tier,
    recordsPerStep: (random.logBetween(slowest, fastest) * STEP_SECONDS) / 60,
    dayCurve: structure === "abrupt" ? dayCurve.map(Math.sqrt) : dayCurve,
    growthPerDay:
      structure === "varied" ? random.between(-0.025, 0.025) : random.between(-0.015, 0.015),
    stretches: [
      ...(structure === "plain" ? plainHabits(random, days) : []),
      ...(structure === "varied" ? variedHabits(random, days) : []),
      ...(structure === "abrupt" ? abruptHabits(random, days) : []),
      ...(plan.holidayDay === null ? [] : holiday(plan.holidayDay, random.between(0.4, 0.6))),
    ],
    burstShape: random.pick([Number.POSITIVE_INFINITY, 200, 40]),
    loadSd: random.between(0.02, 0.1),
    loadMemorySeconds: random.between(600, 3_600),
    errorShare: random.chance(0.2) ? 0 : random.logBetween(0.0005, 0.03),
    errorShareSd: random.between(0.05, 0.25),
    blipsPerDay: random.pick([0, 0.3, 1]),
    blipErrorsMax: structure === "plain" ? 12 : random.pick([6, 12, 20]),
    latencyMedianMs: random.logBetween(15, 400),
    latencySd: random.between(0.35, 0.8),
    latencyWanderSd: random.between(0.01, 0.05),
    latencyLoad: random.between(0, 0.15),
  };
}

interface Curve {
  readonly swing: number;
  readonly second: number;
  readonly peakHour: number;
}

function curveOfDay({ swing, second, peakHour }: Curve): Float64Array {
  const curve = new Float64Array(DAY_STEPS);
  for (let step = 0; step < DAY_STEPS; step += 1) {
    const angle = 2 * Math.PI * (step / DAY_STEPS - peakHour / 24);
    curve[step] = Math.exp(swing * Math.cos(angle) + second * Math.cos(2 * angle));
  }
  const mean = curve.reduce((sum, each) => sum + each, 0) / DAY_STEPS;
  return curve.map((each) => each / mean);
}

function plainHabits(random: Random, days: number): Stretch[] {
  const cron = random.pick([1, 1, 1.6, 2.5]);
  const batch = random.pick([1, 1, 1, 2.5]);
  const batchHour = Math.floor(random.between(0, 24));
  const weekend = random.pick([1, 1, 0.7, 0.4]);
  return [
    ...atAnotherLevel("cron", cron, days, { every: 60, at: 0, length: 1 }),
    ...atAnotherLevel("batch", batch, days, { every: 1_440, at: batchHour * 60, length: 10 }),
    ...(random.chance(0.6) ? deploys(random, days, [100, 240]) : []),
    ...weekends(weekend, days),
  ];
}

function variedHabits(random: Random, days: number): Stretch[] {
  const minute = Math.floor(random.between(0, 60));
  const seconds = random.pick([20, 30, 60, 120, 300]);
  const cron = random.pick([1, 1, 1, random.between(1.4, 4)]);
  const often = random.pick([1, 1, 1, 1, random.between(1.4, 3)]);
  const everyMinutes = random.pick([15, 30, 30]);
  const batch = random.pick([1, 1, 1, random.between(1.5, 4)]);
  const halfPast = random.pick([1, 1, 1, 1, random.between(1.5, 4)]);
  const batchHour = Math.floor(random.between(0, 24));
  const length = random.between(5, 15);
  const deployed = random.chance(0.6) ? deploys(random, days, [60, 300]) : [];
  const weekday = (day: number) => !isWeekend(day);
  const lunch = random.pick([1, 1, 1, random.between(0.6, 0.8)]);
  const monday = random.pick([1, 1, 1, 1, random.between(1.3, 1.7)]);
  const isMonday = (day: number) => day % 7 === 0;
  return [
    ...atAnotherLevel("cron", cron, days, { every: 60, at: minute, length: seconds / 60 }),
    ...atAnotherLevel("cron_often", often, days, {
      every: everyMinutes,
      at: minute % everyMinutes,
      length: 1,
    }),
    ...atAnotherLevel("batch", batch, days, { every: 1_440, at: batchHour * 60, length }),
    ...atAnotherLevel("batch_half_past", halfPast, days, {
      every: 1_440,
      at: ((batchHour + 7) % 24) * 60 + 30,
      length,
    }),
    ...deployed,
    ...weekends(random.pick([1, 1, 0.7, 0.4, 0.25]), days),
    ...partOfDay("lunch_dip", lunch, days, [12, 13, weekday]),
    ...partOfDay("week_start", monday, days, [8, 10, isMonday]),
  ];
}

function abruptHabits(random: Random, days: number): Stretch[] {
  const every = () => true;
  const [opens, closes] = [random.pick([6, 7, 8, 8.5, 9]), random.pick([17, 18, 20, 22])];
  const habit = random.pick(["night_off", "weekday_only", "office_steps", "slow_batch"] as const);
  switch (habit) {
    case "night_off":
      return [
        ...partOfDay(habit, 0, days, [0, opens, every]),
        ...partOfDay(habit, 0, days, [closes, 24, every]),
      ];
    case "weekday_only":
      return partOfDay(habit, 0, days, [0, 24, isWeekend]);
    case "office_steps":
      return partOfDay(habit, random.between(2, 5), days, [opens, closes, (d) => !isWeekend(d)]);
    case "slow_batch":
      return repeated({
        habit,
        days,
        everySteps: DAY_STEPS,
        atStep: Math.round(random.between(0, 5) * 60) * MINUTE_STEPS,
        lengthSteps: Math.round(random.between(20, 40) * MINUTE_STEPS),
        factor: random.between(1.5, 3),
        latencyFactor: random.between(1.5, 2.5), // Other work, of another length.
      });
    default:
      return habit satisfies never;
  }
}

/** Minutes. A factor of 1 is no habit at all. */
function atAnotherLevel(
  habit: "cron" | "cron_often" | "batch" | "batch_half_past",
  factor: number,
  days: number,
  { every, at, length }: { every: number; at: number; length: number },
): Stretch[] {
  if (factor === 1) return [];
  return repeated({
    habit,
    days,
    factor,
    everySteps: every * MINUTE_STEPS,
    atStep: Math.round(at * MINUTE_STEPS),
    lengthSteps: Math.round(length * MINUTE_STEPS),
  });
}

function partOfDay(
  habit: Stretch["habit"],
  factor: number,
  days: number,
  [fromHour, endHour, isDay]: readonly [number, number, (day: number) => boolean],
): Stretch[] {
  return factor === 1 ? [] : daily(days, { habit, fromHour, endHour, factor, isDay });
}

function weekends(factor: number, days: number): Stretch[] {
  return partOfDay("weekend_low", factor, days, [0, 24, isWeekend]);
}
