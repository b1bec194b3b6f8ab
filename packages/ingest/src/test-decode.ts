import { LEVELS } from "@tracer/core";
import { type RecordBatch, RecordFlag } from "./batch.ts";
import type { CreateDecoder, DecodeFatal } from "./decoder.ts";
import { SeriesDirectory } from "./directory.ts";
import { createLogsDecoder } from "./logs.ts";
import type { DecodeContext, DecodeReport } from "./sink.ts";
import { textOf, unescapedTextOf } from "./text.ts";
import { createWasmScanner, type WasmScanner } from "./wasm-scanner.ts";

/** For tests: one row of a batch, with names instead of numbers. */
export interface Row {
  readonly timestampMs: number;
  readonly level: string;
  readonly service: string;
  readonly environment: string;
  readonly latencyMs: number | null;
  readonly count: number;
  readonly message: string;
}

/** For tests: when every body is received. */
export const RECEIPT_MS = Date.parse("2026-06-01T12:00:00.000Z");

interface Decoded {
  readonly rows: Row[];
  readonly report: DecodeReport;
  readonly fatal: DecodeFatal | null;
}

/**
 * For tests: decodes a body in slices of `sliceBytes` and hands back all that came out. Twice, with the scanner
 * in WebAssembly and without it: what comes out must be the same.
 */
export function decode(
  body: string | Uint8Array,
  options: Partial<TestContext> = {},
  sliceBytes = Number.POSITIVE_INFINITY,
  createDecoder: CreateDecoder = createLogsDecoder,
): Decoded {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const walked = decodeOnce(bytes, options, sliceBytes, createDecoder);
  if (createDecoder !== createLogsDecoder) return walked;
  if (options.directory !== undefined || options.scanner !== undefined) return walked;
  if (shared === null || shared.directory.size > SHARED_SERIES_MAX) {
    shared = createWasmScanner(new SeriesDirectory());
  }
  if (shared === null) throw new Error("There is no WebAssembly here.");
  const usual = { ...options, directory: shared.directory, scanner: shared };
  const scanned = JSON.stringify(decodeOnce(bytes, usual, sliceBytes, createDecoder));
  if (scanned !== JSON.stringify(walked)) {
    throw new Error(`The scanner says ${scanned}\nthe walker says  ${JSON.stringify(walked)}`);
  }
  return walked;
}

/** With a directory that says what it holds. */
interface TestContext extends DecodeContext {
  readonly directory: SeriesDirectory;
}

/** Compiling takes milliseconds, so one serves many bodies, as in the product. */
let shared: WasmScanner | null = null;
const SHARED_SERIES_MAX = 10_000;

function decodeOnce(
  bytes: Uint8Array,
  options: Partial<TestContext>,
  sliceBytes: number,
  createDecoder: CreateDecoder,
): Decoded {
  const directory = options.directory ?? new SeriesDirectory();
  const rows: Row[] = [];
  const context: DecodeContext = {
    projectId: directory.project("default"),
    defaultService: "unknown",
    receiptMs: RECEIPT_MS,
    ...options,
    directory,
  };
  const decoder = createDecoder(bytes, context, (batch) => {
    const { text } = decoder;
    for (let row = 0; row < batch.length; row += 1) rows.push(rowOf(batch, row, text, directory));
  });
  for (let slice = 0; !decoder.advance(sliceBytes); slice += 1) {
    if (slice > 2 * bytes.length + 2) throw new Error("The decoder does not come to an end.");
  }
  const { accepted, rejected, errors, warnings, warningCount, future } = decoder.report;
  const report = { accepted, rejected, errors, warnings, warningCount, future };
  return { rows, report, fatal: decoder.fatal };
}

/** For tests: a row of a batch whose offsets are into `text`. */
export function rowOf(
  batch: RecordBatch,
  row: number,
  text: Uint8Array,
  directory: SeriesDirectory,
): Row {
  const key = directory.key(batch.slot[row] ?? -1);
  const start = batch.messageStart[row] ?? 0;
  const end = batch.messageEnd[row] ?? 0;
  const escaped = ((batch.flags[row] ?? 0) & RecordFlag.messageEscaped) !== 0;
  const latencyMs = batch.latencyMs[row] ?? Number.NaN;
  return {
    timestampMs: batch.timestampMs[row] ?? Number.NaN,
    level: LEVELS[batch.level[row] ?? -1] ?? "",
    service: key?.service ?? "?",
    environment: key?.environment ?? "?",
    latencyMs: Number.isNaN(latencyMs) ? null : latencyMs,
    count: batch.count[row] ?? 0,
    message: escaped ? unescapedTextOf(text, start, end) : textOf(text, start, end),
  };
}
