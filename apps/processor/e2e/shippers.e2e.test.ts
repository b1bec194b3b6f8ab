import { execFile } from "node:child_process";
import { promisify } from "node:util";
import {
  BulkItems,
  type CreateDecoder,
  createBulkDecoder,
  createLogsDecoder,
  createLokiJsonDecoder,
  createLokiProtoDecoder,
  SnappyInflater,
  snappyHead,
} from "@tracer/ingest";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runClient } from "./client-process.ts";
import { type Recorder, recordsIn, startRecorder } from "./recorder.ts";
import { startTracerProcess, type TracerProcess } from "./tracer-process.ts";

// Goal: shippers as people run them, unmodified: all they send is counted, and record by record with the right level,
// service, time and message. Method: each runs against the real process through a recorder, which keeps its bodies.

let tracer: TracerProcess;
beforeAll(async () => {
  tracer = await startTracerProcess();
});
afterAll(() => tracer[Symbol.asyncDispose]());

async function acceptedBy(protocol: string): Promise<number> {
  const text = await (await fetch(`${tracer.url}/metrics`)).text();
  const name = `tracer_records_total{protocol="${protocol}",result="accepted"}`;
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length + 1));
}

const bulk: CreateDecoder = (bytes, context, onBatch) =>
  createBulkDecoder(bytes, context, onBatch, new BulkItems());

/** Runs a client; what its bodies hold, record by record. All of it must have been counted. */
async function recordsOf(
  name: string,
  { protocol, create, args = [] }: { protocol: string; create: CreateDecoder; args?: string[] },
): Promise<{ records: string[]; stdout: string; recorder: Recorder }> {
  await using recorder = await startRecorder(tracer.url);
  const before = await acceptedBy(protocol);
  const stdout = await runClient(name, { url: recorder.url, args });
  const posts = recorder.requests.filter(({ route }) => /(_bulk|push|logs)$/.test(route));
  const records = posts.flatMap(({ body }) => recordsIn(create, plain(body)));
  expect(posts.every(({ status }) => status >= 200 && status < 300)).toBe(true);
  expect(records.length).toBeGreaterThan(0);
  expect((await acceptedBy(protocol)) - before).toBe(records.length);
  return { records, stdout, recorder };
}

/** Bodies that are not text are Snappy blocks here. */
function plain(body: Buffer): Buffer {
  const head = snappyHead(body);
  if (body[0] === 0x7b || head === null) return body;
  const inflater = new SnappyInflater(body, head);
  expect(inflater.advance(head.length + 1)).toBe("done");
  return inflater.inflated;
}

test("pino-loki: level from the label, message and latency from the JSON line", async () => {
  const { records } = await recordsOf("pino-loki", {
    protocol: "loki",
    create: createLokiJsonDecoder,
  });
  expect(records).toEqual([
    "debug checkout one",
    'info checkout two "quoted" 12.5ms',
    "warn checkout three",
    "error checkout four",
    "fatal checkout five",
  ]);
});

test("winston-loki, as JSON with structured metadata, and as Snappy protobuf", async () => {
  const json = await recordsOf("winston-loki", {
    protocol: "loki",
    create: createLokiJsonDecoder,
    args: ["json"],
  });
  expect(json.records).toEqual([
    'debug orders-json one {"level":"debug"}',
    'info orders-json two "quoted" {"duration_ms":12,"level":"info"} 12ms',
    'warn orders-json three {"level":"warn"}',
    'error orders-json four {"level":"error"}',
  ]);
  const proto = await recordsOf("winston-loki", {
    protocol: "loki",
    create: createLokiProtoDecoder,
    args: ["proto"],
  });
  expect(proto.recorder.requests[0]?.contentType).toBe("application/x-protobuf");
  expect(proto.records).toEqual([
    'debug orders-proto one {"level":"debug"}',
    'info orders-proto two "quoted" {"duration_ms":12,"level":"info"}',
    'warn orders-proto three {"level":"warn"}',
    'error orders-proto four {"level":"error"}',
  ]);
});

