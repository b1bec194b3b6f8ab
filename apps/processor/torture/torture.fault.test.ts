import { createTestDatabase } from "@tracer/testkit";
import { expect, test } from "vitest";
import { ROWS } from "./rows/index.ts";
import { runRow, SLICE_TIMES } from "./run-row.ts";

const SEED = 4;

const IN_SLICE = ROWS.filter(({ sliceSize }) => sliceSize > 0);

// Goal: the promise of contract §5 under each fault of the matrix. Method: the rows of `pnpm torture`, smaller.
test.concurrent.for(IN_SLICE)("$name", { timeout: 90_000 }, async (row, context) => {
  const result = await runRow(row, {
    place: { create: createTestDatabase },
    ...{ times: SLICE_TIMES, seed: SEED, size: row.sliceSize, isSlice: true },
    ...{ deadlineMs: null, stop: context.signal, onProgress: () => {} },
  });
  const { done, findings, problems, ok } = result;
  expect({
    problems: [...problems, ...findings.problems],
    ok,
    done: done >= row.sliceSize,
  }).toEqual({
    ...{ problems: [], ok: true, done: true },
  });
});
