import { expect, test } from "vitest";
import { TailHistogram } from "./tail-histogram.ts";

test("surprise is −ln of the share of rows at least as large, of the same sign", () => {
  const histogram = new TailHistogram();
  for (let row = 0; row < 1_000; row += 1) histogram.learn(row % 10 === 0 ? 16 : 1);
  expect(histogram.surprise(10)).toBeCloseTo(-Math.log(0.1), 1);
  expect(histogram.surprise(-1)).toBeGreaterThan(6); // Never was negative.
  expect(histogram.surprise(0)).toBe(0);
});

test("beyond what was ever seen, more is more surprising, and finite", () => {
  const histogram = new TailHistogram();
  for (let row = 0; row < 500; row += 1) histogram.learn(1);
  const surprises = [2, 4, 100, 1e6, 1e100, Number.MAX_VALUE].map((residual) =>
    histogram.surprise(residual),
  );
  expect(surprises.every(Number.isFinite)).toBe(true);
  expect(surprises).toEqual([...surprises].sort((a, b) => a - b));
  expect(new Set(surprises.slice(0, 4)).size).toBe(4);
});

test("old rows fade: what was usual long ago is a surprise again", () => {
  const histogram = new TailHistogram();
  for (let row = 0; row < 200; row += 1) histogram.learn(64);
  const soon = histogram.surprise(64);
  for (let row = 0; row < 90_000; row += 1) histogram.learn(1); // The weights are divided on the way.
  expect(soon).toBeLessThan(0.1);
  expect(histogram.surprise(64)).toBeGreaterThan(8);
  expect(histogram.surprise(0.5)).toBeLessThan(0.01);
});

test("the bins follow the scale, up and down", () => {
  for (const factor of [2 ** 60, 2 ** -60]) {
    const histogram = new TailHistogram();
    for (let row = 0; row < 3_000; row += 1) histogram.learn(1 + (row % 4));
    for (let row = 0; row < 150_000; row += 1) histogram.learn((1 + (row % 4)) * factor);
    expect(histogram.surprise(0.9 * factor)).toBeLessThan(0.05);
    expect(histogram.surprise(3.9 * factor)).toBeCloseTo(-Math.log(0.25), 0);
    expect(histogram.surprise(40 * factor)).toBeGreaterThan(7);
  }
});

test("magnitudeAt: what a share of the rows exceeds, by sign and without the newest", () => {
  const histogram = new TailHistogram();
  expect(histogram.magnitudeAt(0.025, 1, 0)).toBe(0);
  for (let row = 1; row <= 1_000; row += 1) histogram.learn(row % 2 === 0 ? row : -row / 10);
  const above = histogram.magnitudeAt(0.025, 1, 0);
  const below = histogram.magnitudeAt(0.025, -1, 0);
  // 25 of 1,000 rows lie beyond 950 and -95; a bin is a third wide.
  expect(above).toBeGreaterThan(940);
  expect(above).toBeLessThan(1_400);
  expect(below).toBeGreaterThan(94);
  expect(below).toBeLessThan(140);
  expect(histogram.magnitudeAt(0.9, 1, 0)).toBe(0); // Half of the rows are on that side.
  histogram.learn(1e9);
  expect(histogram.magnitudeAt(0, 1, 1e9)).toBeLessThan(1_400);
  expect(histogram.magnitudeAt(0, 1, 0)).toBeGreaterThan(1e8);
});
