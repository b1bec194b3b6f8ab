import { sight } from "@tracer/store";
import {
  aSighting,
  createTestDatabase,
  passTime,
  SIGHT_OPTIONS,
  type TestDatabase,
} from "@tracer/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { runTracer, startTracerProcess, type TracerProcess } from "../tracer-process.ts";

// Goal: keys, sessions and the record of acts from outside. Method: a real process, asked as a browser, a
// shipper and the command line ask it.

const ADMIN_KEY = "for-this-test-only-77d13f9a";

let database: TestDatabase;
let tracer: TracerProcess;
let incident = "";
beforeAll(async () => {
  database = await createTestDatabase();
  tracer = await startTracerProcess({
    DATABASE_URL: database.connectionString,
    TRACER_ADMIN_KEY: ADMIN_KEY,
    TRUSTED_PROXIES: "127.0.0.1",
  });
  const options = { ...SIGHT_OPTIONS, channels: ["nowhere"] };
  const [seen] = await sight(database.pool, [aSighting({ title: "a <b> fails" })], options);
  incident = seen?.incidentId ?? "";
});
afterAll(async () => {
  await tracer[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const Made = z.looseObject({ id: z.string(), key: z.string() });
const Audit = z.object({
  entries: z.array(z.looseObject({ act: z.string(), actor: z.string(), subject: z.string() })),
  nextCursor: z.string().nullable(),
});

function ask(path: string, init: RequestInit = {}) {
  return fetch(`${tracer.url}${path}`, { redirect: "manual", ...init });
}

function withKey(key: string, more: Record<string, string> = {}) {
  return { authorization: `Bearer ${key}`, "content-type": "application/json", ...more };
}

async function makeKey(wanted: object) {
  const init = { method: "POST", headers: withKey(ADMIN_KEY), body: JSON.stringify(wanted) };
  const response = await ask("/api/v1/keys", init);
  expect(response.status).toBe(201);
  return Made.parse(await response.json());
}

async function login(key: string, headers: Record<string, string> = {}) {
  const response = await ask("/login", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ key }),
  });
  const cookie = response.headers.get("set-cookie") ?? "";
  return { status: response.status, cookie, session: cookie.split(";")[0] ?? "" };
}

const FORM = { "content-type": "application/x-www-form-urlencoded" };
const HTML = { accept: "text/html" };

test("a link to an incident, without a session: the form, the key, and back; without a script", async () => {
  const path = `/i/${incident}`;
  const asked = await ask(path, { headers: HTML });
  const form = await asked.text();
  expect([asked.status, asked.headers.get("www-authenticate")]).toEqual([401, null]);
  expect(form).toContain('action="../login"');
  expect(form).not.toContain("fails");
  const next = /name="next" value="([^"]*)"/.exec(form)?.[1] ?? "";
  const wrong = { key: "nobody-has-this-key", next };
  const refused = await ask("/login", {
    method: "POST",
    headers: FORM,
    body: new URLSearchParams(wrong),
  });
  expect([refused.status, await refused.text()]).toEqual([
    401,
    expect.stringContaining("not known"),
  ]);
  const right = new URLSearchParams({ key: ADMIN_KEY, next });
  const entered = await ask("/login", { method: "POST", headers: FORM, body: right });
  expect(entered.status).toBe(303);
  const back = new URL(entered.headers.get("location") ?? "", `${tracer.url}/login`);
  expect(back.pathname).toBe(path);
  const cookie = entered.headers.get("set-cookie") ?? "";
  expect(cookie).toMatch(
    /^tracer_session=trs_[0-9a-f]{64}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Strict$/,
  );
  const page = await ask(path, { headers: { ...HTML, cookie: cookie.split(";")[0] ?? "" } });
  expect([page.status, page.headers.get("content-security-policy")]).toEqual([
    200,
    expect.stringMatching(/^default-src 'none'; script-src 'self'; style-src 'self';/),
  ]);
  expect(await page.text()).toContain("<h1>a &lt;b&gt; fails</h1>");
});

