import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  BulkItems,
  type CreateDecoder,
  createBulkDecoder,
  createLogsDecoder,
  createSyslogDecoder,
} from "@tracer/ingest";
import { afterAll, beforeAll, expect, test } from "vitest";
import { logger, shell, startRsyslog, startSyslogNg } from "./debian-daemons.ts";
import { framesOf, type Row, relayHttp, relayTcp, relayUdp, rowsOf } from "./relays.ts";
import { pageText, placed, shipperPages, snippetsOf } from "./snippets.ts";
import {
  startTracerProcess,
  syslogPortOf,
  type TracerProcess,
  temporaryFolder,
} from "./tracer-process.ts";

// Goal: Debian's shippers, unmodified, are understood record by record, and Tracer counts all that they sent. Method:
// each sends 8 severities × 25 lines through a relay that keeps a copy; the copy is decoded here.

let tracer: TracerProcess;
let port = 0;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
  tracer = await startTracerProcess({ SYSLOG_PORT: "0", TZ: "UTC" });
  port = syslogPortOf(tracer);
});
afterAll(async () => {
  await tracer[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const SEVERITIES = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];
const LEVELS = ["fatal", "fatal", "fatal", "error", "warn", "info", "info", "debug"];
const LINES = 25;
const RECORDS = SEVERITIES.length * LINES;

const lineOf = (severity: string, at: number) => `order ${at} of ${severity} – paid [x] "y": {z}`;

/** Writes the lines of each severity by `logger`, with these arguments for where to. */
async function logAll(where: readonly string[]): Promise<void> {
  for (const severity of SEVERITIES) {
    const file = join(folder.path, `${severity}.txt`);
    const lines = Array.from({ length: LINES }, (_, at) => `${lineOf(severity, at)}\n`);
    await writeFile(file, lines.join(""));
    await logger([...where, "-t", `shop-${severity}`, "-p", `local0.${severity}`, "-f", file]);
  }
}

function expectAll(rows: readonly Row[]): void {
  const sorted = (list: readonly (readonly (string | null | undefined)[])[]) =>
    list.map((row) => row.join("\t")).sort();
  expect(sorted(rows.map(({ level, service, message }) => [level, service, message]))).toEqual(
    sorted(
      SEVERITIES.flatMap((severity, index) =>
        Array.from({ length: LINES }, (_, at) => [
          ...[LEVELS[index], `shop-${severity}`, lineOf(severity, at)],
        ]),
      ),
    ),
  );
  for (const { ageMs } of rows) expect(Math.abs(ageMs)).toBeLessThan(300_000);
}

function syslogRows(messages: readonly Buffer[]): Row[] {
  const framed = messages.flatMap((bytes) => [Buffer.from(`${bytes.length} `), bytes]);
  return rowsOf(Buffer.concat(framed), createSyslogDecoder);
}

async function accepted(protocol: string): Promise<number> {
  const text = await (await fetch(`${tracer.url}/metrics`)).text();
  const name = `tracer_records_total{protocol="${protocol}",result="accepted"} `;
  const line = text.split("\n").find((candidate) => candidate.startsWith(name));
  return line === undefined ? 0 : Number(line.slice(name.length));
}

/** Runs `send` and waits until so many more records are counted. */
async function counted(
  protocol: string,
  send: () => Promise<void>,
  records = RECORDS,
): Promise<void> {
  const before = await accepted(protocol);
  await send();
  await expect.poll(() => accepted(protocol), { timeout: 60_000 }).toBe(before + records);
}

const server = (url: string) => ["-n", new URL(url).hostname, "-P", new URL(url).port];

test.each([
  ["--tcp", "--rfc5424", "--octet-count"],
  ["--tcp", "--rfc5424"],
  ["--tcp", "--rfc3164", "--octet-count"],
  ["--tcp", "--rfc3164"],
])("logger %s %s %s", async (...args) => {
  using relay = await relayTcp(port);
  await counted("syslog", () => logAll([...server(relay.url), ...args]));
  expectAll(syslogRows(framesOf(relay.connections)));
});

test.each(["--rfc5424", "--rfc3164"])("logger --udp %s", async (format) => {
  using relay = await relayUdp(port);
  await counted("syslog-udp", () => logAll([...server(relay.url), "--udp", format]));
  expectAll(syslogRows(relay.datagrams));
});

const target = (url: string) => `target="127.0.0.1" port="${new URL(url).port}"`;

test("rsyslog's omfwd: TCP with lines and with counts, UDP", async () => {
  await using place = await temporaryFolder();
  using lines = await relayTcp(port);
  using octets = await relayTcp(port);
  using datagrams = await relayUdp(port);
  const actions = `
action(type="omfwd" ${target(lines.url)} protocol="tcp")
action(type="omfwd" ${target(octets.url)} protocol="tcp" TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format")
action(type="omfwd" ${target(datagrams.url)} protocol="udp" template="RSYSLOG_ForwardFormat")`;
  await using daemon = await startRsyslog(place.path, actions);
  await counted(
    "syslog-udp",
    () => counted("syslog", () => logAll(["-u", daemon.socket]), 2 * RECORDS),
    RECORDS,
  );
  expectAll(syslogRows(framesOf(lines.connections)));
  expectAll(syslogRows(framesOf(octets.connections)));
  expectAll(syslogRows(datagrams.datagrams));
});

test("syslog-ng's network() and syslog(), TCP and UDP", async () => {
  await using place = await temporaryFolder();
  using lines = await relayTcp(port);
  using octets = await relayTcp(port);
  using datagrams = await relayUdp(port);
  const to = (url: string) => `"127.0.0.1" port(${new URL(url).port})`;
  await using daemon = await startSyslogNg(
    place.path,
    Object.entries({
      lines: `network(${to(lines.url)} transport("tcp"));`,
      octets: `syslog(${to(octets.url)} transport("tcp"));`,
      datagrams: `network(${to(datagrams.url)} transport("udp"));`,
    })
      .map(
        ([name, to]) =>
          `destination ${name} { ${to} }; log { source(s_src); destination(${name}); };`,
      )
      .join("\n"),
  );
  await counted(
    "syslog-udp",
    () => counted("syslog", () => logAll(["-u", daemon.socket]), 2 * RECORDS),
    RECORDS,
  );
  expectAll(syslogRows(framesOf(lines.connections)));
  expectAll(syslogRows(framesOf(octets.connections)));
  expectAll(syslogRows(datagrams.datagrams));
});

async function snippet(page: string, at: number, url: string): Promise<string> {
  const marked = snippetsOf(page, await pageText(page)).filter(({ mark }) => mark === "debian");
  return placed(marked[at]?.code ?? "", { url, syslogPort: port });
}

const bulkDecoder: CreateDecoder = (bytes, context, onBatch) =>
  createBulkDecoder(bytes, context, onBatch, new BulkItems());

test("rsyslog's omelasticsearch, and omfwd, as their page has them", async () => {
  await using place = await temporaryFolder();
  using relay = await relayHttp(tracer.url);
  const actions = `${await snippet("rsyslog.md", 0, tracer.url)}\n${await snippet("rsyslog.md", 1, relay.url)}`;
  await using daemon = await startRsyslog(place.path, actions);
  await counted("syslog", () => counted("elasticsearch", () => logAll(["-u", daemon.socket])));
  expect(relay.requests.length).toBeGreaterThan(0);
  const rows = relay.requests.flatMap(({ body }) => rowsOf(body, bulkDecoder));
  // rsyslog's `msg` begins with the space that stood behind the tag.
  expectAll(rows.map((row) => ({ ...row, message: row.message?.replace(/^ /, "") ?? null })));
});

test("syslog-ng's http() and syslog(), as their page has them", async () => {
  await using place = await temporaryFolder();
  using relay = await relayHttp(tracer.url);
  const configuration = `${await snippet("syslog-ng.md", 0, tracer.url)}\n${await snippet("syslog-ng.md", 1, relay.url)}`;
  await using daemon = await startSyslogNg(place.path, configuration);
  await counted("syslog", () => counted("logs", () => logAll(["-u", daemon.socket])));
  expect(relay.requests.length).toBeLessThan(RECORDS);
  expectAll(relay.requests.flatMap(({ body }) => rowsOf(body, createLogsDecoder)));
});

test("logger, as its page has it", async () => {
  const command = await snippet("syslog.md", 0, tracer.url);
  await counted("syslog", () => shell(command), 1);
});

test("curl with lines that another program writes", async () => {
  const lines = SEVERITIES.flatMap((severity) =>
    Array.from({ length: LINES }, (_, at) =>
      JSON.stringify({ level: severity, service: `shop-${severity}`, msg: lineOf(severity, at) }),
    ),
  );
  const file = join(folder.path, "lines.json");
  await writeFile(file, lines.join("\n"));
  using relay = await relayHttp(tracer.url);
  await counted("logs", () =>
    shell(`cat "${file}" | curl -fsS --data-binary @- ${relay.url}/logs`),
  );
  expectAll(relay.requests.flatMap(({ body }) => rowsOf(body, createLogsDecoder)));
});

test("every snippet for Debian's programs is run here", async () => {
  const marked = [...(await shipperPages())].flatMap(([name, text]) =>
    snippetsOf(name, text).filter(({ mark }) => mark === "debian"),
  );
  expect(marked.map(({ page }) => page).sort()).toEqual([
    ...["rsyslog.md", "rsyslog.md", "syslog-ng.md", "syslog-ng.md", "syslog.md"],
  ]);
});
