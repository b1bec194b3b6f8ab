import { describe, expect, test } from "vitest";
import { MetricDetector } from "./metric-detector.ts";

const START_MS = Date.UTC(2026, 0, 5);
const FIVE_MINUTES_MS = 300_000;
const DAY_ROWS = 288;

/** 10 nats: noise gets there about once in 5,000 rows. */
const ALERT = 0.5;

function scoresOf(values: readonly number[], detector = new MetricDetector()): number[] {
  return values.map((value, row) => detector.score(START_MS + row * FIVE_MINUTES_MS, value));
}

/** Uniform noise in [-1, 1), the same each time. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

function alertRows(scores: readonly number[]): number[] {
  return scores.flatMap((score, row) => (score >= ALERT ? [row] : []));
}

describe("what is new is found", () => {
  test("a constant series that steps", () => {
    const scores = scoresOf(Array.from({ length: 2_000 }, (_, row) => (row < 1_500 ? 45 : 46)));
    expect(scores.slice(0, 1_500).every((score) => score === 0)).toBe(true);
    expect(scores[1_500]).toBeGreaterThan(0.4); // One row of another value may be anything.
    expect(scores[1_501]).toBeGreaterThan(ALERT);
    expect(alertRows(scores).length).toBeLessThanOrEqual(6);
  });

  test("a spike in noise", () => {
    const random = noise(7);
    const scores = scoresOf(
      Array.from({ length: 2_500 }, (_, row) => 50 + random() + (row === 2_000 ? 40 : 0)),
    );
    expect(scores[2_000]).toBeGreaterThan(ALERT);
    expect(Math.max(...scores.slice(300))).toBe(scores[2_000]);
    expect(alertRows(scores.slice(2_001))).toEqual([]);
  });

  test("one broken reading, a million times too large, has no echo", () => {
    const random = noise(16);
    const scores = scoresOf(
      Array.from({ length: 3_500 }, (_, row) => (row === 3_000 ? 1e6 : random())),
    );
    expect(alertRows(scores.slice(2_900))).toEqual([100]);
  });

  test("a shift of the level that lasts is one event, not one a row", () => {
    const random = noise(8);
    const scores = scoresOf(
      Array.from({ length: 3_500 }, (_, row) => 50 + random() + (row >= 2_000 ? 12 : 0)),
    );
    const alerts = alertRows(scores.slice(1_000)).map((row) => row + 1_000);
    expect(alerts[0]).toBe(2_000);
    expect(alerts.length).toBeLessThanOrEqual(4);
  });

  test("a noisy series that falls flat", () => {
    const random = noise(9);
    const scores = scoresOf(
      Array.from({ length: 3_000 }, (_, row) => (row < 2_500 ? 50 + 5 * random() : 50)),
    );
    expect(Math.max(...scores.slice(2_500, 2_600))).toBeGreaterThan(
      Math.max(...scores.slice(1_000, 2_500)),
    );
  });

  test("a day that does not come, though each of its values is usual", () => {
    const random = noise(10);
    const missingDay = 12;
    const scores = scoresOf(
      Array.from({ length: 14 * DAY_ROWS }, (_, row) => {
        const isMissing = Math.floor(row / DAY_ROWS) === missingDay;
        const hill = Math.sin((Math.PI * (row % DAY_ROWS)) / DAY_ROWS) ** 2;
        return 20 + (isMissing ? 0 : 60 * hill) + 2 * random();
      }),
    );
    const ordinary = scores.slice(3 * DAY_ROWS, missingDay * DAY_ROWS);
    const missing = scores.slice(missingDay * DAY_ROWS, (missingDay + 1) * DAY_ROWS);
    expect(Math.max(...missing)).toBeGreaterThan(Math.max(...ordinary));
    expect(Math.max(...missing)).toBeGreaterThan(ALERT);
  });
});

describe("what is not new is left alone", () => {
  test("noise alone gets there at most five times in 10,000 rows", () => {
    const random = noise(11);
    const scores = scoresOf(Array.from({ length: 10_750 }, () => 100 + random() + random()));
    expect(alertRows(scores.slice(750)).length).toBeLessThanOrEqual(5);
  });

  test("the unit of measure does not matter", () => {
    const random = noise(12);
    const values = Array.from({ length: 1_500 }, (_, row) => 30 + random() + (row > 1_200 ? 9 : 0));
    const base = scoresOf(values);
    for (const unit of [2 ** -200, 2 ** 40, 2 ** 300]) {
      expect(scoresOf(values.map((value) => value * unit))).toEqual(base);
    }
  });

  test("1e9 ± 1 is judged as 0 ± 1", () => {
    const values = Array.from({ length: 1_500 }, (_, row) => (row === 1_400 ? 40 : (row % 3) - 1));
    const near = scoresOf(values);
    const far = scoresOf(values.map((value) => value + 1e9));
    expect(far[1_400]).toBeGreaterThan(ALERT);
    for (const [row, score] of far.entries()) expect(score).toBeCloseTo(near[row] ?? Number.NaN, 3);
  });
});

describe("odd rows", () => {
  test("the first 50 rows are learned only", () => {
    const values = Array.from({ length: 51 }, (_, row) =>
      row === 49 || row === 50 ? 10 ** row : 1,
    );
    const scores = scoresOf(values);
    expect(scores.slice(0, 50).every((score) => score === 0)).toBe(true);
    expect(scores[50]).toBeGreaterThan(0);
  });

  test("a missing value scores 0 and leaves no trace", () => {
    const random = noise(13);
    const values = Array.from({ length: 600 }, () => 10 + random());
    const plain = scoresOf(values);
    const detector = new MetricDetector();
    const holed = values.map((value, row) => {
      const timestampMs = START_MS + row * FIVE_MINUTES_MS;
      for (const missing of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        expect(detector.score(timestampMs, missing)).toBe(0);
      }
      return detector.score(timestampMs, value);
    });
    expect(holed).toEqual(plain);
  });

  test("the largest doubles there are: finite scores, and life goes on", () => {
    const random = noise(14);
    const values = Array.from({ length: 3_000 }, (_, row) => {
      if (row === 700) return Number.MAX_VALUE;
      if (row === 900) return -Number.MAX_VALUE;
      return random() + (row === 2_900 ? 50 : 0);
    });
    const scores = scoresOf(values);
    expect(scores.every((score) => score >= 0 && score <= 1)).toBe(true);
    expect(scores[700]).toBeGreaterThan(ALERT);
    expect(scores[2_900]).toBeGreaterThan(0.4);
  });

  test("times that stand still, jump back or cannot be read", () => {
    const random = noise(15);
    const detector = new MetricDetector();
    const times = [START_MS, START_MS, Number.NaN, -1e15, 8.64e15, START_MS];
    for (let row = 0; row < 1_200; row += 1) {
      const score = detector.score(times[row % times.length] ?? 0, random());
      expect(score >= 0 && score <= 1).toBe(true);
    }
  });
});
