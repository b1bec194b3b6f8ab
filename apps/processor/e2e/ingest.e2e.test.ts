import { createConnection } from "node:net";
import { promisify } from "node:util";
import {
  brotliCompress,
  deflate,
  deflateRaw,
  gzip,
  gzipSync,
  zstdCompress,
  zstdCompressSync,
} from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTracerProcess, type TracerProcess } from "./tracer-process.ts";
import { seeded, traffic } from "./traffic.ts";

// Goal: whatever is sent, the answer is clear, what was acknowledged is counted, and the process stays up
// in bounded memory. Method: one real process with a small SERIES_MAX; every case speaks HTTP to it.

let tracer: TracerProcess;
beforeAll(async () => {
  tracer = await startTracerProcess({ SERIES_MAX: "5000" });
});
afterAll(() => tracer[Symbol.asyncDispose]());

interface Answer {
  readonly status: number;
  readonly json: Record<string, unknown>;
}

type Body = string | Uint8Array<ArrayBuffer>;

async function post(body: Body, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${tracer.url}/logs`, { method: "POST", body, headers });
  const json: Record<string, unknown> = JSON.parse(await response.text());
  return { status: response.status, json };
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${tracer.url}/metrics`)).text();
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length + 1));
}

const ACCEPTED = 'tracer_records_total{protocol="logs",result="accepted"}';
const record = { level: "info", service: "shapes", message: "hello" };

test("every framing is told by its content, whatever the content type says", async () => {
  const one = JSON.stringify(record);
  const bodies: [string, number][] = [
    [one, 1],
    [`[${one},${one}]`, 2],
    [`{"logs":[${one},${one},${one}]}`, 3],
    [`${one}\n${one}\n`, 2],
    [`${one}\r\n\r\n${one}`, 2],
    [`${one}${one}`, 2],
    [`\uFEFF${one}`, 1],
  ];
  for (const type of [
    "application/json",
    "text/plain",
    "application/x-ndjson",
    "",
    "x;;=,/bad",
    "image/png",
  ]) {
    for (const [body, count] of bodies) {
      const answer = await post(Buffer.from(body), type === "" ? {} : { "content-type": type });
      expect([type, body, answer.status]).toEqual([type, body, 202]);
      expect(answer.json).toMatchObject({ accepted: count, rejected: 0, errors: [] });
    }
  }
});

test("gzip, deflate with and without its header, br and zstd", async () => {
  const body = Buffer.from(`${JSON.stringify(record)}\n`.repeat(50));
  const encoded: [string, Buffer][] = [
    ["gzip", await promisify(gzip)(body)],
    ["deflate", await promisify(deflate)(body)],
    ["deflate", await promisify(deflateRaw)(body)],
    ["br", await promisify(brotliCompress)(body)],
    ["zstd", await promisify(zstdCompress)(body)],
    ["identity", body],
  ];
  const half = body.subarray(0, body.length / 2);
  const parts = (compress: (bytes: Buffer) => Buffer) =>
    Buffer.concat([compress(half), compress(half)]);
  encoded.push(["gzip", parts(gzipSync)], ["zstd", parts(zstdCompressSync)]);
  for (const [encoding, bytes] of encoded) {
    const answer = await post(new Uint8Array(bytes), { "content-encoding": encoding });
    expect([encoding, answer.status, answer.json["accepted"]]).toEqual([encoding, 202, 50]);
  }
});

test("what cannot be read is refused with a code, and says where", async () => {
  const gz = gzipSync(Buffer.from(`${JSON.stringify(record)}\n`.repeat(500)));
  const cases: [string, Body, Record<string, string>, number, string][] = [
    ["not JSON", "hello world", {}, 400, "BODY_NOT_LOGS"],
    ["empty", "", {}, 400, "BODY_EMPTY"],
    ["HTML", "<html></html>", {}, 400, "BODY_NOT_LOGS"],
    ["all bad", '[1,2,"x",null]', {}, 400, "RECORDS_ALL_INVALID"],
    [
      "truncated gzip",
      gz.subarray(0, gz.length - 20),
      { "content-encoding": "gzip" },
      400,
      "BODY_CUT_OFF",
    ],
    ["not gzip", "plain", { "content-encoding": "gzip" }, 400, "ENCODING_INVALID"],
    ["unknown encoding", "x", { "content-encoding": "lzma" }, 415, "ENCODING_UNKNOWN"],
  ];
  for (const [name, body, headers, status, code] of cases) {
    const answer = await post(body, headers);
    expect([name, answer.status, answer.json["code"]]).toEqual([name, status, code]);
    expect(String(answer.json["message"]).length, name).toBeGreaterThan(10);
  }
});

