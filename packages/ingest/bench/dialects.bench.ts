import { CountDeltas } from "@tracer/core";
import {
  BulkItems,
  type CreateDecoder,
  countBatch,
  createBulkDecoder,
  createLokiJsonDecoder,
  SeriesDirectory,
} from "../src/index.ts";

/*
 * Logs a second of CPU of the decoders of other JSON dialects, counting included, against JSON.parse of the same bodies
 * with the result thrown away, in the same process, in turns. Where lines are JSON themselves, their level is in there:
 * then what JSON.parse must do is the body and each line. Run: node packages/ingest/bench/dialects.bench.ts
 * Exits 1 when a median ratio is below RATIO_MIN.
 */
const RATIO_MIN = 0.9;
const LOGS_PER_BODY = 1_000;
const BODIES = 20;
const ROUNDS = 15;
const RECEIPT_MS = Date.parse("2026-06-01T12:00:00Z");

interface Dialect {
  readonly name: string;
  readonly body: Buffer;
  readonly create: CreateDecoder;
  readonly parse: (body: Buffer) => number;
}

function jsonLine(log: number): Record<string, unknown> {
  return {
    level: log % 50 === 0 ? "error" : "info",
    "@timestamp": new Date(RECEIPT_MS - log * 2).toISOString(),
    service: { name: `service-${log % 40}` },
    host: { name: `web-${log % 7}` },
    url: { path: `/orders/${log % 1000}` },
    duration_ms: (log % 300) + 0.25,
    message: "request completed for the shop front",
  };
}

function textLine(log: number): string {
  const level = log % 50 === 0 ? "ERROR" : "INFO";
  return `${level} request completed for the shop front path=/orders/${log % 1000} id=req-${log.toString(36)}`;
}

function logfmtLine(log: number): string {
  const level = log % 50 === 0 ? "error" : "info";
  return `ts=2026-06-01T12:00:00Z caller=http.go:42 level=${level} msg="request completed for the shop" path=/orders/${log % 1000} duration=${log % 300}ms`;
}

/** As agents send: an entry in the stream of its service. */
function lokiBody(lineOf: (log: number) => string): Buffer {
  const streams = Array.from({ length: 40 }, (_, stream) => ({
    stream: { job: "shop", service_name: `service-${stream}`, host: "web-1" },
    values: Array.from({ length: LOGS_PER_BODY / 40 }, (_unused, at) => {
      const log = at * 40 + stream;
      return [`${RECEIPT_MS - log * 2}000000`, lineOf(log)];
    }),
  }));
  return Buffer.from(JSON.stringify({ streams }));
}

/** As pino-loki sends: a stream for each entry. */
function lokiStreamsBody(): Buffer {
  const streams = Array.from({ length: LOGS_PER_BODY }, (_, log) => ({
    stream: { level: log % 50 === 0 ? "error" : "info", hostname: "web-1", app: `s-${log % 40}` },
    values: [[`${RECEIPT_MS - log * 2}000000`, JSON.stringify(jsonLine(log))]],
  }));
  return Buffer.from(JSON.stringify({ streams }));
}

function bulkBody(): Buffer {
  const lines = Array.from(
    { length: LOGS_PER_BODY },
    (_, log) => `{"create":{"_index":"logs-shop-default"}}\n${JSON.stringify(jsonLine(log))}\n`,
  );
  return Buffer.from(lines.join(""));
}

function parseWhole(body: Buffer): number {
  return JSON.parse(body.toString("utf8")) === null ? 0 : LOGS_PER_BODY;
}

function parseWithLines(body: Buffer): number {
  const push: { streams: { values: [string, string][] }[] } = JSON.parse(body.toString("utf8"));
  let logs = 0;
  for (const { values } of push.streams) {
    for (const [, line] of values) if (JSON.parse(line) !== null) logs += 1;
  }
  return logs;
}

function parseLines(body: Buffer): number {
  let documents = 0;
  for (const line of body.toString("utf8").split("\n")) {
    if (line !== "" && JSON.parse(line) !== null) documents += 1;
  }
  return documents / 2;
}

const loki = { create: createLokiJsonDecoder, parse: parseWhole };
const lines = { create: createLokiJsonDecoder, parse: parseWithLines };
const DIALECTS: readonly Dialect[] = [
  { name: "Loki, plain lines", body: lokiBody(textLine), ...loki },
  { name: "Loki, logfmt lines", body: lokiBody(logfmtLine), ...loki },
  { name: "Loki, JSON lines", body: lokiBody((log) => JSON.stringify(jsonLine(log))), ...lines },
  { name: "Loki, a stream each", body: lokiStreamsBody(), ...lines },
  {
    name: "Elasticsearch bulk",
    body: bulkBody(),
    create: (bytes, context, onBatch) =>
      createBulkDecoder(bytes, context, onBatch, new BulkItems()),
    parse: parseLines,
  },
];

function decode({ body, create }: Dialect, directory: SeriesDirectory): number {
  const deltas = new CountDeltas();
  const decoder = create(
    Buffer.from(body), // Each its own, as from the wire: a decoder may write into it.
    { directory, projectId: 0, defaultService: "unknown", receiptMs: RECEIPT_MS },
    (batch) => {
      countBatch(batch, deltas);
    },
  );
  while (!decoder.advance(262_144));
  return decoder.report.accepted;
}

function rateOf(run: () => number): number {
  const before = process.threadCpuUsage();
  let logs = 0;
  for (let body = 0; body < BODIES; body += 1) logs += run();
  if (logs !== LOGS_PER_BODY * BODIES) throw new Error(`${logs} logs`);
  const { user, system } = process.threadCpuUsage(before);
  return logs / ((user + system) / 1e6);
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

const directory = new SeriesDirectory();
directory.project("default");
for (const dialect of DIALECTS) {
  const ratios: number[] = [];
  const rates: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const decoded = rateOf(() => decode(dialect, directory));
    rates.push(decoded);
    ratios.push(decoded / rateOf(() => dialect.parse(dialect.body)));
  }
  const ratio = median(ratios);
  const bytes = (dialect.body.length / LOGS_PER_BODY).toFixed(0);
  process.stdout.write(
    `${dialect.name.padEnd(20)} ${bytes.padStart(4)} bytes a log ` +
      `${Math.round(median(rates)).toLocaleString("en").padStart(10)} logs/s ` +
      `ratio ${ratio.toFixed(2)} (at least ${RATIO_MIN.toFixed(1)})\n`,
  );
  if (!(ratio >= RATIO_MIN)) process.exitCode = 1;
}
