import { describe, expect, test } from "vitest";
import {
  countScore,
  ewmaScore,
  meanAndVariance,
  medianAndSpread,
  rateOfChange,
  robustCountScore,
  robustShareScore,
  shareScore,
} from "./bucket-scores.ts";

describe("countScore", () => {
  test("about (count − λ) ÷ √λ for large counts, less when counts vary more than chance", () => {
    expect(countScore(1_100, 1_000, 1)).toBeCloseTo(3.09, 1);
    expect(countScore(1_100, 1_000, 4)).toBeCloseTo(1.54, 1);
    expect(countScore(0, 25, 1)).toBeLessThan(-8);
  });

  test("uses the exact tail when few are expected: five against 0.5 is 3.7 deviations, not 6.4", () => {
    // P(X > 5) + P(X = 5) ÷ 2 at λ = 0.5 is 9.3e-5.
    expect(countScore(5, 0.5, 1)).toBeCloseTo(3.74, 1);
    expect(countScore(0, 0.5, 1)).toBeCloseTo(-0.52, 1);
  });

  test.each([
    [0, 0],
    [1, 0],
    [1e9, 0],
    [0, 1e9],
    [1_000, 3.9],
    [1_001, 3.9],
  ])("is finite for %s against %s", (count, expected) => {
    expect(Math.abs(countScore(count, expected, 1))).toBeLessThanOrEqual(99);
  });
});

describe("shareScore", () => {
  test("knows how many records a share rests on", () => {
    expect(shareScore(1, 10, 0.02, 1)).toBeCloseTo(1.17, 1); // 10 % of ten is little,
    expect(shareScore(100, 1_000, 0.02, 1)).toBeGreaterThan(15); // 10 % of a thousand a lot.
  });

  test("of nothing is missing, and a past without errors divides by no zero", () => {
    expect(shareScore(0, 0, 0.02, 1)).toBeNull();
    expect(shareScore(5, 10, 0, 1)).toBeLessThan(99);
    expect(shareScore(10, 10, 1, 1)).toBe(0);
  });
});

test("medianAndSpread: an outlier moves neither; of nothing both are 0", () => {
  const calm = [10, 12, 11, 9, 10, 11, 10];
  expect(medianAndSpread(calm)).toEqual({ median: 10, spread: 1.4826 });
  expect(medianAndSpread([...calm.slice(1), 1e9])).toEqual({ median: 11, spread: 1.4826 });
  expect(medianAndSpread([3, 4])).toEqual({ median: 3.5, spread: 0.5 * 1.4826 });
  expect(medianAndSpread([])).toEqual({ median: 0, spread: 0 });
});

describe("robustCountScore", () => {
  test("counts in deviations of the past, and at least in those of chance", () => {
    expect(robustCountScore(160, 100, 20)).toBeCloseTo(3);
    expect(robustCountScore(40, 100, 20)).toBeCloseTo(-3);
    expect(robustCountScore(101, 100, 0)).toBeLessThan(0.1); // A constant past, then one more.
    expect(robustCountScore(200, 100, 0)).toBeGreaterThan(8);
  });

  test("a median of 0 may hide a mean of ln 2: four records are no finding, eight are", () => {
    expect(robustCountScore(4, 0, 0)).toBeLessThan(4);
    expect(robustCountScore(8, 0, 0)).toBeGreaterThan(4);
    expect(robustCountScore(0, 0, 0)).toBe(0);
  });

  test.each([
    [0, 0, 0],
    [1e9, 0, 0],
    [0, 1e9, 0],
    [1e9, 1, 1e-300],
    [7, 7, 1e9],
  ])("is finite and has the sign of the difference for %s against %s", (count, median, spread) => {
    const score = robustCountScore(count, median, spread);
    expect(Math.abs(score)).toBeLessThanOrEqual(99);
    expect(Math.sign(score) * Math.sign(count - median)).toBeGreaterThanOrEqual(0);
  });
});

describe("robustShareScore", () => {
  test("knows how many records a share rests on, and how much shares vary", () => {
    expect(robustShareScore(3, 30, 0, 0)).toBeLessThan(4); // Three of thirty may be chance,
    expect(robustShareScore(100, 1_000, 0.02, 0.001)).toBeGreaterThan(8); // a hundred of a thousand not.
    expect(robustShareScore(100, 1_000, 0.02, 0.04)).toBeCloseTo(2);
  });

  test("where nearly all are errors, the few others are what chance counts", () => {
    expect(robustShareScore(90, 100, 0.99, 0)).toBeLessThan(-4);
    expect(robustShareScore(100, 100, 1, 0)).toBe(0);
    expect(robustShareScore(99, 100, 0.98, 0)).toBeGreaterThanOrEqual(0);
  });

  test("of nothing is missing", () => {
    expect(robustShareScore(0, 0, 0.02, 0)).toBeNull();
  });
});

test("rateOfChange is finite from zero and to zero", () => {
  expect(rateOfChange(0, 0)).toBe(0);
  expect(rateOfChange(99, 0)).toBeCloseTo(Math.log(100));
  expect(rateOfChange(0, 99)).toBeCloseTo(-Math.log(100));
});

test("ewmaScore has a floor under the variance: a constant past does not divide by zero", () => {
  expect(ewmaScore(11, 10, 0, 10)).toBeCloseTo(0.32, 2);
  expect(ewmaScore(10, 10, 0, 0)).toBe(0);
});

test("meanAndVariance: an outlier that left the window leaves no trace", () => {
  const calm = Array.from({ length: 60 }, (_, at) => 1e9 + (at % 3));
  const before = meanAndVariance(calm);
  meanAndVariance([...calm.slice(1), 4e9]);
  expect(meanAndVariance(calm)).toEqual(before);
  expect(before.variance).toBeCloseTo(0.678, 3);
});
