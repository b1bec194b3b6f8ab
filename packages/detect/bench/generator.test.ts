import { describe, expect, test } from "vitest";
import { generate, habitsIn, type Stream, type StreamPlan } from "./generator.ts";
import { DAY_STEPS, MINUTE_STEPS } from "./habits.ts";
import { type Fault, natsOf, planIncidents } from "./incidents.ts";
import { Random } from "./random.ts";

const PLAN: StreamPlan = {
  tier: "high",
  structure: "plain",
  days: 2,
  warmUpDays: 0,
  holidayDay: null,
};

function sum(values: Uint32Array, from: number, end: number): number {
  return values.subarray(from, end).reduce((total, each) => total + each, 0);
}

/** The first incident of a fault among many services, and as long a time just before it. */
function exampleOf(fault: Fault) {
  for (let index = 0; index < 200; index += 1) {
    const stream = generate(`example-${index}`, PLAN);
    const incident = stream.incidents.find(
      (each) => each.fault === fault && 2 * each.from > each.end,
    );
    if (incident === undefined) continue;
    const { from, end } = incident;
    const during = window(stream, from, end);
    return { stream, incident, during, before: window(stream, 2 * from - end, from) };
  }
  throw new Error(`no ${fault} in 200 services`);
}

function window({ records, errors, logLatency }: Stream, from: number, end: number) {
  const all = sum(records, from, end);
  const latency = logLatency.subarray(from, end).reduce((total, each) => total + each, 0);
  return { records: all, share: sum(errors, from, end) / all, latency: latency / (end - from) };
}

describe("generator", () => {
  test("the same name and plan give the same stream; services of a tier have its rates", () => {
    const first = generate("a/high-0", PLAN);
    const second = generate("a/high-0", PLAN);
    expect(second.records).toEqual(first.records);
    expect(second.errors).toEqual(first.errors);
    expect(second.incidents).toEqual(first.incidents);
    expect(generate("a/high-1", PLAN).records).not.toEqual(first.records);
    const perMinute = sum(first.records, 0, 2 * DAY_STEPS) / (2 * 1_440);
    expect(perMinute).toBeGreaterThan(200);
    expect(perMinute).toBeLessThan(4_000);
  });

  test("a silence writes nothing, a surge more, a drop less", () => {
    expect(exampleOf("silence").during.records).toBe(0);
    const surge = exampleOf("surge");
    expect(surge.during.records / surge.before.records).toBeGreaterThan(2);
    const drop = exampleOf("partial_drop");
    expect(drop.during.records / drop.before.records).toBeLessThan(0.75);
  });

  test("errors rise to the share they were planned for, at once or slowly", () => {
    const step = exampleOf("error_step");
    expect(step.during.share / step.incident.errorShare).toBeCloseTo(1, 1);
    const zero = exampleOf("error_from_zero");
    expect(zero.before.share).toBeLessThan(1e-3); // A blip may be among them.
    expect(zero.during.share / zero.incident.errorShare).toBeCloseTo(1, 1);
    const ramp = exampleOf("error_ramp");
    const { from, end } = ramp.incident;
    const early = window(ramp.stream, from, from + Math.floor((end - from) / 5)).share;
    const late = window(ramp.stream, end - Math.floor((end - from) / 5), end).share;
    expect(late / ramp.incident.errorShare).toBeCloseTo(1, 1);
    expect(early).toBeLessThan(late / 3);
  });

  test("a latency shift moves the mean of the logarithms, and no counts", () => {
    const { incident, before, during } = exampleOf("latency_shift");
    expect(during.latency - before.latency).toBeCloseTo(Math.log(incident.latencyFactor), 0);
    expect(during.records / before.records).toBeCloseTo(1, 0);
  });

  test("nothing goes wrong in the warm-up, and two incidents are hours apart", () => {
    let incidents = 0;
    for (let index = 0; index < 100; index += 1) {
      const random = new Random(`apart-${index}`);
      const own = planIncidents(random, { days: 14, warmUpDays: 7, errorShare: 0.01 });
      incidents += own.length;
      for (const [place, { from, end }] of own.entries()) {
        expect(from).toBeGreaterThanOrEqual(7 * DAY_STEPS);
        expect(end).toBeLessThan(14 * DAY_STEPS);
        const next = own[place + 1];
        if (next !== undefined) expect(next.from - end).toBeGreaterThan(3 * 360);
      }
    }
    expect(incidents / 700).toBeCloseTo(0.8, 1);
  });

  test("habits say when they are at work, and show in the records", () => {
    for (let index = 0; index < 40; index += 1) {
      const { service, habits, records } = generate(`habit-${index}`, PLAN);
      const cron = service.stretches.find(({ habit }) => habit === "cron");
      if (cron === undefined) continue;
      expect(cron.end - cron.from).toBe(MINUTE_STEPS);
      expect(habitsIn(habits[cron.from] ?? 0)).toContain("cron");
      expect(habitsIn(habits[cron.end] ?? 0)).not.toContain("cron");
      const inside = sum(records, cron.from, cron.end);
      expect(inside).toBeGreaterThan(sum(records, cron.end, cron.end + MINUTE_STEPS) * 1.2);
      return;
    }
    throw new Error("no service with cron");
  });

  test("a holiday has fewer records than the same day a week before, and the rest of the week as many", () => {
    const stream = generate("holiday", { ...PLAN, days: 8, warmUpDays: 7, holidayDay: 7 });
    const day = (index: number) =>
      sum(stream.records, index * DAY_STEPS + 2_160, index * DAY_STEPS + 6_480);
    expect(day(7) / day(0)).toBeLessThan(0.75);
    expect(day(4) / day(3)).toBeGreaterThan(0.75);
  });

  test("nats by hand: a silence of 6 expected records a step is worth 6, less where the service bursts", () => {
    const neutral = { errorShare: 0, rampSteps: 0, latencyFactor: 1, from: 0, end: 60 };
    const silence = { ...neutral, fault: "silence", kind: "volume", rateFactor: 0 } as const;
    const healthy = {
      rate: 6,
      errorShare: 0.01,
      burstShape: Number.POSITIVE_INFINITY,
      loadSd: 0,
      latencySd: 0.5,
      latencyWanderSd: 0,
    };
    expect(natsOf(silence, healthy, 0.01)).toBe(6);
    expect(natsOf(silence, { ...healthy, burstShape: 6 }, 0.01)).toBe(3);
    const double = { ...silence, fault: "surge", rateFactor: 2 } as const;
    expect(natsOf(double, healthy, 0.01)).toBeCloseTo(12 * Math.LN2 - 6, 10);
    const errors = { ...silence, fault: "error_step", kind: "error", rateFactor: 1 } as const;
    expect(natsOf(errors, healthy, 0.5)).toBeCloseTo(6 * 0.5 * Math.log(50 / 1.98), 10);
    expect(natsOf(errors, healthy, 0.01)).toBe(0);
    const slow = {
      ...silence,
      fault: "latency_shift",
      kind: "latency",
      rateFactor: 1,
      latencyFactor: Math.E,
    } as const;
    expect(natsOf(slow, healthy, 0.01)).toBe(12);
  });
});
