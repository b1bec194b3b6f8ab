import { createConnection, type Socket } from "node:net";
import {
  brotliCompressSync,
  constants,
  createZstdCompress,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { HEADERS_MAX } from "../src/http/connections.ts";
import { metricSum } from "./overload/books.ts";
import { startTracerProcess, type TracerProcess } from "./tracer-process.ts";
import { postLogs, until } from "./traffic.ts";

// Goal: no sender, however odd or slow, holds a connection or the budget for long, and each is told why.
// Method: raw sockets on one real process with the smallest budget; the slow ones wait beside each other.

const BUDGET_BYTES = 32 * 1024 * 1024;
let tracer: TracerProcess;
beforeAll(async () => {
  tracer = await startTracerProcess({
    INGEST_IN_FLIGHT_BYTES_MAX: String(BUDGET_BYTES),
    SERIES_MAX: "3",
  });
});
afterAll(() => tracer[Symbol.asyncDispose]());

const HEAD = "POST /logs HTTP/1.1\r\nHost: 127.0.0.1\r\n";
const RECORD = '{"service":"slow","message":"x"}\n';

interface Raw {
  readonly socket: Socket;
  /** All that came back; settles when the other side has ended the connection. */
  readonly ended: Promise<string>;
}

function open(bytes: string): Raw {
  const socket = createConnection({ host: "127.0.0.1", port: Number(new URL(tracer.url).port) });
  socket.write(bytes);
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  socket.on("error", () => {});
  const ended = new Promise<string>((resolve) => socket.on("close", () => resolve(text)));
  return { socket, ended };
}

/** Writes a piece again and again until the connection ends. */
function trickle({ socket, ended }: Raw, piece: string, everyMs: number): Promise<string> {
  const timer = setInterval(() => socket.writable && socket.write(piece), everyMs);
  return ended.finally(() => clearInterval(timer));
}

test("slow headers, no headers, slow bodies: each is ended with its reason, and holds nothing", async () => {
  const slowHeaders = trickle(open(HEAD), "X-A: b\r\n", 500);
  const silent = open("").ended;
  const announced = trickle(open(`${HEAD}Content-Length: 1000000\r\n\r\n${RECORD}`), RECORD, 500);
  const piece = `${RECORD.length.toString(16)}\r\n${RECORD}\r\n`;
  const chunked = trickle(open(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`), piece, 500);
  expect(await slowHeaders).toMatch(/^HTTP\/1.1 408 [\s\S]*"code":"BODY_TOO_SLOW"/);
  expect(await silent).toMatch(/^(HTTP\/1.1 408 |$)/);
  for (const slow of [await announced, await chunked]) {
    expect(slow).toMatch(/^HTTP\/1.1 408 [\s\S]*connection: close[\s\S]*"code":"BODY_TOO_SLOW"/i);
  }
  expect(await metricSum(tracer.url, "tracer_ingest_in_flight_bytes")).toBe(0);
  expect(await metricSum(tracer.url, "tracer_records_total", 'protocol="logs"')).toBe(0);
});

test("a chunked body beyond the limit is told 413, not cut off", async () => {
  const piece = `100000\r\n${" ".repeat(0x100000)}\r\n`;
  const head = `${HEAD}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const answer = await open(`${head}${piece.repeat(11)}0\r\n\r\n`).ended;
  expect(answer).toMatch(/^HTTP\/1.1 413 [\s\S]*"code":"BODY_TOO_LARGE"/);
});

test("as many headers as are allowed, and one more", async () => {
  const request = (headers: number) => {
    const more = Array.from({ length: headers - 2 }, (_, at) => `X-${at}: 1\r\n`).join("");
    return open(`GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n${more}\r\n`)
      .ended;
  };
  expect(await request(HEADERS_MAX)).toMatch(/^HTTP\/1.1 200 /);
  expect(await request(HEADERS_MAX + 1)).toMatch(/^HTTP\/1.1 431 [\s\S]*"HEADERS_TOO_MANY"/);
});

test("a thousand requests in one go on one connection: a thousand answers, in order", async () => {
  const requests = Array.from({ length: 999 }, (_, at) => {
    const body = '{"service":"piped"}'.repeat((at % 3) + 1);
    return `${HEAD}Content-Length: ${body.length}\r\n\r\n${body}`;
  });
  const last = `GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`;
  const text = await open(`${requests.join("")}${last}`).ended;
  const taken = [...text.matchAll(/\{"accepted":(\d)/g)].map(([, records]) => Number(records));
  expect(taken.join("")).toBe(requests.map((_, at) => (at % 3) + 1).join(""));
  expect(text).toContain('"alive"');
});

test("a bomb in every encoding, and one in another: 413 or 400, and memory stays", async () => {
  const zeros = Buffer.alloc(128 * 1024 * 1024, 0x20);
  const gz = gzipSync(zeros, { level: 9 });
  const bombs: [string, Buffer, number, string][] = [
    ["gzip", gz, 413, "BODY_INFLATES_TOO_MUCH"],
    ["deflate", deflateSync(zeros), 413, "BODY_INFLATES_TOO_MUCH"],
    ["deflate", deflateRawSync(zeros), 413, "BODY_INFLATES_TOO_MUCH"],
    ["br", brotli(zeros), 413, "BODY_INFLATES_TOO_MUCH"],
    ["zstd", zstdCompressSync(zeros), 413, "BODY_INFLATES_TOO_MUCH"],
    ["gzip, gzip", gzipSync(gz), 413, "BODY_INFLATES_TOO_MUCH"],
    ["gzip, gzip, gzip", gzipSync(gzipSync(gz)), 415, "ENCODING_UNKNOWN"],
    ["zstd", await wideZstd(zeros), 400, "ENCODING_INVALID"],
    ["zstd", Buffer.concat(Array(1_001).fill(zstdCompressSync(""))), 400, "ENCODING_INVALID"],
  ];
  const before = await metricSum(tracer.url, "tracer_process_resident_memory_bytes");
  for (const [encoding, bomb, status, code] of bombs) {
    expect(bomb.length).toBeLessThan(1024 * 1024);
    const response = await fetch(`${tracer.url}/logs`, {
      method: "POST",
      body: new Uint8Array(bomb),
      headers: { "content-encoding": encoding },
    });
    const text = await response.text();
    expect([encoding, response.status, text]).toEqual([
      encoding,
      status,
      expect.stringContaining(code),
    ]);
  }
  const after = await metricSum(tracer.url, "tracer_process_resident_memory_bytes");
  expect(after - before).toBeLessThan(200 * 1024 * 1024);
  expect(await metricSum(tracer.url, "tracer_ingest_in_flight_bytes")).toBe(0);
});

function brotli(bytes: Buffer): Buffer {
  return brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } });
}

/** A frame that asks for a window of 64 MiB. */
function wideZstd(bytes: Buffer): Promise<Buffer> {
  const params = { [constants.ZSTD_c_windowLog]: 26 };
  const stream = createZstdCompress({ params });
  stream.end(bytes);
  return Array.fromAsync(stream).then((chunks) => Buffer.concat(chunks));
}

test("more services than SERIES_MAX: counted under (other), said once in the log, shown in metrics and the API", async () => {
  for (let round = 0; round < 2; round += 1) {
    const lines = Array.from({ length: 50 }, (_, at) => `{"service":"many-${round}-${at}"}`);
    expect(await postLogs(tracer.url, lines.join("\n"))).toMatchObject({ accepted: 50 });
  }
  const said = () => tracer.stderr().split("series_full").length - 1;
  await until("it is said", 20_000, () => said() > 0);
  const otherRecords = await metricSum(tracer.url, "tracer_records_other_total");
  expect(otherRecords).toBeGreaterThanOrEqual(97);
  const answer: unknown = await (await fetch(`${tracer.url}/api/v1/services`)).json();
  expect(answer).toMatchObject({
    services: expect.arrayContaining([expect.objectContaining({ service: "(other)" })]),
    room: { seriesMax: 3, otherRecords },
  });
  expect(await metricSum(tracer.url, "tracer_series")).toBeLessThanOrEqual(4);
  expect(said()).toBe(1);
});
