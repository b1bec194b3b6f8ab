import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTracerProcess, type TracerProcess } from "./tracer-process.ts";

// Goal: the doors of the second tier answer in their senders' words, and count what was recorded of them. Method:
// one real process with a key and a drain's secret; bodies in the recorded shapes.

const KEY = "ingest-key-5f0b93c2d1";
const SECRET = "drain-secret-77";
const BEARER = { authorization: `Bearer ${KEY}` };
let tracer: TracerProcess;
beforeAll(async () => {
  tracer = await startTracerProcess({
    ...{ TRACER_INGEST_KEY: KEY, TRACER_ADMIN_KEY: "admin-key-1d7c44b0aa" },
    ...{ VERCEL_DRAIN_SECRET: SECRET, VERCEL_VERIFY: "verify-me" },
  });
});
afterAll(() => tracer[Symbol.asyncDispose]());

const recorded = (name: string) =>
  readFileSync(new URL(`../../../packages/ingest/src/testdata/${name}`, import.meta.url));

function post(path: string, body: string | Buffer, headers: Record<string, string> = BEARER) {
  return fetch(`${tracer.url}${path}`, { method: "POST", body, headers });
}

async function accepted(protocol: string): Promise<number> {
  const headers = { authorization: "Bearer admin-key-1d7c44b0aa" };
  const text = await (await fetch(`${tracer.url}/metrics`, { headers })).text();
  const start = `tracer_records_total{protocol="${protocol}",result="accepted"} `;
  const line = text.split("\n").find((candidate) => candidate.startsWith(start));
  return line === undefined ? 0 : Number(line.slice(start.length));
}

/** The records that were counted while `send` ran. */
async function countedBy(protocol: string, send: () => Promise<unknown>): Promise<number> {
  const before = await accepted(protocol);
  await send();
  return (await accepted(protocol)) - before;
}

test.each([
  ["datadog", "/api/v2/logs", "datadog/agent.json", 3, 202],
  ["datadog", "/v1/input", "datadog/agent.json", 3, 202],
  ["splunk", "/services/collector/event", "splunk/events.txt", 4, 200],
  ["gelf", "/gelf", "gelf/messages.txt", 2, 202],
  ["vercel", "/vercel", "vercel/drain.json", 3, 200],
  ["cloudflare", "/cloudflare", "cloudflare/http-requests.txt", 4, 200],
  ["k8s-audit", "/k8s-audit", "kubernetes-audit/event-list.json", 4, 200],
])("%s, %s: %s", async (protocol, path, name, records, status) => {
  const body = recorded(name);
  const signature = createHmac("sha1", SECRET).update(body).digest("hex");
  const headers = { ...BEARER, "x-vercel-signature": signature };
  for (const [bytes, encoding] of [
    [body, "identity"],
    [gzipSync(body), "gzip"],
  ] as const) {
    const counted = await countedBy(protocol, async () => {
      const answer = await post(path, bytes, { ...headers, "content-encoding": encoding });
      expect(answer.status).toBe(status);
      await answer.text();
    });
    expect(counted).toBe(records);
  }
});

test("Splunk's codes", async () => {
  const event = '{"event":"hello"}';
  const splunk = { authorization: `Splunk ${KEY}` };
  const form = { ...splunk, "content-type": "application/x-www-form-urlencoded" };
  const collector = "/services/collector/event";
  const cases: [string, string, Record<string, string>, number, number][] = [
    [collector, event, form, 200, 0],
    [collector, event, {}, 401, 2],
    [collector, event, { authorization: "Splunk wrong" }, 401, 4],
    [collector, "", splunk, 400, 5],
    [collector, "{not json", splunk, 400, 6],
    [collector, '{"fields":{}}', splunk, 400, 12],
    [collector, '{"event":""}', splunk, 400, 13],
    ["/services/collector/ack", "{}", splunk, 400, 14],
  ];
  for (const [path, body, headers, status, code] of cases) {
    const answer = await post(path, body, headers);
    expect([body, answer.status, await answer.json()]).toMatchObject([body, status, { code }]);
  }
  const health = await fetch(`${tracer.url}/services/collector/health`);
  expect([health.status, await health.json()]).toEqual([200, { text: "HEC is healthy", code: 17 }]);
});

