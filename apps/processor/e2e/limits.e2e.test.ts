import { afterAll, beforeAll, expect, test } from "vitest";
import { startTracerProcess, type TracerProcess } from "./tracer-process.ts";

// Goal: who sends, and how much of it, is held to what was configured. Method: one real process with both keys and a
// rate that one batch uses up.

const INGEST = "ingest-key-8d2f61a09c";
const ADMIN = "admin-key-4c1b7d9e21";
let tracer: TracerProcess;
beforeAll(async () => {
  tracer = await startTracerProcess({
    TRACER_INGEST_KEY: INGEST,
    TRACER_ADMIN_KEY: ADMIN,
    INGEST_RECORDS_PER_SECOND: "1",
  });
});
afterAll(() => tracer[Symbol.asyncDispose]());

function post(records: number, key: string): Promise<Response> {
  const body = '{"service":"limited"}\n'.repeat(records);
  return fetch(`${tracer.url}/logs`, { method: "POST", body, headers: { "x-api-key": key } });
}

async function accepted(): Promise<number> {
  const text = await fetch(`${tracer.url}/metrics`, { headers: { "x-api-key": ADMIN } });
  const line = /^tracer_records_total\{protocol="logs",result="accepted"\} (\d+)$/m;
  return Number(line.exec(await text.text())?.[1] ?? 0);
}

test("a key over its rate: 429, when to come back, nothing taken; another key is not held back", async () => {
  const first = await post(100_000, INGEST);
  expect(first.status).toBe(202);
  expect(first.headers.get("ratelimit-policy")).toBe('"records";q=10;w=10;qu="records"');
  expect(first.headers.get("ratelimit")).toMatch(/^"records";r=0;t=\d+$/);
  const refused = await post(5, INGEST);
  expect(refused.status).toBe(429);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(90_000);
  expect(refused.headers.get("ratelimit")).toMatch(/^"records";r=0;t=\d+$/);
  expect(await refused.json()).toMatchObject({
    code: "RATE_LIMITED",
    details: { limit: "records", perSecond: 1 },
  });
  expect((await post(3, ADMIN)).status).toBe(202);
  expect(await accepted()).toBe(100_003);
});

test("many batches of one key at once: one of them takes what is left, the others nothing", async () => {
  const bearer = { authorization: `Basic ${Buffer.from(`${ADMIN}:`).toString("base64")}` };
  const body = '{"service":"limited"}\n'.repeat(50_000);
  const before = await accepted();
  const send = () => fetch(`${tracer.url}/logs`, { method: "POST", body, headers: bearer });
  const statuses = (await Promise.all(Array.from({ length: 6 }, send))).map(({ status }) => status);
  expect(statuses.toSorted()).toEqual([202, 429, 429, 429, 429, 429]);
  expect(await accepted()).toBe(before + 50_000);
});

test("an address that tries many keys has to wait, whoever is known there goes on", async () => {
  const get = (key: string) =>
    fetch(`${tracer.url}/api/v1/services`, { headers: { authorization: `Bearer ${key}` } });
  expect((await get(ADMIN)).status).toBe(200);
  let refused: Response | null = null;
  for (let key = 0; key < 1_000 && refused === null; key += 1) {
    const answer = await get(`wrong-${key}`);
    if (answer.status === 429) refused = answer;
    else expect(answer.status).toBe(401);
    await answer.text();
  }
  expect(refused?.headers.get("retry-after")).toMatch(/^\d+$/);
  expect((await get(ADMIN)).status).toBe(200);
});
