import { setTimeout as pause } from "node:timers/promises";
import { createKeysIfNone, sight } from "@tracer/store";
import {
  aSighting,
  createTestDatabase,
  passTime,
  SIGHT_OPTIONS,
  type TestDatabase,
} from "@tracer/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runTracer, startTracerProcess, type TracerProcess } from "./tracer-process.ts";
import { until } from "./traffic.ts";

// Goal: what a person does to incidents and to what is told of them, over HTTP and from the command line.
// Method: as in api.e2e.test.ts, with keys, since who may do what is part of it.

const ADMIN_KEY = "6f1d0c2b9a8e7d6c5b4a39281706f5e4";
const INGEST_KEY = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";

let database: TestDatabase;
let tracer: TracerProcess;
let otherKey: string;
beforeAll(async () => {
  database = await createTestDatabase();
  otherKey = (await createKeysIfNone(database.pool, { project: "other" }))?.admin ?? "";
  tracer = await startTracerProcess({
    DATABASE_URL: database.connectionString,
    TRACER_ADMIN_KEY: ADMIN_KEY,
    TRACER_INGEST_KEY: INGEST_KEY,
  });
});
afterAll(async () => {
  await tracer[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

interface Answer {
  readonly id: string;
  readonly code: string;
  readonly message: string;
  readonly state: string;
  readonly held: number;
  readonly silences: readonly { id: string }[];
  readonly incidents: readonly { id: string; service: string }[];
  readonly deploys: readonly { version: string }[];
  readonly deploy: { version: string } | null;
  readonly deliveries: readonly { action: string; state: string }[];
}

async function ask(
  path: string,
  method = "GET",
  sent?: unknown,
  key = ADMIN_KEY,
  retriesLeft = 50,
): Promise<{ status: number; json: Answer }> {
  const response = await fetch(`${tracer.url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(sent === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(sent === undefined ? {} : { body: JSON.stringify(sent) }),
  });
  const json: Answer = JSON.parse(await response.text());
  // Many tests at once can make a database slow; whoever is told so asks again.
  if (response.status === 503 && retriesLeft > 0) {
    await pause(100);
    return ask(path, method, sent, key, retriesLeft - 1);
  }
  return { status: response.status, json };
}

async function command(...args: string[]) {
  const { port } = new URL(tracer.url);
  return runTracer(args, { PORT: port, TRACER_ADMIN_KEY: ADMIN_KEY });
}

async function open(service: string): Promise<string> {
  const options = { ...SIGHT_OPTIONS, channels: ["console"] };
  const [result] = await sight(database.pool, [aSighting({ service })], options);
  return result?.incidentId ?? "";
}

const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

test("a silence over HTTP: made, listed, previewed, holding, ended; another project's is not found", async () => {
  const matchers = { service: "cart*", kind: "error" };
  const preview = () => ask("/silences/preview", "POST", { matchers });
  const known = await open("cart-old");
  expect((await preview()).json).toMatchObject({ incidents: [{ id: known }] });
  const endsAt = inAnHour();
  const made = await ask("/silences", "POST", { matchers, endsAt, reason: "move" });
  expect(made).toMatchObject({
    status: 201,
    json: {
      matchers,
      endsAt,
      reason: "move",
      createdBy: "TRACER_ADMIN_KEY",
      state: "active",
      held: 0,
    },
  });
  const { id } = made.json;
  const incident = await open("cart-new");
  expect((await ask(`/incidents/${incident}`)).json).toMatchObject({
    state: "open",
    deliveries: [],
  });
  expect((await ask("/silences")).json.silences).toMatchObject([{ id, held: 1 }]);

  expect((await ask("/silences", "GET", undefined, otherKey)).json.silences).toEqual([]);
  const foreign = await ask(`/silences/${id}`, "DELETE", undefined, otherKey);
  expect([foreign.status, foreign.json.code]).toEqual([404, "NOT_FOUND"]);
  expect((await ask(`/silences/${id}`, "DELETE", undefined, INGEST_KEY)).status).toBe(403);
  const over = await ask(`/silences/${id}`, "DELETE");
  expect(over).toMatchObject({ status: 200, json: { id, state: "expired", held: 1 } });
  await open("cart-new");
  await until("told", 10_000, async () => {
    const { deliveries } = (await ask(`/incidents/${incident}`)).json;
    return deliveries.some(({ action, state }) => action === "open" && state === "sent");
  });
});

test("a silence that cannot be: the answer names the field", async () => {
  const good = { matchers: { service: "a" }, endsAt: inAnHour(), reason: "r" };
  const wrong: readonly [unknown, RegExp][] = [
    [{ ...good, matchers: undefined }, /^matchers: /],
    [{ ...good, matchers: {} }, /^matchers: must name at least one/],
    [{ ...good, matchers: { service: "" } }, /^matchers.service: /],
    [{ ...good, matchers: { service: "s".repeat(301) } }, /^matchers.service: /],
    [{ ...good, matchers: { kind: "errors" } }, /^matchers.kind: /],
    [{ ...good, matchers: { severity: "bad" } }, /^matchers.severity: /],
    [{ ...good, matchers: { host: "a" } }, /^matchers: .*host/],
    [{ ...good, reason: undefined }, /^reason: /],
    [{ ...good, reason: " " }, /^reason: /],
    [{ ...good, reason: "r".repeat(501) }, /^reason: /],
    [{ ...good, reason: "\0" }, /^reason: must not hold NUL/],
    [{ ...good, endsAt: undefined }, /^endsAt: /],
    [{ ...good, endsAt: "tomorrow" }, /^endsAt: must be ISO 8601/],
    [{ ...good, endsAt: "2026-01-01T00:00:00" }, /^endsAt: must be ISO 8601/],
    [{ ...good, endsAt: "2020-01-01T00:00:00Z" }, /^endsAt: must be in the future/],
    [{ ...good, startsAt: "0000-01-01T00:00:00Z" }, /^startsAt: must be a time/],
    [{ ...good, endsAt: "2020-12-01T00:00:00+20:00" }, /^endsAt: must be in the future/],
    [{ ...good, endsAt: "9999-01-01T00:00:00+02:00" }, /^endsAt: a silence lasts at most/],
    [{ ...good, startsAt: "2030-01-01T00:00:00Z" }, /^endsAt: must be after startsAt/],
    [{ ...good, forSeconds: 60 }, /^endsAt: /],
    ["text", /./],
  ];
  for (const [body, message] of wrong) {
    const { status, json } = await ask("/silences", "POST", body);
    expect([body, status, json.code]).toEqual([body, 400, "INPUT_INVALID"]);
    expect(json.message).toMatch(message);
  }
  const longest = { ...good, matchers: { service: "s".repeat(300) }, reason: "r".repeat(500) };
  const made = await ask("/silences", "POST", longest);
  expect(made.status).toBe(201);
  expect((await ask(`/silences/${made.json.id}`, "DELETE")).status).toBe(200);
  expect((await ask("/silences/x", "DELETE")).status).toBe(404);
  expect((await ask("/silences", "POST", good, INGEST_KEY)).status).toBe(403);
});

test("a deploy is marked with the key that sends logs, and shown with the incident after it", async () => {
  const mark = (body: unknown, key = INGEST_KEY) => ask("/deploys", "POST", body, key);
  const marked = await mark({ service: "pay", version: "1.4.2", environment: "" });
  expect(marked).toMatchObject({
    ...{ status: 201, json: { service: "pay", version: "1.4.2", environment: "" } },
  });
  expect((await mark({ service: "mail", version: "2" }, ADMIN_KEY)).status).toBe(201);
  await passTime(database.pool, 180);
  const id = await open("pay");
  expect((await ask(`/incidents/${id}`)).json.deploy?.version).toBe("1.4.2");
  await until("the alert", 10_000, async () =>
    tracer.stdout().includes("Deploy 1.4.2, 2 min before"),
  );
  const listed = await ask("/deploys?service=pay");
  expect(listed.json.deploys).toMatchObject([{ version: "1.4.2" }]);
  expect((await ask("/deploys?limit=1")).json.deploys).toMatchObject([{ version: "2" }]);
  for (const body of [{ service: "a" }, { version: "1" }, { service: "", version: "1" }]) {
    expect((await mark(body)).status).toBe(400);
  }
  expect((await mark({ service: "a", version: "\u200b " })).status).toBe(400);
  expect((await ask("/deploys", "GET", undefined, INGEST_KEY)).status).toBe(403);
});

test("the command line: incidents and silences, as text and as JSON", async () => {
  const id = await open("shop");
  const shown = await command("incidents", "show", id);
  expect(shown).toMatchObject({ code: 0, stdout: expect.stringContaining("Errors in shop") });
  const acked = await command("incidents", "ack", id, "--json");
  expect(JSON.parse(acked.stdout)).toMatchObject({
    id,
    ackedBy: "TRACER_ADMIN_KEY",
    state: "open",
  });
  const list = await command("incidents", "list", "--service", "shop", "--state", "open");
  expect(list.stdout).toMatch(new RegExp(`^${id}  .*open, acked  Errors in shop\n$`));
  const resolved = await command("incidents", "resolve", id);
  expect(resolved.stdout).toContain("resolved");
  const late = await command("incidents", "ack", id);
  expect(late).toMatchObject({ code: 1, stderr: expect.stringContaining("It is over") });
  const first = await command("incidents", "list", "--limit", "1");
  const cursor = /\nThere are more: --cursor (\S+)\n$/.exec(first.stdout)?.[1] ?? "";
  const next = await ask(`/incidents?limit=1&cursor=${cursor}`);
  expect(next.json.incidents).toHaveLength(1);
  expect(first.stdout).not.toContain(next.json.incidents[0]?.id);
  const listed = await command("incidents", "list", "--service", "shop", "--json");
  expect(JSON.parse(listed.stdout).incidents).toMatchObject([{ id, state: "resolved" }]);
  expect((await command("incidents", "show", "inc_x")).code).toBe(1);
  expect((await command("incidents", "list", "--state", "bad")).code).toBe(2);

  const incomplete = await command("silence", "add", "--for", "2h");
  expect(incomplete.code).toBe(2);
  expect(incomplete.stderr).toMatch(/matcher.*--service[\s\S]*--reason/);
  const add = ["silence", "add", "--service", "shop*", "--kind", "error", "--reason", "sale"];
  expect((await command(...add, "--for", "soon")).code).toBe(2);
  expect((await command(...add)).code).toBe(2);
  const added = await command(...add, "--for", "2h", "--json");
  const silence: Answer = JSON.parse(added.stdout);
  expect(silence).toMatchObject({ matchers: { service: "shop*", kind: "error" }, held: 0 });
  const silences = await command("silence", "list");
  expect(silences.stdout).toMatch(
    new RegExp(`^${silence.id}  active  until .*Z  held 0  service=shop\\* kind=error  sale\n$`),
  );
  const expired = await command("silence", "expire", silence.id);
  expect(expired.stdout).toContain(`${silence.id}  expired`);
  const left = await command("silence", "list", "--json");
  expect(JSON.parse(left.stdout)).toEqual({ silences: [], nextCursor: null });
});
