import { expect, test } from "vitest";
import { MINUTES, MinuteCounts } from "./minute-counts.ts";

const MINUTE_MS = 60_000;

test("counts the minutes that it holds, and no others", () => {
  const counts = new MinuteCounts();
  for (let minute = 0; minute <= MINUTES; minute += 1)
    counts.add(minute * MINUTE_MS + 5, minute + 1);
  expect(counts.sum(0, MINUTE_MS)).toBe(0); // One minute too old.
  expect(counts.sum(MINUTE_MS, 2 * MINUTE_MS)).toBe(2);
  expect(counts.at(MINUTES)).toBe(MINUTES + 1);
  expect(counts.at(MINUTES + 1)).toBe(0);
  counts.add(0, 7);
  expect(counts.sum(0, MINUTE_MS)).toBe(0);
  counts.add(3 * MINUTES * MINUTE_MS, 1);
  expect(counts.entries()).toEqual([[3 * MINUTES, 1]]);
});

test("a minute holds what fits in it", () => {
  const counts = new MinuteCounts();
  counts.add(0, 65_534);
  counts.add(0, 1);
  expect(counts.at(0)).toBe(65_535);
  counts.add(0, 1);
  expect(counts.at(0)).toBe(65_535);
});
