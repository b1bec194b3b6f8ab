import { CountDeltas } from "@tracer/core";
import { countBatch, createLogsDecoder, type RecordBatch, SeriesDirectory } from "../src/index.ts";

/*
 * Logs a second of the decoder, counting included, on NDJSON as pino writes it, against JSON.parse of each
 * line with the result thrown away, in the same process, in turns. Run: node packages/ingest/bench/decode.bench.ts
 * Exits 1 when the median ratio is below RATIO_MIN.
 */
const RATIO_MIN = 1;
const LINES = 100_000;
const ROUNDS = 11;
const RECEIPT_MS = Date.parse("2026-06-01T12:00:00Z");

function pinoLines(): Buffer {
  const lines: string[] = [];
  for (let line = 0; line < LINES; line += 1) {
    lines.push(
      JSON.stringify({
        level: line % 50 === 0 ? 50 : 30,
        time: RECEIPT_MS - (LINES - line) * 2,
        pid: 4711,
        hostname: `web-${line % 7}`,
        service: `service-${line % 40}`,
        reqId: `req-${line.toString(36)}`,
        req: { method: "GET", url: `/orders/${line % 1000}?page=2`, remoteAddress: "10.0.0.7" },
        responseTime: (line % 300) + 0.25,
        msg: "request completed for the shop front",
      }),
    );
  }
  return Buffer.from(`${lines.join("\n")}\n`);
}

function decode(body: Buffer, directory: SeriesDirectory): number {
  const deltas = new CountDeltas();
  const decoder = createLogsDecoder(
    body,
    { directory, projectId: 0, defaultService: "unknown", receiptMs: RECEIPT_MS },
    (batch: RecordBatch) => {
      countBatch(batch, deltas);
    },
  );
  while (!decoder.advance(262_144));
  return decoder.report.accepted;
}

function parseLines(body: Buffer): number {
  let records = 0;
  let at = 0;
  while (at < body.length) {
    const end = body.indexOf(10, at);
    if (JSON.parse(body.toString("utf8", at, end)) !== null) records += 1;
    at = end + 1;
  }
  return records;
}

function parseWhole(body: Buffer): number {
  let records = 0;
  for (const line of body.toString("utf8").split("\n")) {
    if (line !== "" && JSON.parse(line) !== null) records += 1;
  }
  return records;
}

function rateOf(run: () => number): number {
  const start = process.hrtime.bigint();
  const records = run();
  if (records !== LINES) throw new Error(`${records} records of ${LINES}`);
  return records / (Number(process.hrtime.bigint() - start) / 1e9);
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

const body = pinoLines();
const directory = new SeriesDirectory();
directory.project("default");
const decoded: number[] = [];
const byLine: number[] = [];
const whole: number[] = [];
for (let round = 0; round < ROUNDS; round += 1) {
  decoded.push(rateOf(() => decode(body, directory)));
  byLine.push(rateOf(() => parseLines(body)));
  whole.push(rateOf(() => parseWhole(body)));
}
const parsed = Math.max(median(byLine), median(whole));
const ratio = median(decoded) / parsed;
process.stdout.write(
  `${(body.length / LINES).toFixed(0)} bytes a log\n` +
    `decode and count  ${Math.round(median(decoded)).toLocaleString("en")} logs/s\n` +
    `JSON.parse        ${Math.round(parsed).toLocaleString("en")} logs/s (the faster of two ways)\n` +
    `ratio             ${ratio.toFixed(2)} (at least ${RATIO_MIN.toFixed(1)})\n`,
);
if (!(ratio >= RATIO_MIN)) process.exitCode = 1;
