import assert from "node:assert/strict";
import type { RecordBatch } from "../src/batch.ts";
import { SeriesDirectory } from "../src/directory.ts";
import { RECEIPT_MS, rowOf } from "../src/test-decode.ts";
import { createWasmScanner, type WasmScanner } from "../src/wasm-scanner.ts";
import type { FuzzCase, FuzzSubject } from "./subjects.ts";

/** Series that a directory may hold before it is made anew. */
const SERIES_MAX = 20_000;

/**
 * Checks cases: the scanner in WebAssembly and the walker, whole and in slices, must give the same rows and the same
 * report, and the rows that the oracle expects.
 */
export class Checker {
  #directory = new SeriesDirectory();
  #scanner: WasmScanner | null = null;

  /** Throws an AssertionError that shows what differs. */
  check(subject: FuzzSubject, { body, expected }: FuzzCase, sliceBytes: number): void {
    if (this.#scanner === null || this.#directory.size > SERIES_MAX) {
      this.#directory = new SeriesDirectory();
      this.#scanner = createWasmScanner(this.#directory);
      assert(this.#scanner !== null);
    }
    const walked = this.#decode(subject, body, null, Number.POSITIVE_INFINITY);
    for (const scanner of [this.#scanner, null]) {
      for (const bytes of [Number.POSITIVE_INFINITY, sliceBytes]) {
        if (scanner === null && bytes > body.length) continue;
        const other = this.#decode(subject, body, scanner, bytes);
        if (isSame(walked, other)) continue;
        assert.deepEqual(
          other,
          walked,
          `${scanner === null ? "walker" : "scanner"}, ${bytes} bytes`,
        );
      }
    }
    if (expected === null) return;
    const rows = this.#rows(subject, body).map(asParsed);
    assert.deepEqual(rows, expected.map(asParsed), "oracle");
  }

  #decode(subject: FuzzSubject, body: Uint8Array, scanner: WasmScanner | null, bytes: number) {
    const columns: number[] = [];
    const note = (batch: RecordBatch) => {
      for (let row = 0; row < batch.length; row += 1) {
        columns.push(
          batch.timestampMs[row] ?? -1,
          batch.latencyMs[row] ?? -1,
          batch.slot[row] ?? -1,
        );
        columns.push(batch.level[row] ?? -1, batch.flags[row] ?? -1, batch.count[row] ?? -1);
        columns.push(batch.recordStart[row] ?? -1, batch.recordEnd[row] ?? -1);
        columns.push(batch.messageStart[row] ?? -1, batch.messageEnd[row] ?? -1);
      }
    };
    const decoder = subject.createDecoder(body, this.#context(scanner), note);
    while (!decoder.advance(bytes));
    const { accepted, rejected, errors, warnings, warningCount, future } = decoder.report;
    const problems = JSON.stringify([errors, warnings, decoder.fatal]);
    return { columns, problems, accepted, rejected, warningCount, future };
  }

  #rows(subject: FuzzSubject, body: Uint8Array) {
    const rows: ReturnType<typeof rowOf>[] = [];
    const decoder = subject.createDecoder(body, this.#context(null), (batch) => {
      for (let row = 0; row < batch.length; row += 1) {
        rows.push(rowOf(batch, row, decoder.text, this.#directory));
      }
    });
    while (!decoder.advance(Number.POSITIVE_INFINITY));
    return rows;
  }

  #context(scanner: WasmScanner | null) {
    const directory = this.#directory;
    const projectId = directory.project("default");
    return { directory, projectId, defaultService: "unknown", receiptMs: RECEIPT_MS, scanner };
  }
}

type Decoded = {
  readonly columns: readonly number[];
  readonly problems: string;
  readonly accepted: number;
  readonly rejected: number;
  readonly warningCount: number;
  readonly future: number;
};

function isSame(left: Decoded, right: Decoded): boolean {
  if (left.problems !== right.problems || left.columns.length !== right.columns.length)
    return false;
  if (left.accepted !== right.accepted || left.rejected !== right.rejected) return false;
  if (left.warningCount !== right.warningCount || left.future !== right.future) return false;
  return left.columns.every((value, at) => Object.is(value, right.columns[at]));
}

/** A number as a name or message keeps its spelling here (`1.80`), while JSON.parse forgets it. */
function asParsed(row: ReturnType<typeof rowOf>): ReturnType<typeof rowOf> {
  const plain = (text: string) => (/^-?[\d.eE+-]+$/.test(text) ? String(Number(text) + 0) : text);
  return {
    ...row,
    service: plain(row.service),
    environment: plain(row.environment),
    message: plain(row.message),
  };
}
