import { STEP_MS } from "@tracer/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { StepTime } from "./step-time.ts";

const HOURS = 24;
const HALF_HOUR_MS = 1_800_000;

/** From the year 901 to 3038. */
const steps = fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 });

test("a step lies where Date (UTC) says its first millisecond does", () => {
  const time = new StepTime(); // One for all: what was asked before must not show.
  let negative = 0;
  let weekends = 0;
  fc.assert(
    fc.property(steps, (step) => {
      const date = new Date(step * STEP_MS);
      const weekend = date.getUTCDay() === 0 || date.getUTCDay() === 6;
      const minuteOfDay = date.getUTCHours() * 60 + date.getUTCMinutes();
      const { dayClass, hour, minute, block } = time.at(step);
      expect({ dayClass, hour, minute, block }).toEqual({
        dayClass: weekend ? 1 : 0,
        hour: date.getUTCHours(),
        minute: date.getUTCMinutes(),
        block: Math.floor(minuteOfDay / 5),
      });
      if (step < 0) negative += 1;
      if (weekend) weekends += 1;
    }),
    { seed: 20_260_105, numRuns: 2_000 },
  );
  expect(negative).toBeGreaterThan(500);
  expect(weekends).toBeGreaterThan(300);
});

test("it lies between the middles of two hours, by the share that is gone, and they lie between two more", () => {
  const time = new StepTime();
  fc.assert(
    fc.property(steps, (step) => {
      const { hourFirst, hourBefore, hourAfter, hourLast, share } = time.at(step);
      const middle = new Date(step * STEP_MS - HALF_HOUR_MS);
      expect(hourBefore).toBe(middle.getUTCHours());
      const goneMs = (middle.getUTCMinutes() * 60 + middle.getUTCSeconds()) * 1_000;
      expect(share).toBeCloseTo(goneMs / (2 * HALF_HOUR_MS), 9);
      expect([hourFirst, hourAfter, hourLast]).toEqual(
        [-1, 1, 2].map((by) => (hourBefore + by + HOURS) % HOURS),
      );
    }),
    { seed: 20_260_106, numRuns: 2_000 },
  );
});
