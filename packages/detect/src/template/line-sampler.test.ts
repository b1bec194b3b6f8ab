import { LevelIndex, STEP_MS } from "@tracer/core";
import { expect, test } from "vitest";
import { GRAVE_LINES_PER_STEP_MAX, INFO_LINES_PER_STEP_MAX, LineSampler } from "./line-sampler.ts";

/** What a step of `lines` lines lets pass: how many, and for how many they stand. */
function step(sampler: LineSampler, at: number, lines: number, level: number) {
  let passed = 0;
  let weight = 0;
  for (let line = 0; line < lines; line += 1) {
    const timestampMs = at * STEP_MS + Math.floor((line * STEP_MS) / lines);
    const stands = sampler.weigh(0, timestampMs, level);
    passed += stands > 0 ? 1 : 0;
    weight += stands;
  }
  return { passed, weight };
}

test.each([
  [LevelIndex.info, INFO_LINES_PER_STEP_MAX],
  [LevelIndex.warn, GRAVE_LINES_PER_STEP_MAX],
  [LevelIndex.fatal, GRAVE_LINES_PER_STEP_MAX],
])("level %i: all up to the bound, a share of them beyond", (level, max) => {
  const sampler = new LineSampler();
  expect(step(sampler, 1, max, level)).toEqual({ passed: max, weight: max });
  const first = step(sampler, 2, max * 20, level);
  expect(first.passed).toBeGreaterThan(max);
  expect(first.passed).toBeLessThan(max * 7); // The step before gave no warning.
  const next = step(sampler, 3, max * 20, level);
  expect(next.passed).toBeLessThanOrEqual(max);
  expect(next.weight).toBeGreaterThan(max * 18);
  expect(next.weight).toBeLessThan(max * 22);
});

test("trace and debug never pass; one service takes nothing from another", () => {
  const sampler = new LineSampler();
  expect(sampler.weigh(0, 0, LevelIndex.trace)).toBe(0);
  expect(sampler.weigh(0, 0, LevelIndex.debug)).toBe(0);
  step(sampler, 1, 1_000, LevelIndex.info);
  expect(sampler.weigh(5_000, STEP_MS, LevelIndex.info)).toBe(1);
});

test("a slot that was released begins anew", () => {
  const sampler = new LineSampler();
  step(sampler, 1, 1_000, LevelIndex.info);
  sampler.release(0);
  expect(sampler.saved(0)).toEqual(new LineSampler().saved(0));
});