test("bad records are named by index, and the good ones beside them count", async () => {
  const before = await metric(ACCEPTED);
  const lines = [
    JSON.stringify(record),
    "{broken",
    JSON.stringify(record),
    "17",
    JSON.stringify(record),
  ];
  const answer = await post(lines.join("\n"));
  expect(answer.status).toBe(202);
  expect(answer.json).toMatchObject({
    accepted: 3,
    rejected: 2,
    errors: [{ index: 1 }, { index: 3 }],
  });
  expect(await metric(ACCEPTED)).toBe(before + 3);
});

test('level "banana" and time "yesterday" do not lose the record: counted, and named under warnings', async () => {
  const answer = await post(
    JSON.stringify([
      { level: "banana", service: "fruit", message: "a" },
      { time: "yesterday", service: "fruit", message: "b" },
      {
        time: new Date(Date.now() + 365 * 86_400_000).toISOString(),
        service: "fruit",
        message: "c",
      },
    ]),
  );
  expect(answer.json).toMatchObject({
    accepted: 3,
    rejected: 0,
    warnings: [
      { index: 0, field: "level" },
      { index: 1, field: "time" },
    ],
  });
  expect(await metric("tracer_records_future_total")).toBeGreaterThanOrEqual(1);
});

test("a record nested 10,000 deep, NUL bytes and a 300-character service: an answer, and no crash", async () => {
  const deep = `{"message":"deep","x":${"[".repeat(10_000)}${"]".repeat(10_000)}}`;
  const nested = await post(`${JSON.stringify(record)}\n${deep}\n`);
  expect(nested.json).toMatchObject({ accepted: 1, rejected: 1, errors: [{ index: 1 }] });
  const odd = await post(
    JSON.stringify([
      { service: "nul\u0000byte", level: "error", message: "a\u0000b" },
      { service: "s".repeat(300), message: "long" },
    ]),
  );
  expect(odd.json).toMatchObject({ accepted: 2 });
  const response = await fetch(`${tracer.url}/api/v1/services`);
  const services: { services: { service: string }[] } = JSON.parse(await response.text());
  const names = services.services.map(({ service }) => service);
  expect(names.some((name) => name.includes("\u0000"))).toBe(false);
  expect(
    names.filter((name) => name.startsWith("ssss") && Buffer.byteLength(name) <= 200),
  ).toHaveLength(1);
});

test("too large on the wire, and a bomb of 1 GB: 413, and memory stays where it was", async () => {
  const large = await post(Buffer.alloc(10 * 1024 * 1024 + 1, " "));
  expect([large.status, large.json["code"]]).toEqual([413, "BODY_TOO_LARGE"]);
  const before = await metric("tracer_process_resident_memory_bytes");
  const bomb = gzipSync(Buffer.alloc(1024 * 1024 * 1024, 0x20), { level: 9 });
  const answer = await post(new Uint8Array(bomb), { "content-encoding": "gzip" });
  expect([answer.status, answer.json["code"]]).toEqual([413, "BODY_INFLATES_TOO_MUCH"]);
  const grown = (await metric("tracer_process_resident_memory_bytes")) - before;
  expect(grown).toBeLessThan(300 * 1024 * 1024);
});

test("10^6 distinct service names: all counted, at most SERIES_MAX held, memory bounded", async () => {
  const before = await metric(ACCEPTED);
  const rssBefore = await metric("tracer_process_resident_memory_bytes");
  for (let batch = 0; batch < 20; batch += 1) {
    const lines = Array.from(
      { length: 50_000 },
      (_, index) => `{"service":"s${batch * 50_000 + index}"}`,
    );
    const answer = await post(lines.join("\n"));
    expect(answer.json).toMatchObject({ accepted: 50_000 });
  }
  expect(await metric(ACCEPTED)).toBe(before + 1_000_000);
  expect(await metric("tracer_series")).toBeLessThanOrEqual(5_001);
  const grown = (await metric("tracer_process_resident_memory_bytes")) - rssBefore;
  expect(grown).toBeLessThan(200 * 1024 * 1024);
});

