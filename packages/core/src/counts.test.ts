import { describe, expect, test } from "vitest";
import { CountDeltas, STEP_MS, stepStartOf } from "./counts.ts";
import { LevelIndex } from "./level.ts";

/** Every cell as one line, in the order first met. */
function cellsOf(deltas: CountDeltas): string[] {
  return Array.from({ length: deltas.length }, (_, cell) => {
    const { slot, stepStartMs, newestMs, records, warns, errors, fatals } = deltas;
    const numbers = [slot, stepStartMs, newestMs, records, warns, errors, fatals];
    return numbers.map((column) => column[cell]).join(" ");
  });
}

test("steps are half-open and aligned to the epoch, before it too", () => {
  const starts = [0, STEP_MS - 1, STEP_MS, -1, -STEP_MS, -STEP_MS - 1].map(stepStartOf);
  expect(starts).toEqual([0, 0, STEP_MS, -STEP_MS, -STEP_MS, -2 * STEP_MS]);
});

describe("what a record adds", () => {
  test("levels: errors hold the fatals, warnings stand alone, all are records", () => {
    const deltas = new CountDeltas();
    for (const level of Object.values(LevelIndex)) deltas.add(3, 5, level, Number.NaN);
    expect(cellsOf(deltas)).toEqual(["3 0 5 6 1 2 1"]);
    deltas.add(3, 4, LevelIndex.error, Number.NaN, 10);
    expect(cellsOf(deltas)).toEqual(["3 0 5 16 1 12 1"]);
  });

  test("latency: sums of the logarithm, weighted; 0 counts as the least, NaN not at all", () => {
    const deltas = new CountDeltas();
    deltas.add(0, 0, LevelIndex.info, Math.E, 2);
    deltas.add(0, 0, LevelIndex.info, Number.NaN);
    expect(deltas.latencyCount[0]).toBe(2);
    expect(deltas.latencyLogSum[0]).toBeCloseTo(2, 12);
    expect(deltas.latencyLogSquaredSum[0]).toBeCloseTo(2, 12);
    deltas.add(0, 0, LevelIndex.info, 0);
    expect(deltas.latencyCount[0]).toBe(3);
    expect(deltas.latencyLogSum[0]).toBeCloseTo(2 + Math.log(0.001), 12);
  });
});

test("against a map, over growth and clear", () => {
  const deltas = new CountDeltas();
  let turn = 7; // Fixed seed: 7.
  for (let round = 0; round < 3; round += 1) {
    const model = new Map<string, number>();
    for (let record = 0; record < 20_000; record += 1) {
      turn = (Math.imul(turn, 1_103_515_245) + 12_345) & 0x7fffffff;
      const slot = turn % 97;
      const timestampMs = (turn >> 8) % 600_000;
      expect(deltas.add(slot, timestampMs, LevelIndex.info, Number.NaN)).toBe(true);
      const key = `${slot} ${stepStartOf(timestampMs)}`;
      model.set(key, (model.get(key) ?? 0) + 1);
    }
    expect(deltas.length).toBe(model.size);
    for (let cell = 0; cell < deltas.length; cell += 1) {
      const key = `${deltas.slot[cell]} ${deltas.stepStartMs[cell]}`;
      expect(deltas.records[cell]).toBe(model.get(key));
      expect(deltas.errors[cell]).toBe(0);
    }
    deltas.clear();
    expect(deltas.length).toBe(0);
  }
});

test("at cellsMax a known cell still counts; a new one is refused and changes nothing", () => {
  const deltas = new CountDeltas({ cellsMax: 2 });
  expect(deltas.add(1, 0, LevelIndex.info, 1)).toBe(true);
  expect(deltas.add(2, 0, LevelIndex.info, 1)).toBe(true);
  const before = cellsOf(deltas);
  expect(deltas.add(3, 0, LevelIndex.error, 1)).toBe(false);
  expect(deltas.add(1, STEP_MS, LevelIndex.error, 1)).toBe(false);
  expect(cellsOf(deltas)).toEqual(before);
  expect(deltas.add(1, 0, LevelIndex.info, 1)).toBe(true);
  expect(deltas.records[0]).toBe(2);
});
