import { CountDeltas, STEP_MS } from "@tracer/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Detector } from "./detector.ts";
import { NOON_MS, notFinite } from "./feed.test-helper.ts";
import { RULES } from "./options.ts";
import type { Transition } from "./transition.ts";

const SLOTS = 3;

/** A minute or so of one service: what arrives and how long after its time. */
const record = fc.record({
  slot: fc.integer({ min: 0, max: SLOTS - 1 }),
  offsetMs: fc.integer({ min: -20_000, max: 70_000 }),
  level: fc.integer({ min: 2, max: 5 }),
  count: fc.integer({ min: 1, max: 400 }),
});
const batches = fc.array(fc.array(record, { maxLength: 12 }), { minLength: 1, maxLength: 60 });
type Batches = { slot: number; offsetMs: number; level: number; count: number }[][];

interface Run {
  readonly transitions: Transition[];
  readonly late: number;
  readonly detector: Detector;
}

/** Half an hour of plain traffic, then the batches a minute apart, with a tick after each. */
function run(given: Batches, arrange: (batch: Batches[number]) => Batches): Run {
  const detector = new Detector({ rules: RULES });
  const transitions: Transition[] = [];
  let late = 0;
  const deltas = new CountDeltas();
  for (let at = 0; at < 180; at += 1) {
    deltas.clear();
    for (let slot = 0; slot < SLOTS; slot += 1) {
      deltas.add(slot, NOON_MS + at * STEP_MS, 2, Number.NaN, 10 + ((at * (slot + 3)) % 7));
    }
    detector.observe(deltas, NOON_MS + at * STEP_MS);
    detector.tick(NOON_MS + at * STEP_MS);
  }
  given.forEach((batch, index) => {
    const nowMs = NOON_MS + 30 * 60_000 + index * 60_000;
    for (const part of arrange(batch)) {
      deltas.clear();
      for (const { slot, offsetMs, level, count } of part) {
        deltas.add(slot, nowMs + offsetMs, level, Number.NaN, count);
      }
      late += detector.observe(deltas, nowMs + 60_000).late;
    }
    detector.tick(nowMs + 61_000);
    transitions.push(...detector.takeTransitions());
  });
  return { transitions, late, detector };
}

const settings = { seed: 20_260_105, numRuns: 60 };

test("the order within a batch does not matter", () => {
  fc.assert(
    fc.property(batches, (given) => {
      const forwards = run(given, (batch) => [batch]);
      const backwards = run(given, (batch) => [batch.toReversed()]);
      expect(backwards.transitions).toEqual(forwards.transitions);
      expect(backwards.late).toBe(forwards.late);
    }),
    settings,
  );
});

test("a batch split by service, with the same receipt, gives the same decisions", () => {
  fc.assert(
    fc.property(batches, (given) => {
      const whole = run(given, (batch) => [batch]);
      const split = run(given, (batch) =>
        Array.from({ length: SLOTS }, (_, slot) => batch.filter((each) => each.slot === slot)),
      );
      const pick = ({ transitions }: Run) =>
        transitions
          .map(({ state, signal }) => [state, signal.slot, signal.kind, signal.part])
          .sort();
      expect(pick(split)).toEqual(pick(whole));
      expect(split.late).toBe(whole.late);
    }),
    settings,
  );
});

test("every number in every signal is finite or null, every sentence plain, and runs repeat exactly", () => {
  let signals = 0;
  fc.assert(
    fc.property(batches, (given) => {
      const one = run(given, (batch) => [batch]);
      const two = run(given, (batch) => [batch]);
      const slots = Array.from({ length: SLOTS }, (_, slot) => slot);
      const shown = [
        one.transitions,
        one.detector.openSignals(),
        slots.map((slot) => one.detector.explain(slot)),
        slots.map((slot) => one.detector.bucketsOf(slot, 60)),
      ];
      expect(notFinite(shown)).toEqual([]);
      for (const { signal } of one.transitions) {
        expect(signal.onsetMs).toBeLessThan(signal.decidedMs);
        expect(signal.decidedMs).toBeLessThanOrEqual(signal.lastStepMs);
        expect(signal.peak).toBeGreaterThanOrEqual(0);
      }
      expect(two.transitions).toEqual(one.transitions);
      signals += one.transitions.length;
    }),
    settings,
  );
  expect(signals).toBeGreaterThan(100); // A run that finds nothing would prove nothing.
});
