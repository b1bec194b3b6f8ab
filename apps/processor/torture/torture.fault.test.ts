import { createTestDatabase } from "@tracer/testkit";
import { expect, test } from "vitest";
import { ROWS } from "./rows/index.ts";
import { type RowResult, runRow, SLICE_TIMES } from "./run-row.ts";

const SEED = 4;
/** Rows at once: mostly they wait, and on two cores more of them would wait for each other. */
const PARALLEL = 3;

const IN_SLICE = ROWS.filter(({ sliceSize }) => sliceSize > 0);

// Goal: the promise of contract §5 under each fault of the matrix. Method: the rows of `pnpm torture`, smaller.
test("each row of the fault matrix, in small: the three books agree", async ({ signal }) => {
  const waiting = [...IN_SLICE];
  const results: RowResult[] = [];
  const lane = async () => {
    for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
      const result = await runRow(row, {
        place: { create: createTestDatabase },
        ...{ times: SLICE_TIMES, seed: SEED, size: row.sliceSize, isSlice: true },
        ...{ forMs: null, stop: signal, onProgress: () => {} },
      });
      expect.soft(result.done, row.name).toBeGreaterThanOrEqual(row.sliceSize);
      results.push(result);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, lane));
  const wrong = results
    .filter(({ ok }) => !ok)
    .map(({ name, findings, problems }) => [name, ...problems, ...findings.problems]);
  expect(wrong).toEqual([]);
  expect(results).toHaveLength(IN_SLICE.length);
});
