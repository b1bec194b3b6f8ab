import {
  BulkItems,
  type CreateDecoder,
  createBulkDecoder,
  type DecodeReport,
  SeriesDirectory,
} from "@tracer/ingest";
import { expect, test } from "vitest";
import { recordingObserve } from "../../fixtures.test-helper.ts";
import { InFlight } from "../in-flight.ts";
import { createServer } from "../server.ts";
import { bulkAnswer } from "./elasticsearch-answer.ts";
import { doors } from "./index.ts";

/** A server with the doors alone, on a budget of `bytesMax`. */
async function serverOn(bytesMax: number) {
  const observe = recordingObserve();
  const access = {
    ingestKey: null,
    adminKey: null,
    keysExist: () => false,
    publicHost: null,
    findKey: async () => null,
  };
  const app = createServer({ observe, access });
  let counted = 0;
  const ingest = async (
    bytes: Uint8Array,
    origin: { createDecoder: CreateDecoder },
  ): Promise<DecodeReport> => {
    const directory = new SeriesDirectory();
    const projectId = directory.project("default");
    const context = { directory, projectId, defaultService: "unknown", receiptMs: 0 };
    const decoder = origin.createDecoder(bytes, context, (batch) => {
      counted += batch.length;
    });
    while (!decoder.advance(100)) {}
    return decoder.report;
  };
  const inFlight = new InFlight({ bytesMax });
  const ingestMetrics = () => ({ accepted: 0, rejected: 0, message: "" });
  await app.register(doors, { ingest, ingestMetrics, inFlight, observe });
  return { app, counted: () => counted };
}

const HEADERS = { host: "localhost" };
const BODY = [
  '{"index":{"_index":"a","_id":"1"}}',
  '{"message":"one"}',
  '{"delete":{"_id":"2"}}',
  '{"create":{}}',
  '{"message":',
  "",
].join("\n");

test("an item for each action in order, and a broken document is its own item's failure", async () => {
  const { app, counted } = await serverOn(1_000_000);
  const answer = await app.inject({
    method: "PUT",
    url: "/shop/_bulk",
    headers: { ...HEADERS, accept: "application/vnd.elasticsearch+json; compatible-with=9" },
    payload: BODY,
  });
  expect(answer.statusCode).toBe(200);
  expect(answer.headers["x-elastic-product"]).toBe("Elasticsearch");
  expect(answer.headers["content-type"]).toBe(
    "application/vnd.elasticsearch+json;compatible-with=9",
  );
  expect(answer.json()).toMatchObject({
    errors: true,
    items: [
      { index: { _index: "a", _id: "1", status: 201, result: "created", _version: 1 } },
      { delete: { _index: "shop", _id: "2", status: 200, result: "deleted" } },
      { create: { _index: "shop", status: 400, error: { type: "document_parsing_exception" } } },
    ],
  });
  expect(counted()).toBe(1);
});

test("no room: each action of a small body is refused by its own 429, a large or packed body as a whole", async () => {
  const { app, counted } = await serverOn(10);
  const small = await app.inject({
    method: "POST",
    url: "/_bulk",
    headers: HEADERS,
    payload: BODY,
  });
  expect(small.statusCode).toBe(200);
  expect(small.headers["retry-after"]).toBe("1");
  const { errors, items } = small.json();
  expect(errors).toBe(true);
  expect(items).toHaveLength(3);
  for (const item of items) {
    const [result] = Object.values<{ status: number; error: { type: string } }>(item);
    expect(result?.status).toBe(429);
    expect(result?.error.type).toBe("es_rejected_execution_exception");
  }
  const pair = `${BODY.split("\n").slice(0, 2).join("\n")}\n`;
  const large = pair.repeat(Math.ceil((1024 * 1024 + 1) / pair.length));
  const whole = await app.inject({
    method: "POST",
    url: "/_bulk",
    headers: HEADERS,
    payload: large,
  });
  const packed = await app.inject({
    method: "POST",
    url: "/_bulk",
    headers: { ...HEADERS, "content-encoding": "gzip" },
    payload: BODY,
  });
  for (const answer of [whole, packed]) {
    expect(answer.statusCode).toBe(429);
    expect(answer.headers["retry-after"]).toBe("1");
    expect(answer.headers["x-elastic-product"]).toBe("Elasticsearch");
    expect(answer.json()).toMatchObject({
      status: 429,
      error: { type: "es_rejected_execution_exception" },
    });
  }
  expect(counted()).toBe(0);
});

