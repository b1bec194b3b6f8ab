import { describe, expect, test } from "vitest";
import { METRIC_LEARNING_STEPS, METRIC_STEP_MS, MetricBook } from "./metric-book.ts";

const START_MS = Date.parse("2026-06-01T00:00:00Z");
const KEY = { project: "default", environment: "", service: "shop" };
const DAY_STEPS = 288;

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Nearly normal: mean 0, deviation 1. */
function noise(random: () => number): number {
  let sum = -6;
  for (let each = 0; each < 12; each += 1) sum += random();
  return sum;
}

type Shape = (random: () => number, step: number) => number;
const wave = (step: number) => Math.sin((2 * Math.PI * step) / DAY_STEPS);
const SHAPES: [string, Shape][] = [
  ["constant", () => 42],
  ["counter's rate", (random) => 20 + 0.3 * noise(random)],
  ["daily wave", (random, step) => 100 + 60 * wave(step) + 3 * noise(random)],
  ["spiky", (random) => (random() < 0.05 ? 10 + 20 * random() : 10) + noise(random)],
];

/** Feeds a value a step and tells what opened and ended, by step. */
function told(values: readonly number[], book = new MetricBook({ seriesMax: 1 })) {
  const events: string[] = [];
  for (const [step, value] of [...values, 0].entries()) {
    const timeMs = START_MS + step * METRIC_STEP_MS;
    book.add(KEY, "load", timeMs, value, timeMs);
    for (const { state, reason, signal } of book.takeTransitions()) {
      events.push(`${state} ${reason} ${(signal.onsetMs - START_MS) / METRIC_STEP_MS}`);
    }
  }
  return events;
}

function valuesOf(shape: Shape, steps: number): number[] {
  const random = seeded(7);
  return Array.from({ length: steps }, (_, step) => shape(random, step));
}

describe.each(SHAPES)("%s", (_name, shape) => {
  const steady = valuesOf(shape, 14 * DAY_STEPS);

  test("two steady weeks: nothing", () => {
    expect(told(steady)).toEqual([]);
  });

  test("a spike of one step opens, and ends when it is over", () => {
    const onset = 9 * DAY_STEPS + 100;
    const values = steady
      .slice(0, onset + 20)
      .map((value, step) => (step === onset ? value * 10 : value));
    expect(told(values)).toEqual([`opened evidence ${onset}`, `resolved evidence ${onset}`]);
  });

  test("a level far above stays open for six hours, then is the new normal", () => {
    const onset = 9 * DAY_STEPS;
    const values = steady.map((value, step) => (step >= onset ? value * 4 + 60 : value));
    const [opened = "", ...later] = told(values.slice(0, onset + 80));
    expect(opened).toMatch(/^opened evidence/);
    expect(Number(opened.split(" ")[2]) - onset).toBeLessThan(3);
    expect(later.slice(0, 1)).toEqual([opened.replace("opened evidence", "resolved accepted")]);
  });
});

test("the first METRIC_LEARNING_STEPS are learned only", () => {
  const opensAt = (step: number) => told([...valuesOf(() => 42, step), 4_200]).length > 0;
  expect(opensAt(METRIC_LEARNING_STEPS - 1)).toBe(false);
  expect(opensAt(METRIC_LEARNING_STEPS)).toBe(true);
});

test("what it says is complete and finite; severity is warning", () => {
  const book = new MetricBook({ seriesMax: 1 });
  told([...valuesOf(() => 42, 400), 4_200], book);
  const [signal] = book.openSignals();
  expect(signal).toMatchObject({ kind: "metric", part: "load", severity: "warning" });
  expect(book.keyOf(signal?.slot ?? 0)).toEqual(KEY);
  const { observed, expected, expectedLow, expectedHigh, evidence, sentence, sparkline } =
    signal?.evidence ?? {};
  expect({ observed, expected }).toEqual({ observed: 4_200, expected: 42 });
  expect(Number.isFinite(evidence)).toBe(true);
  expect([expectedLow, expectedHigh]).toEqual([42, 42]);
  expect(sentence).toMatch(/usually 42/);
  expect(sparkline?.length).toBeLessThanOrEqual(30);
  expect(JSON.stringify(signal)).not.toMatch(/null.*expected|NaN|Infinity/);
});

test("a series of which nothing is told any more: its signal ends, and later it is forgotten", () => {
  const book = new MetricBook({ seriesMax: 1 });
  told([...valuesOf(() => 42, 400), 4_200], book);
  const lastMs = START_MS + 401 * METRIC_STEP_MS;
  book.tick(lastMs + 1_800_000);
  expect(book.openSignals()).toHaveLength(1);
  book.tick(lastMs + 1_800_001);
  expect(book.takeTransitions()).toMatchObject([{ state: "resolved", reason: "no_records" }]);
  expect(book.size).toBe(1);
  book.tick(lastMs + 172_800_001);
  expect(book.size).toBe(0);
});

test("seriesMax: one more is counted and not held; values that are late or not finite change nothing", () => {
  const book = new MetricBook({ seriesMax: 1 });
  expect(book.add(KEY, "a", START_MS, 1, START_MS)).toBe(true);
  expect(book.add(KEY, "b", START_MS, 1, START_MS)).toBe(false);
  expect([book.size, book.overflowed]).toEqual([1, 1]);
  expect(book.add(KEY, "a", START_MS - METRIC_STEP_MS, 1, START_MS)).toBe(false);
  expect(book.late).toBe(1);
  expect(book.add(KEY, "a", START_MS, Number.NaN, START_MS)).toBe(false);
});
