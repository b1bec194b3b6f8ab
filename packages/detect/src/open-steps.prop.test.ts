import fc from "fast-check";
import { expect, test } from "vitest";
import { emptyStep, noCounts, OpenSteps } from "./open-steps.ts";

const action = fc.record({
  kind: fc.constantFrom("add", "add", "foreign", "take", "release"),
  slot: fc.integer({ min: 0, max: 6 }),
  step: fc.integer({ min: -3, max: 40 }),
  records: fc.integer({ min: 1, max: 9 }),
  latencyLogSum: fc.integer({ min: -60, max: 60 }), // Below a millisecond it is less than 0.
});

const CELLS_MAX = 60;
const NOTHING = { records: 0, foreign: 0, foreignErrors: 0, latencyCount: 0, latencyLogSum: 0 };

interface Cell {
  records: number;
  foreign: number;
  foreignErrors: number;
  latencyCount: number;
  latencyLogSum: number;
}

test("open steps behave as a bounded map of (slot, step)", () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 400 }), (actions) => {
      const open = new OpenSteps(CELLS_MAX);
      const model = new Map<string, Cell>();
      const counts = emptyStep();
      for (const { kind, slot, step, records, latencyLogSum } of actions) {
        const key = `${slot}/${step}`;
        if (kind === "add") {
          const fits = model.has(key) || model.size < CELLS_MAX;
          const latencyCount = latencyLogSum === 0 ? 0 : records;
          const added = { ...noCounts(), records, errors: 1, latencyCount, latencyLogSum };
          expect(open.add(slot, step, added)).toBe(fits);
          const cell = model.get(key) ?? { ...NOTHING };
          if (fits) model.set(key, cell);
          cell.records += records;
          cell.latencyCount += latencyCount;
          cell.latencyLogSum += latencyLogSum;
        } else if (kind === "foreign") {
          const fits = model.has(key) || model.size < CELLS_MAX;
          expect(open.addForeign(slot, step, { ...noCounts(), records, errors: 1 })).toBe(fits);
          const cell = model.get(key) ?? { ...NOTHING };
          if (fits) model.set(key, cell);
          cell.foreign += records;
          cell.foreignErrors += 1;
        } else if (kind === "take") {
          open.take(slot, step, counts);
          const cell = model.get(key) ?? { ...NOTHING };
          expect(counts).toMatchObject(cell);
          model.delete(key);
        } else {
          open.release(slot);
          for (const each of [...model.keys()]) if (each.startsWith(`${slot}/`)) model.delete(each);
        }
        expect(open.length).toBe(model.size);
        const steps = [...model.keys()]
          .filter((each) => each.startsWith(`${slot}/`))
          .map((each) => Number(each.split("/")[1]));
        expect(open.has(slot)).toBe(steps.length > 0);
        expect(open.earliest(slot)).toBe(steps.length === 0 ? null : Math.min(...steps));
      }
    }),
    { seed: 7, numRuns: 100 },
  );
});

test("the pool grows past its first size and finds every cell again", () => {
  const open = new OpenSteps(10_000);
  for (let at = 0; at < 5_000; at += 1)
    expect(open.add(at % 50, at, { ...noCounts(), records: at })).toBe(true);
  const counts = emptyStep();
  for (let at = 0; at < 5_000; at += 1) {
    open.take(at % 50, at, counts);
    expect(counts.records).toBe(at);
  }
  expect(open.length).toBe(0);
});