test("Datadog's errors name their status, and its key may come in its own header", async () => {
  const sent = await post("/api/v2/logs", '{"message":"a"}', { "dd-api-key": KEY });
  expect([sent.status, await sent.json()]).toEqual([202, {}]);
  for (const [body, headers, status, title] of [
    ['{"message":"a"}', {}, 401, "Unauthorized"],
    ["{not json", { "dd-api-key": KEY }, 400, "Bad Request"],
    ["x", { "dd-api-key": KEY, "content-encoding": "lzma" }, 415, "Unsupported Media Type"],
  ] as const) {
    const answer = await post("/api/v2/logs", body, headers);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ errors: [{ status: String(status), title }] });
  }
});

test("Firehose hears its request's id, whether it worked or not", async () => {
  const data = gzipSync(recorded("firehose/cloudwatch.json")).toString("base64");
  const headers = { "x-amz-firehose-access-key": KEY, "x-amz-firehose-request-id": "from-header" };
  const delivery = { requestId: "r-1", timestamp: 1780315199000, records: [{ data }, { data }] };
  const counted = await countedBy("firehose", async () => {
    const answer = await post("/firehose", JSON.stringify(delivery), headers);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toMatch(/^application\/json/);
    expect(await answer.json()).toEqual({ requestId: "r-1", timestamp: 1780315199000 });
  });
  expect(counted).toBe(4);
  for (const [body, key, status] of [
    ["[]", KEY, 400],
    [JSON.stringify(delivery), "wrong", 401],
  ] as const) {
    const answer = await post("/firehose", body, { ...headers, "x-amz-firehose-access-key": key });
    expect(answer.status).toBe(status);
    expect(await answer.json()).toEqual({
      requestId: "from-header",
      timestamp: expect.any(Number),
      errorMessage: expect.stringMatching(/\w/),
    });
  }
});

test("Vercel: every answer carries the verification, and no other signature is taken", async () => {
  const body = recorded("vercel/drain.json");
  const trial = await fetch(`${tracer.url}/vercel`);
  expect([trial.status, trial.headers.get("x-vercel-verify")]).toEqual([200, "verify-me"]);
  const other = createHmac("sha1", "another").update(body).digest("hex");
  const counted = await countedBy("vercel", async () => {
    for (const headers of [BEARER, { ...BEARER, "x-vercel-signature": other }]) {
      for (const encoding of ["identity", "gzip"]) {
        const bytes = encoding === "gzip" ? gzipSync(body) : body;
        const answer = await post("/vercel", bytes, { ...headers, "content-encoding": encoding });
        expect([answer.status, answer.headers.get("x-vercel-verify")]).toEqual([403, "verify-me"]);
        await answer.text();
      }
    }
  });
  expect(counted).toBe(0);
});

test("Heroku: a frame that comes again is counted once, one that was refused may come again", async () => {
  const line = "<190>1 2026-06-01T11:59:59.000000+00:00 host app web.1 - ERROR payment failed";
  const frame = `${line.length} ${line}`;
  const send = async (id: string, body: string, type = "identity") => {
    const headers = { ...BEARER, "logplex-frame-id": id, "content-encoding": type };
    const answer = await post("/heroku?service=shop", body, headers);
    await answer.text();
    return answer.status;
  };
  expect(
    await countedBy("heroku", async () => {
      expect(await send("a", frame)).toBe(204);
      expect(await send("a", frame)).toBe(204);
      expect(await send("b", frame + frame)).toBe(204);
      // At the same time: one is counted, and each hears that it was.
      const both = await Promise.all([send("c", frame), send("c", frame)]);
      expect(both).toEqual([204, 204]);
    }),
  ).toBe(4);
  expect(
    await countedBy("heroku", async () => {
      expect(await send("d", frame, "lzma")).toBe(415);
      expect(await send("d", frame)).toBe(204);
    }),
  ).toBe(1);
});
