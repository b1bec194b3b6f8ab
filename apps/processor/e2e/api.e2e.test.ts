import { setTimeout as pause } from "node:timers/promises";
import { sight } from "@tracer/store";
import { aSighting, createTestDatabase, SIGHT_OPTIONS, type TestDatabase } from "@tracer/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTracerProcess, type TracerProcess } from "./tracer-process.ts";
import { postLogs, seeded, traffic, until } from "./traffic.ts";

// Goal: the JSON API from outside. Method: incidents are written straight into the database that a real
// process serves and delivers from.

let database: TestDatabase;
let tracer: TracerProcess;
beforeAll(async () => {
  database = await createTestDatabase();
  tracer = await startTracerProcess({
    DATABASE_URL: database.connectionString,
    CLEAR_SECONDS: "1",
  });
});
afterAll(async () => {
  await tracer[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

interface Shown {
  readonly id: string;
  readonly state: string;
  readonly service: string;
  readonly accepted?: boolean;
  readonly closeReason: string | null;
  readonly evidence: { readonly sentence: string };
  readonly deliveries: readonly { action: string; channel: string; state: string }[];
}

async function ask<Answer>(
  path: string,
  method = "GET",
  sent?: unknown,
  retriesLeft = 50,
): Promise<{ status: number; json: Answer }> {
  const withBody = {
    body: JSON.stringify(sent),
    headers: { "content-type": "application/json" },
  };
  const response = await fetch(`${tracer.url}${path}`, {
    method,
    ...(sent === undefined ? {} : withBody),
  });
  const json = JSON.parse(await response.text());
  // Many tests at once can make a database slow; whoever is told so asks again.
  if (response.status === 503 && retriesLeft > 0) {
    await pause(100);
    return ask(path, method, sent, retriesLeft - 1);
  }
  return { status: response.status, json };
}

async function open(service: string, channel = "console"): Promise<string> {
  const options = { ...SIGHT_OPTIONS, channels: [channel] };
  const [result] = await sight(database.pool, [aSighting({ service })], options);
  return result?.incidentId ?? "";
}

test("incidents with their deliveries: listed page by page, shown, acknowledged, resolved", async () => {
  const ids = [await open("cart"), await open("search")];
  await until("both sent", 10_000, async () => {
    const { json } = await ask<{ incidents: Shown[] }>("/api/v1/incidents?state=open");
    expect(json).toHaveProperty("incidents"); // Else it says why not.
    const sent = json.incidents.flatMap(({ deliveries }) => deliveries.map(({ state }) => state));
    return sent.length === 2 && sent.every((state) => state === "sent");
  });
  type Page = { incidents: Shown[]; nextCursor: string | null };
  const first = (await ask<Page>("/api/v1/incidents?limit=1")).json;
  const cursor = encodeURIComponent(first.nextCursor ?? "");
  const second = (await ask<Page>(`/api/v1/incidents?limit=1&cursor=${cursor}`)).json;
  expect([...first.incidents, ...second.incidents].map(({ id }) => id).toSorted()).toEqual(
    ids.toSorted(),
  );
  const own = (await ask<Page>("/api/v1/incidents?service=cart")).json.incidents;
  expect(own).toMatchObject([{ service: "cart", deliveries: [{ action: "open", state: "sent" }] }]);

  const [id = ""] = ids;
  expect((await ask<Shown>(`/api/v1/incidents/${id}/ack`, "POST")).json).toMatchObject({
    id,
    state: "open",
  });
  const unseen = await ask<Shown>(`/api/v1/incidents/${id}/ack`, "POST", { accept: true });
  expect(unseen.json).toMatchObject({ id, state: "open", accepted: false }); // Not by this process.
  const wrong = await ask<Shown>(`/api/v1/incidents/${id}/ack`, "POST", { accept: "yes" });
  expect([wrong.status, wrong.json]).toMatchObject([400, { code: "INPUT_INVALID" }]);
  const resolved = await ask<Shown>(`/api/v1/incidents/${id}/resolve`, "POST");
  expect(resolved.json).toMatchObject({ id, state: "resolved", closeReason: "manual" });
  await until("the resolve", 10_000, async () => {
    const { json } = await ask<Shown>(`/api/v1/incidents/${id}`);
    return json.deliveries.some(({ action, state }) => action === "resolve" && state === "sent");
  });
});

test("a delivery that was given up is listed, and can be tried again", async () => {
  await open("mail");
  await database.pool.query(
    "update outbox set state = 'dead', last_error = 'channel_not_found' where incident ->> 'service' = 'mail'",
  );
  type Dead = { deliveries: { id: string; lastError: string }[] };
  const { deliveries } = (await ask<Dead>("/api/v1/deliveries?state=dead")).json;
  expect(deliveries).toMatchObject([{ lastError: "channel_not_found" }]);
  const id = deliveries[0]?.id ?? "";
  expect((await ask(`/api/v1/deliveries/${id}/retry`, "POST")).status).toBe(200);
  await until(
    "sent",
    10_000,
    async () => (await ask<Dead>("/api/v1/deliveries?state=dead")).json.deliveries.length === 0,
  );
  expect((await ask(`/api/v1/deliveries/${id}/retry`, "POST")).status).toBe(404);
});

test("what is not there: 404 in the one shape of errors", async () => {
  const paths = [
    "/api/v1/incidents/inc_x",
    `/api/v1/incidents/inc_${"0".repeat(32)}-1`,
    "/nowhere",
  ];
  for (const path of paths) {
    const { status, json } = await ask<{ code: string }>(path);
    expect([path, status, json.code]).toEqual([path, 404, "NOT_FOUND"]);
  }
});

test("services, channels, events and the page", async () => {
  await fetch(`${tracer.url}/logs`, { method: "POST", body: '{"service":"cart","level":"error"}' });
  await until("the service", 10_000, async () => {
    const { json } = await ask<{ services: { service: string; state: string }[] }>(
      "/api/v1/services",
    );
    return json.services.some(({ service, state }) => service === "cart" && state === "learning");
  });
  const series = await ask<{ buckets: { records: number }[] }>("/api/v1/services/cart/series");
  expect(series.json.buckets.at(-1)?.records).toBe(1);
  const searched = await ask<{ services: { service: string }[]; total: number }>(
    "/api/v1/services?search=CAR&limit=1",
  );
  expect(searched.json).toMatchObject({ services: [{ service: "cart" }], total: 1 });
  expect((await ask("/api/v1/services?limit=2000")).status).toBe(200);
  expect((await ask("/api/v1/services?limit=2001")).status).toBe(400);
  const { json } = await ask<{ channels: { name: string }[] }>("/api/v1/channels");
  expect(json.channels).toMatchObject([{ name: "console" }]);

  const abort = new AbortController();
  const stream = await fetch(`${tracer.url}/api/v1/events`, { signal: abort.signal });
  const { value } = (await stream.body?.getReader().read()) ?? {};
  abort.abort();
  expect(new TextDecoder().decode(value)).toMatch(
    /^event: counts\nid: [0-9a-f]{8}-\d+\ndata: \{"recordsTotal":1,/,
  );

  const again = await fetch(`${tracer.url}/api/v1/events`, {
    headers: { "last-event-id": "of-another-run" },
  });
  const reader = again.body?.getReader();
  expect(new TextDecoder().decode((await reader?.read())?.value)).toMatch(/^event: reset\n/);
  await reader?.cancel();

  const page = await fetch(tracer.url, { headers: { accept: "text/html" } });
  expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
  const html = await page.text();
  const assets = [...html.matchAll(/(?:src|href)="\.(\/[^"]+)"/g)].map(([, path]) => path);
  expect(assets.length).toBeGreaterThan(3);
  for (const asset of assets) {
    expect([asset, (await fetch(`${tracer.url}${asset}`)).status]).toEqual([asset, 200]);
  }
  const handshake = await fetch(tracer.url, { headers: { accept: "application/json" } });
  expect(handshake.headers.get("x-elastic-product")).toBe("Elasticsearch");
});

// Goal: what a person accepts is the new normal. Method: an hour of history whose last minutes are faulty,
// and after it was accepted more of the same.
test("acknowledged and accepted: it resolves, says why, and the same does not alert again", async () => {
  const toMs = Date.now();
  const faultMs = toMs - 240_000;
  const shape = { service: "till", perMinute: 300, random: seeded(5) };
  const before = { ...shape, fromMs: toMs - 3_600_000, toMs: faultMs, errorShare: 0.01 };
  const faulty = { ...shape, errorShare: 0.3 };
  const body = traffic(before) + traffic({ ...faulty, fromMs: faultMs, toMs });
  expect((await postLogs(tracer.url, body)).status).toBe(202);
  const open = async () => {
    const { json } = await ask<{ incidents: Shown[] }>("/api/v1/incidents?service=till");
    return json.incidents;
  };
  await until("the incident", 10_000, async () => (await open()).length === 1);
  const id = (await open())[0]?.id ?? "";
  const accepted = await ask<Shown>(`/api/v1/incidents/${id}/ack`, "POST", { accept: true });
  expect([accepted.status, accepted.json]).toMatchObject([200, { id, accepted: true }]);
  await postLogs(tracer.url, traffic({ ...faulty, fromMs: toMs, toMs: toMs + 30_000 }));
  await until("the end", 10_000, async () => (await open())[0]?.state === "resolved");
  const [ended, ...others] = await open();
  expect(others).toEqual([]);
  expect(ended).toMatchObject({ closeReason: "clear", severity: "error", kind: "error" });
  expect(ended?.evidence.sentence).toMatch(/\. Accepted by hand as the new normal$/);
  const again = await ask<Shown>(`/api/v1/incidents/${id}/ack`, "POST", { accept: true });
  expect(again.json).toMatchObject({ state: "resolved", accepted: false });
});
