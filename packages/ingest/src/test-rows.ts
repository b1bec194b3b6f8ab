import { LEVELS } from "@tracer/core";
import { RecordFlag } from "./batch.ts";
import type { CreateDecoder, DecodeFatal } from "./decoder.ts";
import { SeriesDirectory } from "./directory.ts";
import type { DecodeReport } from "./sink.ts";
import { RECEIPT_MS, type Row } from "./test-decode.ts";
import { textOf, unescapedTextOf } from "./text.ts";

/** For tests: what any decoder makes of a copy of a body, in slices of `sliceBytes`. */
export function rowsOf(
  create: CreateDecoder,
  body: string | Uint8Array,
  sliceBytes = Number.POSITIVE_INFINITY,
): { rows: Row[]; report: DecodeReport; fatal: DecodeFatal | null } {
  const bytes = Buffer.from(body);
  const directory = new SeriesDirectory();
  const projectId = directory.project("default");
  const context = { directory, projectId, defaultService: "unknown", receiptMs: RECEIPT_MS };
  const rows: Row[] = [];
  const decoder = create(bytes, context, (batch) => {
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
        message: (escaped ? unescapedTextOf : textOf)(decoder.text, start, end),
      });
    }
  });
  for (let slice = 0; !decoder.advance(sliceBytes); slice += 1) {
    if (slice > 2 * bytes.length + 2) throw new Error("The decoder does not come to an end.");
  }
  return { rows, report: decoder.report, fatal: decoder.fatal };
}
