import { describe, expect, test } from "vitest";
import { Random } from "./random.ts";

const DRAWS = 40_000;

/** Mean, variance and skewness of many draws. */
function momentsOf(draw: () => number): { mean: number; variance: number; skewness: number } {
  const values = Array.from({ length: DRAWS }, draw);
  const mean = values.reduce((sum, each) => sum + each, 0) / DRAWS;
  const central = (power: number) =>
    values.reduce((sum, each) => sum + (each - mean) ** power, 0) / DRAWS;
  const variance = central(2);
  return { mean, variance, skewness: central(3) / variance ** 1.5 };
}

describe("random", () => {
  test("the same name gives the same numbers, another name others", () => {
    const first = (name: string) => {
      const random = new Random(name);
      return Array.from({ length: 8 }, () => random.uniform());
    };
    expect(first("a/low-0")).toEqual(first("a/low-0"));
    expect(first("a/low-0")).not.toEqual(first("a/low-1"));
    expect(new Set([...first("a/low-0"), ...first("a/low-1")]).size).toBe(16);
  });

  // Mean, variance and third central moment of a Poisson variable are all its mean; 16 is where the method changes.
  test.each([0.05, 1, 12, 15.9, 16.1, 40, 500])("poisson of mean %s", (mean) => {
    const random = new Random(`poisson/${mean}`);
    const found = momentsOf(() => random.poisson(mean));
    expect(Math.abs(found.mean - mean)).toBeLessThan(4 * Math.sqrt(mean / DRAWS));
    const spread = Math.sqrt((2 * mean ** 2 + mean) / DRAWS);
    expect(Math.abs(found.variance - mean)).toBeLessThan(4 * spread);
    if (mean >= 1) expect(Math.abs(found.skewness - mean ** -0.5)).toBeLessThan(0.07);
  });

  test("poisson of mean 20: the chance of each count", () => {
    const random = new Random("poisson");
    const counts = new Map<number, number>();
    for (let draw = 0; draw < DRAWS; draw += 1) {
      const count = random.poisson(20);
      counts.set(count, (counts.get(count) ?? 0) + 1);
    }
    let chance = Math.exp(-20);
    let surprise = 0;
    let cells = 0;
    for (let count = 0; count < 60; count += 1) {
      const expected = DRAWS * chance;
      if (expected >= 10) {
        surprise += ((counts.get(count) ?? 0) - expected) ** 2 / expected;
        cells += 1;
      }
      chance *= 20 / (count + 1);
    }
    expect(cells).toBeGreaterThan(25);
    expect(surprise).toBeLessThan(cells + 4 * Math.sqrt(2 * cells)); // Chi-squared.
  });

  test("poisson of nothing is nothing", () => {
    const random = new Random("nothing");
    expect(random.poisson(0)).toBe(0);
  });

  test("normal, gamma and exponential have the moments they should", () => {
    const random = new Random("moments");
    const normal = momentsOf(() => random.normal());
    expect(normal.mean).toBeCloseTo(0, 1);
    expect(normal.variance).toBeCloseTo(1, 1);
    const gamma = momentsOf(() => random.gamma(40) / 40);
    expect(gamma.mean).toBeCloseTo(1, 2);
    expect(gamma.variance * 40).toBeCloseTo(1, 1);
    const exponential = momentsOf(() => random.exponential(3));
    expect(exponential.mean / 3).toBeCloseTo(1, 1);
    expect(exponential.skewness).toBeCloseTo(2, 0);
  });

  test("half of a Pareto variable of shape 1.5 lies beyond 1.59 times the least", () => {
    const random = new Random("pareto");
    const values = Array.from({ length: DRAWS }, () => random.pareto(1.5, 2));
    expect(Math.min(...values)).toBeGreaterThanOrEqual(2);
    const beyond = values.filter((each) => each > 2 * 2 ** (1 / 1.5)).length;
    expect(beyond / DRAWS).toBeCloseTo(0.5, 1);
  });
});
