export { BATCH_ROWS_MAX, countBatch, RecordBatch, RecordFlag } from "./batch.ts";
export type { BodyDecoder, CreateDecoder, DecodeFatal } from "./decoder.ts";
export { OTHER_NAME, SeriesDirectory, type SeriesDirectoryOptions } from "./directory.ts";
export { loadNames, saveNames } from "./directory-snapshot.ts";
export {
  type Exemplar,
  ExemplarRings,
  type MessageRange,
  messageOf,
  messageText,
} from "./exemplars.ts";
export { createLogsDecoder } from "./logs.ts";
export { cleanName, NAME_BYTES_MAX } from "./names.ts";
export { createOtlpLogsDecoder } from "./otlp/logs.ts";
export { MetricRates } from "./otlp/metric-rates.ts";
export { decodeOtlpMetrics, type MetricPoint } from "./otlp/metrics.ts";
export type { DecodeContext, DecodeReport, RecordProblem } from "./sink.ts";
export { parseTime } from "./time.ts";
