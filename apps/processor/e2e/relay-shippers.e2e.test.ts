import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer } from "node:net";
import { LEVELS } from "@tracer/core";
import {
  type CreateDecoder,
  createGelfDecoder,
  createSplunkDecoder,
  createSyslogDecoder,
  messageOf,
  SeriesDirectory,
  SyslogFramer,
} from "@tracer/ingest";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runClient } from "./client-process.ts";
import { startTracerProcess, type TracerProcess } from "./tracer-process.ts";

// Goal: shippers as people run them are understood record by record, and Tracer counts what they sent. Method:
// each runs against the real process through a relay that keeps a copy; the copy is decoded here.

let tracer: TracerProcess;
let syslogPort = 0;
beforeAll(async () => {
  tracer = await startTracerProcess({ SYSLOG_PORT: "0", TZ: process.env["TZ"] ?? "UTC" });
  syslogPort = Number(/"port":(\d+),"msg":"Syslog is received/.exec(tracer.stderr())?.[1]);
});
afterAll(() => tracer[Symbol.asyncDispose]());

interface Row {
  readonly level: string | undefined;
  readonly service: string | undefined;
  readonly environment: string | undefined;
  readonly message: string | null;
  readonly latencyMs: number | undefined;
  readonly ageMs: number;
}

function rowsOf(body: Buffer, createDecoder: CreateDecoder): Row[] {
  const directory = new SeriesDirectory();
  const receiptMs = Date.now();
  const rows: Row[] = [];
  const context = { directory, projectId: directory.project("default"), receiptMs };
  const decoder = createDecoder(body, { ...context, defaultService: "unknown" }, (batch) => {
    for (let row = 0; row < batch.length; row += 1) {
      const key = directory.key(batch.slot[row] ?? -1);
      rows.push({
        level: LEVELS[batch.level[row] ?? -1],
        service: key?.service,
        environment: key?.environment,
        message: messageOf(batch, row, decoder.text),
        latencyMs: batch.latencyMs[row],
        ageMs: receiptMs - (batch.timestampMs[row] ?? Number.NaN),
      });
    }
  });
  while (!decoder.advance(1_000_000));
  return rows;
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${tracer.url}/metrics`)).text();
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length + 1));
}

const accepted = (protocol: string) =>
  metric(`tracer_records_total{protocol="${protocol}",result="accepted"}`);

/** Keeps asking: records are counted a moment after they came. */
async function counted(protocol: string, records: number): Promise<void> {
  await expect.poll(() => accepted(protocol), { timeout: 20_000 }).toBe(records);
}

async function relayTcp(port: number) {
  const chunks: Buffer[] = [];
  const server = createServer((socket) => {
    const onward = connect({ port, host: "127.0.0.1" });
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      onward.write(chunk);
    });
    socket.on("close", () => onward.end());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const url = `tcp://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  return { url, chunks, [Symbol.dispose]: () => void server.close() };
}

async function relayUdp(port: number) {
  const datagrams: Buffer[] = [];
  const socket = createSocket("udp4");
  socket.on("message", (message) => {
    datagrams.push(message);
    socket.send(message, port, "127.0.0.1");
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const url = `udp://127.0.0.1:${socket.address().port}`;
  return { url, datagrams, [Symbol.dispose]: () => void socket.close() };
}

interface Recorded {
  readonly path: string;
  readonly type: string;
  readonly body: Buffer;
}

async function relayHttp() {
  const requests: Recorded[] = [];
  const server = createHttpServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const path = request.url ?? "";
    requests.push({ path, type: request.headers["content-type"] ?? "", body });
    const headers = { "content-type": request.headers["content-type"] ?? "" };
    const answer = await fetch(`${tracer.url}${path}`, { method: "POST", headers, body });
    response.writeHead(answer.status, { "content-type": "application/json" });
    response.end(await answer.text());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  return { url, requests, [Symbol.dispose]: () => void server.close() };
}

const SYSLOG_LEVELS = ["debug", "info", "warn", "error", "fatal", "fatal"];

function framesOf(chunks: readonly Buffer[]): Buffer[] {
  const framer = new SyslogFramer();
  const frames: Buffer[] = [];
  const take = (bytes: Uint8Array, start: number, end: number) =>
    frames.push(Buffer.from(bytes.slice(start, end)));
  for (const chunk of chunks) framer.push(chunk, take);
  framer.end(take);
  return frames;
}

function expectWinstonSyslog(messages: readonly Buffer[]): void {
  const body = Buffer.concat(messages.flatMap((bytes) => [Buffer.from(`${bytes.length} `), bytes]));
  const rows = rowsOf(body, createSyslogDecoder);
  const expected = ["winston-bsd", "winston-5424"].flatMap((service) =>
    Array.from({ length: 30 }, (_, at) => ({ service, level: SYSLOG_LEVELS[at % 6], at })),
  );
  expect(rows.map(({ service, level }) => ({ service, level }))).toEqual(
    expected.map(({ service, level }) => ({ service, level })),
  );
  for (const [index, row] of rows.entries()) {
    expect(JSON.parse(row.message ?? "")).toMatchObject({
      message: `order ${expected[index]?.at} – paid`,
    });
    expect(Math.abs(row.ageMs)).toBeLessThan(120_000);
  }
}

test("winston-syslog over TCP, both formats", async () => {
  using relay = await relayTcp(syslogPort);
  await runClient("shippers", { url: relay.url, args: ["syslog-tcp"] });
  await counted("syslog", 60);
  expectWinstonSyslog(framesOf(relay.chunks));
});

test("winston-syslog over UDP, both formats", async () => {
  using relay = await relayUdp(syslogPort);
  await runClient("shippers", { url: relay.url, args: ["syslog-udp"] });
  await counted("syslog-udp", 60);
  expectWinstonSyslog(relay.datagrams);
  expect(await metric('tracer_records_total{protocol="syslog-udp",result="dropped"}')).toBe(0);
});

test("splunk-logging: objects one behind the other, sent as a form", async () => {
  using relay = await relayHttp();
  await runClient("shippers", { url: relay.url, args: ["splunk-logging"] });
  const rows = relay.requests.flatMap(({ body }) => rowsOf(body, createSplunkDecoder));
  expect(relay.requests[0]).toMatchObject({
    path: "/services/collector/event/1.0",
    type: "application/x-www-form-urlencoded",
  });
  expect(rows.map(({ ageMs: _age, ...row }) => row)).toEqual(
    Array.from({ length: 60 }, (_, at) => ({
      level: ["debug", "info", "warn", "error"][at % 4],
      service: at % 2 === 0 ? "splunk-logging" : "splunk-text",
      environment: "",
      message: `order ${at}`,
      latencyMs: at % 2 === 0 ? at : Number.NaN,
    })),
  );
  for (const { ageMs } of rows) expect(Math.abs(ageMs)).toBeLessThan(120_000);
  expect(await accepted("splunk")).toBe(60);
});

test("winston-splunk-httplogger", async () => {
  using relay = await relayHttp();
  const before = await accepted("splunk");
  await runClient("shippers", { url: relay.url, args: ["winston-splunk"] });
  const rows = relay.requests.flatMap(({ body }) => rowsOf(body, createSplunkDecoder));
  const levels = ["trace", "debug", "debug", "info", "info", "warn", "error"];
  expect(rows.map(({ level, service, message }) => ({ level, service, message }))).toEqual(
    Array.from({ length: 60 }, (_, at) => ({
      level: levels[at % 7],
      ...{ service: "winston-splunk", message: `order ${at}` },
    })),
  );
  await counted("splunk", before + 60);
});

test("gelf-pro's messages, posted", async () => {
  const body = await runClient("shippers", { url: tracer.url, args: ["gelf-pro"] });
  const rows = rowsOf(Buffer.from(body), createGelfDecoder);
  const levels = ["debug", "info", "info", "warn", "error", "fatal"];
  expect(
    rows.map(({ level, service, environment, message }) => ({
      level,
      service,
      environment,
      message,
    })),
  ).toEqual(
    Array.from({ length: 60 }, (_, at) => ({
      level: levels[at % 6],
      service: at % 2 === 0 ? "gelf-service" : "gelf-facility",
      ...{ environment: "prod", message: `order ${at}` },
    })),
  );
  const answer = await fetch(`${tracer.url}/gelf`, { method: "POST", body });
  expect([answer.status, await answer.text()]).toEqual([202, ""]);
  expect(await accepted("gelf")).toBe(60);
});
