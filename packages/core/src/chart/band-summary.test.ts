import { expect, test } from "vitest";
import type { BandPoint } from "./band-chart.ts";
import { bandSummary } from "./band-summary.ts";

function point(value: number | null, band: Partial<BandPoint> = {}): BandPoint {
  return { startMs: 0, value, expected: 10, low: 5, high: 15, ...band };
}

test("a summary says the newest, what was expected, the extremes and what lies outside", () => {
  const points = [point(12), point(40), point(null), point(3)];
  expect(bandSummary({ points, unit: "records_per_minute" })).toBe(
    "Newest 3/min, 10/min expected (5/min to 15/min). Lowest 3/min, highest 40/min. 2 of 3 outside the band.",
  );
});

test("what is not known is left out, and nothing is ever NaN", () => {
  const bare = { expected: null, low: null, high: null };
  expect(bandSummary({ points: [point(1, bare)], unit: "number" })).toBe(
    "Newest 1. Lowest 1, highest 1.",
  );
  expect(bandSummary({ points: [point(1, { expected: null })], unit: "number" })).toContain(
    "Newest 1, 5 to 15 expected.",
  );
  for (const points of [[], [point(null)], [point(Number.NaN)]]) {
    expect(bandSummary({ points, unit: "share" })).toBe("No data.");
  }
  const odd = [Number.NaN, Number.POSITIVE_INFINITY, 1e308, -1, 0];
  for (const value of odd) {
    const points = [point(value, { low: value, high: value, expected: value }), point(2)];
    expect(bandSummary({ points, unit: "milliseconds" })).not.toMatch(/NaN|Infinity|undefined/);
  }
});