test("from another site the browser keeps the cookie back: the page asks it to come again", async () => {
  const headers = { ...HTML, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };
  const asked = await ask(`/i/${incident}`, { headers });
  expect([asked.status, await asked.text()]).toEqual([
    401,
    expect.stringContaining('http-equiv="refresh"'),
  ]);
});

test("a login leads nowhere but to Tracer's own pages", async () => {
  for (const next of [
    "//evil.example",
    "https://evil.example",
    "/\\evil.example",
    "i/../../x",
    "javascript:0",
  ]) {
    const body = new URLSearchParams({ key: ADMIN_KEY, next });
    const answer = await ask("/login", { method: "POST", headers: FORM, body });
    expect([next, answer.status, answer.headers.get("location")]).toEqual([next, 400, null]);
  }
});

test("a session reads, listens and acts; a page of another origin cannot use it", async () => {
  const { status, session } = await login(ADMIN_KEY);
  expect(status).toBe(200);
  expect((await ask("/api/v1/incidents", { headers: { cookie: session } })).status).toBe(200);
  const abort = new AbortController();
  const stream = await ask("/api/v1/events", {
    headers: { cookie: session },
    signal: abort.signal,
  });
  expect(stream.headers.get("content-type")).toMatch(/^text\/event-stream/);
  abort.abort();
  const act = (headers: Record<string, string>) =>
    ask(`/api/v1/incidents/${incident}/ack`, {
      method: "POST",
      headers: { cookie: session, ...headers },
    });
  expect((await act({ origin: "https://evil.example" })).status).toBe(403);
  expect((await act({ origin: "null" })).status).toBe(403);
  expect((await act({ "sec-fetch-site": "cross-site" })).status).toBe(403);
  expect((await act({ "sec-fetch-site": "same-site", origin: tracer.url })).status).toBe(403);
  expect((await act({ "sec-fetch-site": "same-origin", origin: tracer.url })).status).toBe(200);
  expect((await login(ADMIN_KEY, { origin: "https://evil.example" })).status).toBe(403);
  const headers = { cookie: session, origin: tracer.url };
  expect((await ask("/logout", { method: "POST", headers })).status).toBe(204);
  expect((await ask("/api/v1/incidents", { headers: { cookie: session } })).status).toBe(401);
});

test("a session ends with its key, and with its time", async () => {
  const { id, key } = await makeKey({ scopes: ["read"], label: "for the page" });
  const mine = await login(key);
  const other = await login(ADMIN_KEY);
  const use = (session: string) => ask("/api/v1/incidents", { headers: { cookie: session } });
  expect([(await use(mine.session)).status, (await use(other.session)).status]).toEqual([200, 200]);
  await ask(`/api/v1/keys/${id}`, { method: "DELETE", headers: withKey(ADMIN_KEY) });
  expect([(await use(mine.session)).status, (await use(other.session)).status]).toEqual([401, 200]);
  await database.pool.query("update sessions set expires_at = clock_timestamp()");
  const another = await login(ADMIN_KEY);
  await makeKey({}); // What is remembered of keys and sessions is forgotten with it.
  expect([(await use(other.session)).status, (await use(another.session)).status]).toEqual([
    401, 200,
  ]);
  const ingest = await makeKey({ scopes: ["ingest"] });
  expect((await login(ingest.key)).status).toBe(403);
});

test("wrong keys are limited by address, which only a trusted proxy may name", async () => {
  const attempts: number[] = [];
  for (let attempt = 0; attempt < 22; attempt += 1) {
    const from = { "x-forwarded-for": "6.6.6.6, 203.0.113.9" };
    attempts.push((await login(`wrong-key-number-${attempt}`, from)).status);
  }
  expect(attempts.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => 401));
  expect(attempts.at(-1)).toBe(429);
  expect((await login("wrong-key-number-100", { "x-forwarded-for": "203.0.113.10" })).status).toBe(
    401,
  );
});

