import { CountDeltas } from "@tracer/core";
import { expect, test } from "vitest";
import { BATCH_ROWS_MAX, countBatch, RecordBatch } from "./batch.ts";
import { SeriesDirectory } from "./directory.ts";
import { createLogsDecoder } from "./logs.ts";
import { RECEIPT_MS } from "./test-decode.ts";

function decodeInto(deltas: CountDeltas, lines: readonly string[], readCount = false): boolean[] {
  const directory = new SeriesDirectory();
  const results: boolean[] = [];
  const decoder = createLogsDecoder(
    Buffer.from(lines.join("\n")),
    {
      ...{ directory, projectId: directory.project("p"), defaultService: "s", readCount },
      receiptMs: RECEIPT_MS,
    },
    (batch) => results.push(countBatch(batch, deltas)),
  );
  while (!decoder.advance(1e9));
  return results;
}

test("rows become counts per series and step", () => {
  const deltas = new CountDeltas();
  decodeInto(deltas, [
    '{"time":1000,"level":"info","duration_ms":1}',
    '{"time":1001,"level":"warn"}',
    '{"time":1002,"level":"error"}',
    '{"time":1003,"level":"fatal"}',
    '{"time":1010,"level":"error","service":"other"}',
  ]);
  expect(deltas.length).toBe(2);
  const columns = [deltas.records, deltas.warns, deltas.errors, deltas.fatals, deltas.latencyCount];
  expect(columns.map((column) => [...column.subarray(0, 2)])).toEqual([
    ...[
      [4, 1],
      [1, 0],
      [2, 1],
      [1, 0],
      [1, 0],
    ],
  ]);
  expect([...deltas.stepStartMs.subarray(0, 2)]).toEqual([1_000_000, 1_010_000]);
  expect(deltas.newestMs[0]).toBe(1_003_000);
});

test("a record stands for its count only when asked", () => {
  const lines = ['{"time":1,"count":40}', '{"time":1,"count":-1}', '{"time":1}'];
  const plain = new CountDeltas();
  decodeInto(plain, lines);
  expect(plain.records[0]).toBe(3);
  const counted = new CountDeltas();
  decodeInto(counted, lines, true);
  expect(counted.records[0]).toBe(42);
});

test("at the bound of the deltas nothing of the batch is counted", () => {
  const rows = ["a", "b", "c", "a"].map((service) => `{"time":1,"service":"${service}"}`);
  const enough = new CountDeltas({ cellsMax: 3 });
  expect(decodeInto(enough, rows)).toEqual([true]);
  expect(enough.length).toBe(3);
  const short = new CountDeltas({ cellsMax: 2 });
  expect(decodeInto(short, rows)).toEqual([false]);
  expect(short.length).toBe(0);
});

test("a full batch is handed on and filled again; a shared one is empty after every slice", () => {
  const sizes: number[] = [];
  const batch = new RecordBatch(3);
  const directory = new SeriesDirectory();
  const context = { directory, projectId: directory.project("p"), defaultService: "s", batch };
  const body = Buffer.from("{}\n".repeat(7));
  const decoder = createLogsDecoder(body, { ...context, receiptMs: RECEIPT_MS }, ({ length }) =>
    sizes.push(length),
  );
  expect(decoder.advance(9)).toBe(false);
  expect(batch.length).toBe(0);
  while (!decoder.advance(100));
  expect(sizes).toEqual([3, 3, 1]);

  const whole: number[] = [];
  const large = createLogsDecoder(
    Buffer.from("{}\n".repeat(BATCH_ROWS_MAX + 1)),
    { ...context, batch: new RecordBatch(), receiptMs: RECEIPT_MS },
    ({ length }) => whole.push(length),
  );
  while (!large.advance(1e9));
  expect(whole).toEqual([BATCH_ROWS_MAX, 1]);
});
