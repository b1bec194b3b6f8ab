import { createGelfDecoder, createSplunkDecoder, createSyslogDecoder } from "@tracer/ingest";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runClient } from "./client-process.ts";
import { framesOf, relayHttp, relayTcp, relayUdp, rowsOf } from "./relays.ts";
import { startTracerProcess, syslogPortOf, type TracerProcess } from "./tracer-process.ts";

// Goal: shippers as people run them are understood record by record, and Tracer counts what they sent. Method:
// each runs against the real process through a relay that keeps a copy; the copy is decoded here.

let tracer: TracerProcess;
let syslogPort = 0;
beforeAll(async () => {
  tracer = await startTracerProcess({ SYSLOG_PORT: "0", TZ: process.env["TZ"] ?? "UTC" });
  syslogPort = syslogPortOf(tracer);
});
afterAll(() => tracer[Symbol.asyncDispose]());

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

const SYSLOG_LEVELS = ["debug", "info", "warn", "error", "fatal", "fatal"];

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
    // winston writes JSON, whose fields are read.
    expect(row.message).toBe(`order ${expected[index]?.at} – paid`);
    expect(Math.abs(row.ageMs)).toBeLessThan(120_000);
  }
}

test("winston-syslog over TCP, both formats", async () => {
  using relay = await relayTcp(syslogPort);
  await runClient("shippers", { url: relay.url, args: ["syslog-tcp"] });
  await counted("syslog", 60);
  expectWinstonSyslog(framesOf(relay.connections));
});

test("winston-syslog over UDP, both formats", async () => {
  using relay = await relayUdp(syslogPort);
  await runClient("shippers", { url: relay.url, args: ["syslog-udp"] });
  await counted("syslog-udp", 60);
  expectWinstonSyslog(relay.datagrams);
  expect(await metric('tracer_records_total{protocol="syslog-udp",result="dropped"}')).toBe(0);
});

test("splunk-logging: objects one behind the other, sent as a form", async () => {
  using relay = await relayHttp(tracer.url);
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