test("a connection cut in the middle of a body takes nothing, and the process goes on", async () => {
  const before = await metric(ACCEPTED);
  const { port } = new URL(tracer.url);
  await new Promise<void>((resolve) => {
    const socket = createConnection({ host: "127.0.0.1", port: Number(port) }, () => {
      socket.write(
        `POST /logs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000\r\n\r\n${JSON.stringify(record)}\n`,
      );
      setTimeout(() => socket.destroy(), 50);
    });
    socket.on("close", () => resolve());
  });
  expect((await fetch(`${tracer.url}/healthz`)).status).toBe(200);
  expect(await metric(ACCEPTED)).toBe(before);
});

test("tracer_records_total equals what was acknowledged, under many senders at once", async () => {
  const before = await metric(ACCEPTED);
  const random = seeded(7);
  const toMs = Date.now();
  const body = traffic({
    service: "load",
    fromMs: toMs - 30_000,
    toMs,
    perMinute: 1_000,
    errorShare: 0.02,
    random,
  });
  const perBody = body.trim().split("\n").length;
  let acknowledged = 0;
  const sender = async () => {
    for (let round = 0; round < 10; round += 1) {
      const answer = await post(body);
      if (answer.status === 202) acknowledged += Number(answer.json["accepted"]);
      else expect([429, 503]).toContain(answer.status);
    }
  };
  await Promise.all(Array.from({ length: 12 }, sender));
  expect(acknowledged).toBe(perBody * 120);
  expect(await metric(ACCEPTED)).toBe(before + acknowledged);
});

test("a page of another origin can neither post nor read", async () => {
  const { port } = new URL(tracer.url);
  const evil: Record<string, string>[] = [
    { origin: "https://evil.example" },
    { origin: "null" },
    { "sec-fetch-site": "cross-site" },
    { origin: `http://evil.example:${port}`, host: `evil.example:${port}` },
  ];
  for (const headers of evil) {
    for (const path of ["/logs", "/api/v1/incidents", "/metrics", "/"]) {
      const answer = await raw(Number(port), path === "/logs" ? "POST" : "GET", path, headers);
      expect([JSON.stringify(headers), path, answer.slice(9, 12)]).toEqual([
        JSON.stringify(headers),
        path,
        "403",
      ]);
      expect(answer.toLowerCase()).not.toContain("access-control-allow-origin");
    }
  }
  const rebound = await raw(Number(port), "GET", "/api/v1/incidents", { host: "rebound.example" });
  expect(rebound).toMatch(/^HTTP\/1.1 403 /);
  const own = await raw(Number(port), "GET", "/api/v1/incidents", { origin: tracer.url });
  expect(own).toMatch(/^HTTP\/1.1 200 /);
});

test("what is not even HTTP, and input that makes no sense, get the same shape of answer", async () => {
  const port = Number(new URL(tracer.url).port);
  const garbage = await exchange(port, "this is not http\r\n\r\n");
  expect(garbage).toMatch(/^HTTP\/1.1 400 /);
  expect(garbage).toContain('"code":"INPUT_INVALID"');
  const large = `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Large: ${"x".repeat(40_000)}\r\n\r\n`;
  expect(await exchange(port, large)).toMatch(/^HTTP\/1.1 431 [\s\S]*"code":"INPUT_INVALID"/);
  for (const path of ["/%zz", "/api/v1/incidents?limit=banana", "/api/v1/incidents?service=%00"]) {
    const response = await fetch(`${tracer.url}${path}`);
    const answer: { code?: string } = JSON.parse(await response.text());
    expect([path, response.status, answer.code]).toEqual([path, 400, "INPUT_INVALID"]);
  }
});

/** A request with exactly these headers; fetch forbids Host and Origin. */
function raw(port: number, method: string, path: string, headers: Record<string, string>) {
  const lines = Object.entries({ host: `127.0.0.1:${port}`, ...headers });
  const body = method === "POST" ? JSON.stringify(record) : "";
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return exchange(
    port,
    `${method} ${path} HTTP/1.1\r\n${head}content-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
  );
}

/** Sends bytes and returns all that comes back. */
function exchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: "127.0.0.1", port }, () => socket.write(bytes));
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    socket.on("error", reject);
    socket.on("close", () => resolve(text));
  });
}
