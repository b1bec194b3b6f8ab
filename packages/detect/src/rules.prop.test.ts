import { CountDeltas, LevelIndex } from "@tracer/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Feed, MINUTE, NOON_MS } from "./feed.test-helper.ts";

const WINDOW = 60;

function middle(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? at(half) : (at(half - 1) + at(half)) / 2;
}

/** (x − median) ÷ (1.4826 · MAD), and Anscombe's root for the chance of so many: the lesser of the two. */
function naiveScore(records: number, past: readonly number[]): number {
  const median = middle(past);
  const mad = middle(past.map((value) => Math.abs(value - median)));
  const robust = (records - median) / Math.max(1.4826 * mad, Math.sqrt(median));
  const chance = 2 * (Math.sqrt(records + 3 / 8) - Math.sqrt(median + Math.log(2) + 3 / 8));
  return Math.min(robust, chance);
}

/** When surges open and end, in minutes, by arrays and definitions alone. */
function naiveSurges(levels: readonly number[]): string[] {
  const said: string[] = [];
  let openedAt: number | null = null;
  for (const [minute, records] of levels.entries()) {
    const past = levels.slice(Math.max(0, minute - WINDOW), minute);
    if (past.length < 8) continue;
    const score = naiveScore(records, past);
    if (openedAt === null && score >= 4) {
      openedAt = minute;
      said.push(`opened ${minute}`);
    } else if (openedAt !== null && score < 2) {
      openedAt = null;
      said.push(`resolved ${minute}`);
    }
  }
  return said;
}

test("median_mad over the ring is the median and MAD of the last 60 buckets", () => {
  const level = fc.oneof(
    { weight: 12, arbitrary: fc.integer({ min: 4_800, max: 5_200 }) },
    { weight: 1, arbitrary: fc.integer({ min: 4_000, max: 9_000 }) },
  );
  const input = fc.array(level, { minLength: 9, maxLength: 150 });
  fc.assert(
    fc.property(input, (levels) => {
      const feed = new Feed({ rules: ["median_mad"] });
      const deltas = new CountDeltas();
      for (const [minute, records] of levels.entries()) {
        const atMs = NOON_MS + minute * MINUTE;
        deltas.clear();
        deltas.add(0, atMs, LevelIndex.info, Number.NaN, records);
        feed.post(deltas, atMs);
      }
      // Lateness: a bucket closes ten seconds after its end.
      feed.detector.tickTo(NOON_MS + levels.length * MINUTE + 10_000);
      const transitions = [...feed.transitions, ...feed.detector.takeTransitions()];
      const said = transitions
        .filter(({ state, signal }) => state !== "changed" && signal.part === "surge")
        .map(({ state, signal }) => {
          const endMs = state === "opened" ? signal.decidedMs : signal.lastStepMs;
          return `${state} ${(endMs - NOON_MS) / MINUTE - 1}`;
        });
      expect(said).toEqual(naiveSurges(levels));
    }),
    { seed: 43, numRuns: 60 },
  );
});
