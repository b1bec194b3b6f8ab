export { BATCH_ROWS_MAX, countBatch, RecordBatch, RecordFlag } from "./batch.ts";
export type { BodyDecoder, CreateDecoder, DecodeFatal } from "./decoder.ts";
export { createCloudflareDecoder } from "./dialects/cloudflare.ts";
export { createDatadogDecoder, tagsOf } from "./dialects/datadog.ts";
export { createFirehoseDecoder } from "./dialects/firehose.ts";
export { createGelfDecoder } from "./dialects/gelf.ts";
export { createKubernetesAuditDecoder } from "./dialects/kubernetes-audit.ts";
export {
  createSplunkDecoder,
  createSplunkRawDecoder,
  SPLUNK_EVENT_BLANK,
  SPLUNK_EVENT_MISSING,
} from "./dialects/splunk.ts";
export { createVercelDecoder } from "./dialects/vercel.ts";
export { OTHER_NAME, SeriesDirectory, type SeriesDirectoryOptions } from "./directory.ts";
export { loadNames, saveNames } from "./directory-snapshot.ts";
export { createBulkDecoder } from "./elasticsearch/bulk.ts";
export { BULK_ACTIONS, BulkItems, BulkOutcome } from "./elasticsearch/items.ts";
export { listBulkActions } from "./elasticsearch/list.ts";
export {
  type Exemplar,
  ExemplarRings,
  type MessageRange,
  messageOf,
  messageText,
} from "./exemplars.ts";
export { createLogsDecoder } from "./logs.ts";
export { createLokiJsonDecoder } from "./loki/json.ts";
export { createLokiProtoDecoder } from "./loki/proto.ts";
export { SnappyInflater, snappyHead } from "./loki/snappy.ts";
export { isLokiJson } from "./loki/sniff.ts";
export { cleanName, NAME_BYTES_MAX } from "./names.ts";
export { createOtlpLogsDecoder } from "./otlp/logs.ts";
export { MetricRates } from "./otlp/metric-rates.ts";
export { decodeOtlpMetrics, type MetricPoint } from "./otlp/metrics.ts";
export { pinnedTo } from "./pinned-directory.ts";
export type { DecodeContext, DecodeReport, RecordProblem } from "./sink.ts";
export { createLogplexDecoder, createSyslogDecoder } from "./syslog.ts";
export { SYSLOG_MESSAGE_BYTES_MAX, SyslogFramer, type TakeFrame } from "./syslog-frames.ts";
export { parseTime } from "./time.ts";
export { createWasmScanner, type WasmScanner } from "./wasm-scanner.ts";
