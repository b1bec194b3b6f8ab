import { LEVELS } from "@tracer/core";
import {
  createOtlpLogsDecoder,
  decodeOtlpMetrics,
  messageText,
  SeriesDirectory,
} from "@tracer/ingest";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runClient } from "./client-process.ts";
import { startRecordingProxy } from "./recording-proxy.ts";
import { startTracerProcess, type TracerProcess } from "./tracer-process.ts";

// Goal: OpenTelemetry's own exporters, and the loggers people put before them, get in unmodified; refusals are in
// OTLP's words. Method: each client against the real process, what it sent kept by a proxy and compared record by record.

let tracer: TracerProcess;
beforeAll(async () => {
  tracer = await startTracerProcess();
});
afterAll(() => tracer[Symbol.asyncDispose]());

const RECORDS = 60;

async function countedOtlp(): Promise<number> {
  const text = await (await fetch(`${tracer.url}/metrics`)).text();
  const name = 'tracer_records_total{protocol="otlp",result="accepted"} ';
  const line = text.split("\n").find((candidate) => candidate.startsWith(name));
  return Number(line?.slice(name.length) ?? 0);
}

/** Rows as `level service environment latency message`, and the time between the first and the last. */
function rowsOf(bodies: readonly Uint8Array[]): { rows: string[]; spanMs: number } {
  const rows: string[] = [];
  const times: number[] = [];
  for (const body of bodies) {
    const directory = new SeriesDirectory();
    const context = {
      ...{ directory, projectId: directory.project("default"), defaultService: "unknown" },
      receiptMs: Date.now(),
    };
    const decoder = createOtlpLogsDecoder(body, context, (batch) => {
      for (let row = 0; row < batch.length; row += 1) {
        const { service, environment } = directory.key(batch.slot[row] ?? -1) ?? {};
        const range = { start: batch.messageStart[row] ?? 0, end: batch.messageEnd[row] ?? 0 };
        const message = messageText({ ...range, flags: batch.flags[row] ?? 0 }, decoder.text);
        const level = LEVELS[batch.level[row] ?? 0];
        rows.push(`${level} ${service} ${environment} ${batch.latencyMs[row]} ${message}`);
        times.push(batch.timestampMs[row] ?? 0);
      }
    });
    while (!decoder.advance(1_000));
  }
  return { rows, spanMs: Math.max(...times) - Math.min(...times) };
}

test.each([
  ["proto", "gzip", "application/x-protobuf"],
  ["http", "gzip", "application/json"],
  ["proto", "none", "application/x-protobuf"],
  ["http", "none", "application/json"],
  ["pino", "none", "application/x-protobuf"],
  ["winston", "none", "application/x-protobuf"],
])(
  "%s, compression %s: every record, with its level, service, latency and time",
  async (mode, compression, contentType) => {
    await using proxy = await startRecordingProxy(tracer.url);
    const before = await countedOtlp();
    await runClient("otlp-logs", { url: proxy.url, args: [mode, compression] });
    const { exchanges } = proxy;
    expect(new Set(exchanges.map(({ status, path }) => `${status} ${path}`))).toEqual(
      new Set(["200 /v1/logs"]),
    );
    expect(new Set(exchanges.map((exchange) => exchange.contentType))).toEqual(
      new Set([contentType]),
    );
    expect((await countedOtlp()) - before).toBe(RECORDS);
    const { rows, spanMs } = rowsOf(exchanges.map(({ body }) => body));
    const expected = Array.from({ length: RECORDS }, (_, index) => {
      const level = LEVELS[index % LEVELS.length];
      return `${level} otlp-${mode} staging ${index + 0.5} order ${index} handled`;
    });
    expect(rows).toEqual(expected);
    if (mode !== "winston") expect(spanMs).toBe((RECORDS - 1) * 100); // It cannot be told a time.
  },
);

test("the services are listed under their names", async () => {
  const listed = async () => {
    const text = await (await fetch(`${tracer.url}/api/v1/services`)).text();
    const { services }: { services: { service: string; environment: string }[] } = JSON.parse(text);
    return services.map(({ service, environment }) => `${service} ${environment}`).sort();
  };
  await expect
    .poll(listed, { timeout: 30_000 })
    .toEqual(["http", "pino", "proto", "winston"].map((mode) => `otlp-${mode} staging`));
});

test("an exporter that is told nothing finds Tracer at its default address", async () => {
  const before = await countedOtlp();
  const { port } = new URL(tracer.url);
  for (const mode of ["proto", "http"]) {
    await runClient("otlp-logs", { url: "default", args: [mode, "none", port] });
  }
  expect((await countedOtlp()) - before).toBe(2 * RECORDS);
});

async function post(body: string | Uint8Array<ArrayBuffer>, contentType: string) {
  const headers = contentType === "" ? {} : { "content-type": contentType };
  const response = await fetch(`${tracer.url}/v1/logs`, { method: "POST", body, headers });
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, type: response.headers.get("content-type") ?? "", bytes };
}