test("Loki's own words: 204, or text with 400 and 429", async () => {
  const push = { method: "POST" as const, url: "/loki/api/v1/push/", headers: HEADERS };
  const { app, counted } = await serverOn(1_000_000);
  const entry = '{"streams":[{"stream":{"app":"a"},"values":[["1","x"]]}]}';
  const good = await app.inject({ ...push, payload: entry });
  expect([good.statusCode, good.body]).toEqual([204, ""]);
  const older = await app.inject({ ...push, url: "/api/prom/push", payload: entry });
  expect(older.statusCode).toBe(204);
  expect((await app.inject({ ...push, payload: '{"streams":[]}' })).statusCode).toBe(204);
  expect(counted()).toBe(2);
  const packed = { ...HEADERS, "content-encoding": "snappy" };
  const empty = await app.inject({ ...push, headers: packed, payload: Buffer.from([0]) });
  expect(empty.statusCode).toBe(204);
  const huge = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0x04, 0x0a, 0x00]);
  for (const payload of [huge, Buffer.from("hello"), Buffer.from([10, 0xff])]) {
    const bad = await app.inject({ ...push, payload });
    expect(bad.statusCode).toBe(400);
    expect(bad.headers["content-type"]).toMatch(/^text\/plain/);
  }
  const busy = await (await serverOn(10)).app.inject({ ...push, payload: entry });
  expect([busy.statusCode, busy.headers["retry-after"]]).toEqual([429, "1"]);
});

test("what shippers ask around a bulk", async () => {
  const { app } = await serverOn(1_000_000);
  const ask = async (method: "GET" | "HEAD" | "PUT" | "POST", url: string) => {
    const answer = await app.inject({ method, url, headers: HEADERS });
    return [answer.statusCode, answer.headers["x-elastic-product"]];
  };
  const asked: (readonly ["GET" | "HEAD" | "PUT" | "POST", string])[] = [
    ...[["GET", "/_cluster/health"] as const, ["GET", "/_license"] as const],
    ...[["GET", "/_xpack"] as const, ["GET", "/_nodes/http"] as const],
    ...[["HEAD", "/_index_template/t"] as const, ["GET", "/_index_template/t"] as const],
    ...[["PUT", "/_index_template/t"] as const, ["PUT", "/_ilm/policy/p"] as const],
    ...[["GET", "/_ilm/policy/p"] as const, ["HEAD", "/logs-app"] as const],
    ...[["PUT", "/logs-app"] as const, ["POST", "/logs-app/_refresh"] as const],
  ];
  for (const [method, url] of asked) {
    expect([method, url, await ask(method, url)]).toEqual([method, url, [200, "Elasticsearch"]]);
  }
  expect(await ask("PUT", "/_no_index")).toEqual([404, "Elasticsearch"]);
});

test("filter_path leaves out what was not asked for", () => {
  const bytes = Buffer.from(BODY);
  const items = new BulkItems();
  const directory = new SeriesDirectory();
  const context = {
    directory,
    projectId: directory.project("p"),
    defaultService: "",
    receiptMs: 0,
  };
  while (!createBulkDecoder(bytes, context, () => undefined, items).advance(9_999)) {}
  const answer = (filterPath: string | null) =>
    JSON.parse(bulkAnswer({ items, bytes, index: "i", tookMs: 1.2, filterPath }));
  expect(Object.keys(answer(null))).toEqual(["took", "errors", "items"]);
  expect(answer("errors")).toEqual({ errors: true });
  expect(answer("errors,items.*.status")).toEqual({
    errors: true,
    items: [{ index: { status: 201 } }, { delete: { status: 200 } }, { create: { status: 400 } }],
  });
  expect(answer("items.*.error.type").items).toHaveLength(1);
  expect(Object.keys(answer("-items,-took"))).toEqual(["errors"]);
  expect(answer("**._id").items).toHaveLength(3);
});
