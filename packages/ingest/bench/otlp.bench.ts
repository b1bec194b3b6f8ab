import { CountDeltas } from "@tracer/core";
import { countBatch, createOtlpLogsDecoder, SeriesDirectory } from "../src/index.ts";
import { otlpTypes } from "../src/otlp/proto.test-helper.ts";

/*
 * Logs a second of the OTLP decoders, counting included, against JSON.parse of the same logs with the result thrown
 * away: of the same export in OTLP's JSON, and of plain NDJSON as a logger writes it; and against protobufjs. One
 * process, in turns, medians of CPU time. Run: node packages/ingest/bench/otlp.bench.ts; exits 1 below a goal.
 */
const RECORDS = 1_000;
const BODIES = 40;
const ROUNDS = 9;
const RECEIPT_MS = Date.parse("2026-06-01T12:00:00Z");
const GOALS = { overOtlpJson: 5, overNdjson: 2.5, protobufjs: 4, json: 0.9 };

const text = (stringValue: string) => ({ stringValue });
const messages = Array.from({ length: RECORDS }, (_, index) => ({
  timeMs: RECEIPT_MS - (RECORDS - index) * 2,
  isError: index % 50 === 0,
  message: `request completed for the shop front ${index % 1_000}`,
  url: `/orders/${index % 1000}?page=2`,
  durationMs: (index % 300) + 0.25,
}));
const otlp = {
  resourceLogs: [
    {
      resource: {
        attributes: [
          { key: "service.name", value: text("shop") },
          { key: "host.name", value: text("web-7") },
        ],
      },
      scopeLogs: [
        {
          scope: { name: "pino" },
          logRecords: messages.map(({ timeMs, isError, message, url, durationMs }) => ({
            timeUnixNano: `${timeMs}000000`,
            observedTimeUnixNano: `${timeMs}000000`,
            severityNumber: isError ? 17 : 9,
            severityText: isError ? "error" : "info",
            body: text(message),
            attributes: [
              { key: "url.path", value: text(url) },
              { key: "client.address", value: text("10.0.0.7") },
              { key: "duration_ms", value: { doubleValue: durationMs } },
            ],
          })),
        },
      ],
    },
  ],
};
const plain = messages.map(({ timeMs, isError, message, url, durationMs }) =>
  JSON.stringify({
    ...{ level: isError ? 50 : 30, time: timeMs, pid: 4711, hostname: "web-7", service: "shop" },
    ...{ url, remoteAddress: "10.0.0.7", duration_ms: durationMs, msg: message },
  }),
);
const types = otlpTypes();
const logs = types.root.lookupType("LogsRequest");
const bodies = {
  protobuf: Buffer.from(types.encodeLogs(otlp)),
  otlpJson: Buffer.from(JSON.stringify(otlp)),
  ndjson: Buffer.from(`${plain.join("\n")}\n`),
};
const directory = new SeriesDirectory();
directory.project("default");

function decode(body: Buffer): number {
  const deltas = new CountDeltas();
  const context = { directory, projectId: 0, defaultService: "unknown", receiptMs: RECEIPT_MS };
  const decoder = createOtlpLogsDecoder(body, context, (batch) => {
    countBatch(batch, deltas);
  });
  while (!decoder.advance(131_072));
  return decoder.report.accepted;
}

function parseLines(body: Buffer): number {
  let records = 0;
  for (const line of body.toString("utf8").split("\n")) {
    if (line !== "" && JSON.parse(line) !== null) records += 1;
  }
  return records;
}

const ways = {
  "OTLP protobuf, decoded and counted": () => decode(bodies.protobuf),
  "OTLP JSON, decoded and counted": () => decode(bodies.otlpJson),
  "protobufjs, discarded": () => (logs.decode(bodies.protobuf) === null ? 0 : RECORDS),
  "JSON.parse of the same OTLP JSON": () =>
    JSON.parse(bodies.otlpJson.toString("utf8")) === null ? 0 : RECORDS,
  "JSON.parse of the same as NDJSON": () => parseLines(bodies.ndjson),
};

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

/** CPU ns a record. */
function costOf(run: () => number): number {
  const before = process.cpuUsage();
  let records = 0;
  for (let body = 0; body < BODIES; body += 1) records += run();
  const { user, system } = process.cpuUsage(before);
  if (records !== BODIES * RECORDS) throw new Error(`${records} records`);
  return ((user + system) * 1e3) / records;
}

const costs = new Map<string, number[]>(Object.keys(ways).map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [name, run] of Object.entries(ways)) costs.get(name)?.push(costOf(run));
}
const cost = (name: keyof typeof ways) => median(costs.get(name) ?? []);
for (const [name, values] of costs) {
  process.stdout.write(
    `${name.padEnd(36)} ${median(values).toFixed(0).padStart(6)} CPU ns a log\n`,
  );
}
const ratios = [
  [
    "protobuf ÷ JSON.parse of OTLP JSON",
    "JSON.parse of the same OTLP JSON",
    "OTLP protobuf, decoded and counted",
    GOALS.overOtlpJson,
  ],
  [
    "protobuf ÷ JSON.parse of NDJSON",
    "JSON.parse of the same as NDJSON",
    "OTLP protobuf, decoded and counted",
    GOALS.overNdjson,
  ],
  [
    "protobuf ÷ protobufjs",
    "protobufjs, discarded",
    "OTLP protobuf, decoded and counted",
    GOALS.protobufjs,
  ],
  [
    "JSON ÷ JSON.parse of the same",
    "JSON.parse of the same OTLP JSON",
    "OTLP JSON, decoded and counted",
    GOALS.json,
  ],
] as const;
let failed = false;
const say = (name: string, ratio: number, goal: number) => {
  if (!(ratio >= goal)) failed = true;
  process.stdout.write(`${name.padEnd(36)} ${ratio.toFixed(1)} × (goal ${goal})\n`);
};
for (const [name, base, way, goal] of ratios) say(name, cost(base) / cost(way), goal);
if (failed) process.exitCode = 1;