test("@elastic/elasticsearch: its handshake, its bulk helper, and every kind of action", async () => {
  const { records, stdout } = await recordsOf("elasticsearch", {
    protocol: "elasticsearch",
    create: bulk,
  });
  expect(records.slice(0, 2)).toEqual(["error ecs-shop document 0", "info ecs-shop document 1"]);
  expect(records.filter((record) => record.startsWith("error ecs-shop "))).toHaveLength(50);
  expect(records.slice(250)).toEqual(["warn mixed index", "error mixed update"]);
  expect(JSON.parse(stdout)).toMatchObject({
    tagline: "You Know, for Search",
    status: "green",
    dropped: 0,
    stats: { total: 250, successful: 250, failed: 0, retry: 0 },
    mixed: {
      errors: false,
      items: [
        { index: { _index: "a", _id: "7", status: 201, result: "created" } },
        { update: { _index: "a", _id: "7", status: 200, result: "updated" } },
        { delete: { _index: "a", _id: "7", status: 200, result: "deleted" } },
      ],
    },
  });
});

test("@opensearch-project/opensearch: its bulk helper", async () => {
  const { records, stdout } = await recordsOf("opensearch", {
    protocol: "elasticsearch",
    create: bulk,
  });
  expect(records).toHaveLength(40);
  expect(records.slice(3, 5)).toEqual(["info open-shop document 3", "error open-shop document 4"]);
  expect(JSON.parse(stdout)).toMatchObject({ stats: { total: 40, successful: 40, failed: 0 } });
});

test("pino-elasticsearch, and winston-elasticsearch with the template that it sets up", async () => {
  const pino = await recordsOf("pino-elasticsearch", { protocol: "elasticsearch", create: bulk });
  expect(pino.records).toEqual(["info pino-es one", "warn pino-es two", "error pino-es three"]);
  expect(JSON.parse(pino.stdout)).toMatchObject({ successful: 3, failed: 0 });
  const winston = await recordsOf("winston-elasticsearch", {
    protocol: "elasticsearch",
    create: bulk,
  });
  expect(winston.records.toSorted()).toEqual([
    "error unknown three",
    "info unknown one",
    "warn unknown two",
  ]);
  const routes = winston.recorder.requests.map(({ route }) => route);
  expect(routes).toContain("GET /_cluster/health");
  expect(routes).toContain("HEAD /_index_template/template_logs");
});

test("pino-http-send, as JSON and as NDJSON", async () => {
  for (const type of ["json", "ndjson"]) {
    const { records } = await recordsOf("pino-http-send", {
      protocol: "logs",
      create: createLogsDecoder,
      args: [type],
    });
    const service = `http-send-${type}`;
    expect(records).toEqual([
      `info ${service} one`,
      `warn ${service} two`,
      `error ${service} three 40ms`,
      `fatal ${service} four`,
    ]);
  }
});

test("pino piped to curl, as it is and as gzip", async ({ skip }) => {
  const run = promisify(execFile);
  const found = await run("curl", ["--version"]).catch(() => null);
  if (found === null) return skip("curl is not installed here.");
  const lines = await runClient("pino-stdout", { url: "-" });
  const before = await acceptedBy("logs");
  // The content type is curl's own for forms: it must not matter.
  const post = ["-sS", "--fail-with-body", `${tracer.url}/logs`];
  const sent = await run("curl", [...post, "--data-binary", lines]);
  expect(JSON.parse(sent.stdout)).toEqual({ accepted: 3, rejected: 0, errors: [] });
  const gzip =
    'gzip -c | curl -sS --fail-with-body -H "Content-Encoding: gzip" --data-binary @- "$1/logs"';
  const piped = await run("sh", ["-c", `printf '%s' "$2" | ${gzip}`, "sh", tracer.url, lines]);
  expect(JSON.parse(piped.stdout)).toEqual({ accepted: 3, rejected: 0, errors: [] });
  expect((await acceptedBy("logs")) - before).toBe(6);
});

test("the services of all of them are there", async () => {
  const answer = await (await fetch(`${tracer.url}/api/v1/services`)).json();
  const services: { service: string }[] = JSON.parse(JSON.stringify(answer)).services;
  const names = services.map(({ service }) => service);
  for (const name of [
    "checkout",
    "orders-json",
    "orders-proto",
    "ecs-shop",
    "mixed",
    "open-shop",
  ]) {
    expect(names).toContain(name);
  }
});
