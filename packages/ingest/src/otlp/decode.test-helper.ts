import { LEVELS } from "@tracer/core";
import type { DecodeFatal } from "../decoder.ts";
import { SeriesDirectory } from "../directory.ts";
import { messageText } from "../exemplars.ts";
import type { DecodeReport } from "../sink.ts";
import { RECEIPT_MS, type Row } from "../test-decode.ts";
import { createOtlpLogsDecoder } from "./logs.ts";

/** For tests: what an OTLP body becomes, decoded in slices of `sliceBytes`; messages as an alert shows them. */
export function decodeOtlp(
  body: string | Uint8Array,
  sliceBytes = Number.POSITIVE_INFINITY,
): { rows: Row[]; report: DecodeReport; fatal: DecodeFatal | null } {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const directory = new SeriesDirectory();
  const rows: Row[] = [];
  const context = {
    directory,
    projectId: directory.project("default"),
    defaultService: "unknown",
    receiptMs: RECEIPT_MS,
  };
  // Messages are read when all is decoded: offsets of earlier batches must stay good.
  const ranges: { start: number; end: number; flags: number }[] = [];
  const decoder = createOtlpLogsDecoder(bytes, context, (batch) => {
    for (let row = 0; row < batch.length; row += 1) {
      const key = directory.key(batch.slot[row] ?? -1);
      const latencyMs = batch.latencyMs[row] ?? Number.NaN;
      ranges.push({
        start: batch.messageStart[row] ?? 0,
        end: batch.messageEnd[row] ?? 0,
        flags: batch.flags[row] ?? 0,
      });
      rows.push({
        timestampMs: batch.timestampMs[row] ?? Number.NaN,
        level: LEVELS[batch.level[row] ?? -1] ?? "",
        service: key?.service ?? "?",
        environment: key?.environment ?? "?",
        latencyMs: Number.isNaN(latencyMs) ? null : latencyMs,
        count: batch.count[row] ?? 0,
        message: "",
      });
    }
  });
  for (let slice = 0; !decoder.advance(sliceBytes); slice += 1) {
    if (slice > 2 * bytes.length + 2) throw new Error("The decoder does not come to an end.");
  }
  const told = rows.map((row, at) => {
    const range = ranges[at] ?? { start: 0, end: 0, flags: 0 };
    return { ...row, message: messageText(range, decoder.text) };
  });
  return { rows: told, report: decoder.report, fatal: decoder.fatal };
}