test("answers come in the encoding of the request, an empty export is fine", async () => {
  for (const [body, type] of [
    ["", "application/x-protobuf"],
    ["{}", "application/json"],
    ['{"resourceLogs":[]}', "application/json; charset=utf-8"],
  ] as const) {
    const answer = await post(body, type);
    const isJson = type.includes("json");
    expect([answer.status, answer.type]).toEqual([
      200,
      isJson ? "application/json" : "application/x-protobuf",
    ]);
    expect(answer.bytes.toString()).toBe(isJson ? "{}" : "");
  }
});

const RECORD = '{"body":{"stringValue":"kept"}}';
const request = (records: string) =>
  `{"resourceLogs":[{"scopeLogs":[{"logRecords":[${records}]}]}]}`;

test("a record that is none is refused alone, and said as OTLP says it", async () => {
  const json = await post(request(`${RECORD},17,${RECORD}`), "application/json");
  expect(json.status).toBe(200);
  expect(JSON.parse(json.bytes.toString())).toEqual({
    partialSuccess: {
      rejectedLogRecords: "1",
      errorMessage: "1 refused; the first, record 1: Not a JSON object.",
    },
  });
  // A LogRecord whose body has a length beyond itself, then one that is empty.
  const records = [0x12, 0x02, 0x2a, 0x05, 0x12, 0x00];
  const body = Uint8Array.from([0x0a, records.length + 2, 0x12, records.length, ...records]);
  const { status, bytes } = await post(body, "application/x-protobuf");
  expect(status).toBe(200);
  // partial_success: { rejected_log_records: 1, error_message: … }
  expect([bytes[0], bytes[2], bytes[3], bytes[4]]).toEqual([0x0a, 0x08, 0x01, 0x12]);
  expect(bytes.subarray(6).toString()).toContain("1 refused; the first, record 0:");
});

test("what no second try would help is 4xx, as a google.rpc.Status", async () => {
  const json = await post('{"resourceLogs":[{"scopeLogs":[{"logRec', "application/json");
  expect([json.status, json.type]).toEqual([400, "application/json"]);
  expect(JSON.parse(json.bytes.toString())).toMatchObject({ code: 3 });
  const protobuf = await post(Uint8Array.from([0x0a, 0x7f, 0x12]), "application/x-protobuf");
  expect([protobuf.status, protobuf.type]).toEqual([400, "application/x-protobuf"]);
  expect([...protobuf.bytes.subarray(0, 3)]).toEqual([0x08, 3, 0x12]);
  for (const body of ["hello", '{"message":"x"}', "[1]", "\u001f\u008b"]) {
    expect([body, (await post(body, "")).status]).toEqual([body, 400]);
  }
});

// Goal: two days of a steady gauge, then a jump: one incident of kind metric, as a warning. Method: the past is sent with its own
// times; the step of the jump lies just before the present, so that the value behind it closes it.
test("metrics: a jump after two steady days opens an incident of kind metric", async () => {
  const stepMs = 300_000;
  const steps = 600;
  const nowMs = Date.now();
  const dataPoints = Array.from({ length: steps + 1 }, (_, step) => {
    const timeMs = nowMs - (steps - step) * stepMs;
    const asDouble = step === steps - 1 ? 900 : 100 + 5 * Math.sin(step * 12.9898);
    return { timeUnixNano: `${timeMs}000000`, asDouble };
  });
  const attributes = [{ key: "service.name", value: { stringValue: "metric-shop" } }];
  const metrics = [{ name: "queue.depth", gauge: { dataPoints } }];
  const body = { resourceMetrics: [{ resource: { attributes }, scopeMetrics: [{ metrics }] }] };
  const response = await fetch(`${tracer.url}/v1/metrics`, {
    ...{ method: "POST", headers: { "content-type": "application/json" } },
    body: JSON.stringify(body),
  });
  expect([response.status, await response.text()]).toEqual([200, "{}"]);
  const incidents = async () => {
    const url = `${tracer.url}/api/v1/incidents?service=metric-shop`;
    const { incidents: found }: { incidents: object[] } = JSON.parse(
      await (await fetch(url)).text(),
    );
    return found;
  };
  await expect.poll(incidents, { timeout: 60_000 }).toMatchObject([
    {
      ...{ kind: "metric", part: "queue.depth", severity: "warning", state: "open" },
      title: "metric-shop: unusual values of queue.depth",
      evidence: { unit: "number", peak: 900 },
    },
  ]);
});

test.each(["proto", "http"])(
  "metrics of OpenTelemetry's own exporter, %s: every point",
  async (mode) => {
    await using proxy = await startRecordingProxy(tracer.url);
    await runClient("otlp-metrics", { url: proxy.url, args: [mode] });
    const { exchanges } = proxy;
    expect(exchanges.map(({ status, path }) => `${status} ${path}`)).toEqual(["200 /v1/metrics"]);
    const context = { defaultService: "unknown", receiptMs: Date.now() };
    const { points, rejected } = decodeOtlpMetrics(exchanges[0]?.body ?? Buffer.alloc(0), context);
    expect(rejected).toBe(0);
    expect(points.map(({ name, kind, value, count }) => [name, kind, value, count])).toEqual([
      ["queue.depth{queue=mail}", "value", 7, null],
      ["orders", "total", 12, null],
      ["request.duration", "total", 2.5, 2],
    ]);
    expect(new Set(points.map(({ service }) => service))).toEqual(new Set([`otlp-${mode}`]));
  },
);
