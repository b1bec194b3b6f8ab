import { LEVELS } from "@tracer/core";
import { RecordFlag } from "./batch.ts";
import type { CreateDecoder, DecodeFatal } from "./decoder.ts";
import { SeriesDirectory } from "./directory.ts";
import { createLogsDecoder } from "./logs.ts";
import type { DecodeContext, DecodeReport } from "./sink.ts";
import { textOf, unescapedTextOf } from "./text.ts";

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

/** For tests: decodes a body in slices of `sliceBytes` and hands back all that came out. */
export function decode(
  body: string | Uint8Array,
  options: Partial<DecodeContext> = {},
  sliceBytes = Number.POSITIVE_INFINITY,
  createDecoder: CreateDecoder = createLogsDecoder,
): { rows: Row[]; report: DecodeReport; fatal: DecodeFatal | null } {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
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
    for (let row = 0; row < batch.length; row += 1) {
      const key = directory.key(batch.slot[row] ?? -1);
      const start = batch.messageStart[row] ?? 0;
      const end = batch.messageEnd[row] ?? 0;
      const escaped = ((batch.flags[row] ?? 0) & RecordFlag.messageEscaped) !== 0;
      const latencyMs = batch.latencyMs[row] ?? Number.NaN;
      rows.push({
        timestampMs: batch.timestampMs[row] ?? Number.NaN,
        level: LEVELS[batch.level[row] ?? -1] ?? "",
        service: key?.service ?? "?",
        environment: key?.environment ?? "?",
        latencyMs: Number.isNaN(latencyMs) ? null : latencyMs,
        count: batch.count[row] ?? 0,
        message: escaped ? unescapedTextOf(text, start, end) : textOf(text, start, end),
      });
    }
  });
  for (let slice = 0; !decoder.advance(sliceBytes); slice += 1) {
    if (slice > 2 * bytes.length + 2) throw new Error("The decoder does not come to an end.");
  }
  return { rows, report: decoder.report, fatal: decoder.fatal };
}