test("a key that is pinned to a service counts for nothing else", async () => {
  const { key } = await makeKey({
    scopes: ["ingest", "read"],
    service: "only-this",
    project: "pinned",
  });
  const lines = '{"service":"a","env":"prod","level":"error"}\n{"service":"b","level":"info"}\n';
  expect(
    (await ask("/logs?service=c", { method: "POST", headers: withKey(key), body: lines })).status,
  ).toBe(202);
  const metric = { name: "m", gauge: { dataPoints: [{ asDouble: 1 }] } };
  const metrics = JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics: [metric] }] }] });
  expect(
    (await ask("/v1/metrics", { method: "POST", headers: withKey(key), body: metrics })).status,
  ).toBe(200);
  const Services = z.object({
    services: z.array(z.looseObject({ service: z.string(), environment: z.string() })),
  });
  const { services } = Services.parse(
    await (await ask("/api/v1/services", { headers: withKey(key) })).json(),
  );
  const names = services.map(({ service, environment }) => `${service}/${environment}`).toSorted();
  expect(names).toEqual(["only-this/", "only-this/prod"]);
});

test("keys from the command line, straight in the database; two live ones; used, expired, listed", async () => {
  const environment = { DATABASE_URL: database.connectionString, LOG_LEVEL: "error" };
  const made = await runTracer(
    ["keys", "create", "--project", "shop", "--scope", "read,ingest", "--expires", "1d", "--json"],
    environment,
  );
  expect(made.code).toBe(0);
  const first = Made.parse(JSON.parse(made.stdout));
  const second = await makeKey({ project: "shop", scopes: ["read"] });
  for (const { key } of [first, second]) {
    expect((await ask("/api/v1/incidents", { headers: withKey(key) })).status).toBe(200);
  }
  await expect
    .poll(
      async () => {
        const { stdout } = await runTracer(
          ["keys", "list", "--project", "shop", "--json"],
          environment,
        );
        const { keys } = z
          .object({
            keys: z.array(z.looseObject({ id: z.string(), lastUsedAt: z.string().nullable() })),
          })
          .parse(JSON.parse(stdout));
        return keys.filter(({ lastUsedAt }) => lastUsedAt !== null).length;
      },
      { timeout: 30_000 },
    )
    .toBe(2);
  expect(made.stdout).not.toContain((await runTracer(["keys", "list"], environment)).stdout);
  expect((await runTracer(["keys", "revoke", first.id], environment)).code).toBe(0);
  expect((await runTracer(["keys", "revoke", "999999"], environment)).code).toBe(1);
  expect((await runTracer(["keys", "create", "--scope", "all"], environment)).code).toBe(2);
  await passTime(database.pool, 2 * 86_400);
  const { stdout } = await runTracer(["keys", "list", "--project", "shop"], environment);
  expect(stdout).toMatch(/revoked/);
});

test("who did what: newest first, page by page, of one's own project", async () => {
  const page = async (query: string) =>
    Audit.parse(await (await ask(`/api/v1/audit${query}`, { headers: withKey(ADMIN_KEY) })).json());
  const { entries, nextCursor } = await page("?limit=3");
  expect(entries).toHaveLength(3);
  const rest = await page(`?cursor=${nextCursor}`);
  const acts = [...entries, ...rest.entries].map(({ act }) => act);
  expect(acts).toEqual(
    expect.arrayContaining(["login", "logout", "key.create", "key.revoke", "incident.ack"]),
  );
  const everything = await page("?project=*&limit=500");
  expect(everything.entries).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ act: "key.create", actor: "command line", project: "shop" }),
    ]),
  );
  expect(JSON.stringify(everything)).not.toMatch(/trc_\w+_[0-9a-f]{48}|trs_/);
});
