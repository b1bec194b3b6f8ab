import fc from "fast-check";
import { expect, test } from "vitest";
import { MetricDetector } from "./metric-detector.ts";

/** Any double at all, and the few values that real series are made of. */
const value = fc.oneof(
  fc.double(),
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(0, -0, 5e-324, Number.MAX_VALUE, -Number.MAX_VALUE),
);
const row = fc.tuple(fc.oneof(fc.integer({ min: 0, max: 600_000 }), fc.double()), value);
const rows = fc.array(row, { maxLength: 250 });
type Rows = [number, number][];

function scoresOf(given: Rows): number[] {
  const detector = new MetricDetector();
  let timestampMs = 0;
  return given.map(([elapsedMs, metric]) => {
    timestampMs += elapsedMs;
    return detector.score(timestampMs, metric);
  });
}

test("whatever comes, every score is in [0, 1]", () => {
  fc.assert(
    fc.property(rows, (given) => {
      const outside = scoresOf(given).filter((score) => !(score >= 0 && score <= 1));
      expect(outside).toEqual([]);
    }),
    { seed: 41, numRuns: 300 },
  );
});

test("a score depends on its row and those before it", () => {
  fc.assert(
    fc.property(rows, fc.nat(), rows, (given, cut, other) => {
      const kept = given.slice(0, given.length === 0 ? 0 : cut % given.length);
      const scores = scoresOf(given).slice(0, kept.length);
      expect(scoresOf([...kept, ...other]).slice(0, kept.length)).toEqual(scores);
    }),
    { seed: 42, numRuns: 150 },
  );
});
