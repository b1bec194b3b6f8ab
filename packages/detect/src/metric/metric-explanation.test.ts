import { describe, expect, test } from "vitest";
import { notFinite } from "../feed.test-helper.ts";
import { MetricDetector, surpriseOf } from "./metric-detector.ts";
import type { MetricExplanation } from "./metric-explanation.ts";

const START_MS = Date.UTC(2026, 0, 5);
const FIVE_MINUTES_MS = 300_000;
const DAY_ROWS = 288;

/** What is said of each of the last values. */
function sentences(before: readonly number[], values: readonly number[]): string[] {
  const detector = new MetricDetector();
  const said: string[] = [];
  for (const [row, value] of [...before, ...values].entries()) {
    detector.score(START_MS + row * FIVE_MINUTES_MS, value);
    if (row >= before.length) said.push(detector.explain()?.sentence ?? "");
  }
  return said;
}

/** What is said of the last value. */
function explained(values: readonly number[]): MetricExplanation {
  const detector = new MetricDetector();
  for (const [row, value] of values.entries())
    detector.score(START_MS + row * FIVE_MINUTES_MS, value);
  const explanation = detector.explain();
  if (explanation === null) throw new Error("nothing to explain");
  expect(notFinite(explanation)).toEqual([]);
  return explanation;
}

/** Triangular noise in (-2, 2), the same each time. */
function noise(): () => number {
  let state = 5;
  const uniform = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  return () => uniform() + uniform();
}

describe("what a row was compared with", () => {
  const random = noise();
  const calm = Array.from({ length: 2_000 }, () => 120 + 5 * random());

  test("a spike: the value, what is usual, and by how much it is not", () => {
    const said = explained([...calm, 812]);
    expect(said).toMatchObject({ observed: 812, sampleSize: 2_000 });
    expect(said.expected).toBeGreaterThan(110);
    expect(said.expected).toBeLessThan(130);
    expect(said.expectedLow).toBeGreaterThan(100);
    expect(said.expectedHigh).toBeLessThan(140);
    expect(said.ratio).toBeCloseTo(812 / said.expected);
    expect(said.rateOfChange).toBeCloseTo(Math.log(812 / (calm.at(-1) ?? 0)));
    expect(said.z).toBeGreaterThan(50);
    expect(said.ewma).toBeCloseTo(120, -1);
    expect(said.surpriseNats).toBeGreaterThan(10);
    expect(said.sentence).toMatch(/^value 812(,| right after) /);
  });

  test("the band holds about 95 % of what comes", () => {
    const detector = new MetricDetector();
    let inside = 0;
    for (const [row, value] of calm.entries()) {
      detector.score(START_MS + row * FIVE_MINUTES_MS, value);
      const said = detector.band();
      if (row < 1_000 || said === null) continue;
      if (value >= said.expectedLow && value <= said.expectedHigh) inside += 1;
    }
    expect(inside / 1_000).toBeGreaterThan(0.93);
  });

  test("a constant line that moves says what it was", () => {
    const said = explained([...Array.from({ length: 500 }, () => 45), 46]);
    expect(said).toMatchObject({ observed: 46, expected: 45, expectedLow: 45, expectedHigh: 45 });
    expect(said.sentence).toContain("45");
    expect(said.z).not.toBeNull();
  });

  test("a line that falls flat, a level that creeps: the spread and the mean are named", () => {
    const flat = explained([...calm, ...Array.from({ length: 45 }, () => 120)]);
    expect(flat.sentence).toMatch(/^value 120: varies 0(\.\d+)?× as much as usual/);
    const random2 = noise();
    const crept = Array.from({ length: 40 }, (_, row) => 120 + row * 0.3 + 5 * random2());
    const names = sentences(calm, crept);
    expect(names.some((sentence) => sentence.includes("the last rows are at"))).toBe(true);
  });

  test("an hour that is unusual for its time of day is said to be", () => {
    const random3 = noise();
    const days = Array.from({ length: 10 * DAY_ROWS }, (_, row) => {
      const isDay = row % DAY_ROWS >= 100 && row % DAY_ROWS < 200;
      return (isDay ? 400 : 100) + 5 * random3();
    });
    const quiet = Array.from({ length: 120 }, () => 100 + 5 * random3());
    const said = sentences(days, quiet);
    expect(said.slice(102)).toContainEqual(expect.stringContaining("at this time of day"));
  });
});

test("what was never negative is not expected to be", () => {
  const bursts = Array.from({ length: 600 }, (_, row) => (row % 7 === 0 ? 100 + row : row % 3));
  expect(explained(bursts).expectedLow).toBeGreaterThanOrEqual(0);
  expect(explained([-1, ...bursts]).expectedLow).toBeLessThan(0);
});

test("nothing is explained while rows are learned only", () => {
  const detector = new MetricDetector();
  for (let row = 0; row < 51; row += 1) {
    expect([detector.explain(), detector.band()]).toEqual([null, null]);
    detector.score(START_MS + row * FIVE_MINUTES_MS, row % 3);
  }
  expect(detector.explain()).not.toBeNull();
});

test("the largest doubles there are: every number finite", () => {
  const far = Array.from({ length: 300 }, (_, row) => (row % 2 === 0 ? 1 : -1) * Number.MAX_VALUE);
  expect(notFinite(explained(far))).toEqual([]);
  expect(notFinite(explained([...Array.from({ length: 100 }, () => 5e-324), 0]))).toEqual([]);
});

test("surprise and score are two names of one thing", () => {
  expect(surpriseOf(0)).toBe(0);
  expect(surpriseOf(0.5)).toBe(10);
});
