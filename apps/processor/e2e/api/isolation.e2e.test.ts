import { readFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";
import { sight } from "@tracer/store";
import { aSighting, createTestDatabase, SIGHT_OPTIONS, type TestDatabase } from "@tracer/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { startTracerProcess, type TracerProcess } from "../tracer-process.ts";
import {
  answerSchema,
  DOCUMENT_PATH,
  type Operation,
  operations,
  requestOf,
  wantedStatus,
} from "./operations.ts";
import { SAMPLES, type Things } from "./samples.ts";

// Goal: no route shows a project to another's key, and each holds to the document. Method: two projects with
// something of everything; every operation of the document is asked with every sort of key.

const ADMIN_KEY = "for-this-test-only-3f9a77d1";
const SCOPES = ["ingest", "read", "operate", "admin"] as const;
const MARKS = { alpha: "alphamark", beta: "betamark" } as const;
type Project = keyof typeof MARKS;

let database: TestDatabase;
let tracer: TracerProcess;
const keys = new Map<string, string>(); // By `project scope`.
const things = new Map<Project, Things>();
const all = operations();

beforeAll(async () => {
  database = await createTestDatabase();
  tracer = await startTracerProcess({
    DATABASE_URL: database.connectionString,
    TRACER_ADMIN_KEY: ADMIN_KEY,
    INGEST_RECORDS_PER_SECOND: "1000000",
  });
  for (const project of ["alpha", "beta"] as const) {
    for (const scope of SCOPES) {
      const { key } = await makeKey({
        project,
        scopes: [scope],
        label: `${MARKS[project]} ${scope}`,
      });
      keys.set(`${project} ${scope}`, key);
    }
    things.set(project, await seed(project));
  }
});
afterAll(async () => {
  await tracer[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const Made = z.looseObject({ id: z.string(), key: z.string().default("") });

async function makeKey(wanted: object) {
  return Made.parse(await post("/api/v1/keys", ADMIN_KEY, wanted));
}

async function post(path: string, key: string, body: object): Promise<unknown> {
  const response = await fetch(`${tracer.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  expect([path, response.ok, text]).toMatchObject([path, true, text]);
  return JSON.parse(text);
}

/** Something of everything that a project can have, each with the project's mark. */
async function seed(project: Project): Promise<Things> {
  const mark = MARKS[project];
  const key = keys.get(`${project} admin`) ?? "";
  const service = `${mark}-service`;
  await post("/logs", key, { service, level: "error", message: `${mark} says hello` });
  const sighting = aSighting({
    key: { project, environment: "", service, kind: "error", part: "" },
    title: `${mark} fails`,
    exemplars: [`${mark} line`],
  });
  // Nobody has this channel, so its row stays as it is written here.
  const options = { ...SIGHT_OPTIONS, channels: ["nowhere"] };
  const [seen] = await sight(database.pool, [sighting], options);
  const { rows } = await database.pool.query<{ id: string }>(
    "update outbox set state = 'dead', last_error = $2 where incident ->> 'project' = $1 returning id::text",
    [project, `${mark} channel_not_found`],
  );
  await post("/api/v1/deploys", key, { service, version: `${mark}-1` });
  const matchers = { service: `${mark}*`, severity: "info" };
  const silence = await post("/api/v1/silences", key, { matchers, reason: mark, forSeconds: 600 });
  const spare = await makeKey({ project, label: `${mark} spare` });
  return {
    ...{ service, incident: seen?.incidentId ?? "", delivery: rows[0]?.id ?? "" },
    ...{ silence: Made.parse(silence).id, spareKey: spare.id },
  };
}

/** Asks an operation about the things of a project; a stream is read up to its first event. */
async function ask(operation: Operation, about: Project, key: string | null) {
  const own = things.get(about);
  if (own === undefined) throw new Error("not seeded");
  const { path, init } = requestOf(operation, own);
  const abort = new AbortController();
  const headers = new Headers(init.headers);
  if (key !== null) headers.set("authorization", `Bearer ${key}`);
  const response = await fetch(`${tracer.url}${path}`, { ...init, headers, signal: abort.signal });
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
  const text = isStream ? await firstOf(response) : await response.text();
  abort.abort();
  const type = response.headers.get("content-type") ?? "";
  return { status: response.status, text, type, where: `${operation.name} as ${path}` };
}

async function firstOf(response: Response): Promise<string> {
  const { value } = (await response.body?.getReader().read()) ?? {};
  return new TextDecoder().decode(value);
}

function allows(scope: (typeof SCOPES)[number], needed: Operation["scope"]): boolean {
  if (needed === "open" || needed === "any" || scope === "admin" || scope === needed) return true;
  return needed === "read" && scope === "operate";
}

test("the committed document is what Tracer serves, and is OpenAPI 3.1; /docs shows it", async () => {
  const headers = { authorization: `Bearer ${ADMIN_KEY}` };
  const served = await (await fetch(`${tracer.url}/openapi.json`, { headers })).json();
  const committed: unknown = JSON.parse(readFileSync(DOCUMENT_PATH, "utf8"));
  expect(served, "out of date: run `pnpm openapi`").toEqual(committed);
  const validator = new Validator();
  expect(await validator.validate(JSON.parse(JSON.stringify(served)))).toMatchObject({
    valid: true,
  });
  expect(validator.version).toBe("3.1");
  const docs = await fetch(`${tracer.url}/docs`, { headers });
  const html = await docs.text();
  for (const { path } of all) expect(html).toContain(`<code>${path}</code>`);
  expect(docs.headers.get("content-security-policy")).toMatch(
    /default-src 'none'.*style-src 'sha256-/,
  );
  expect(html).not.toMatch(/<script|src=|https?:\/\//);
});

test("every operation has its sample, and every sample its operation", () => {
  expect(all.length).toBeGreaterThan(60);
  const names = all.map(({ name }) => name);
  expect(Object.keys(SAMPLES).filter((name) => !names.includes(name))).toEqual([]);
});

test("no key, one that is none, an expired one, a revoked one: 401, and nothing is said", async () => {
  const expired = await makeKey({ project: "alpha", scopes: ["admin"], expiresInSeconds: 600 });
  const past = "update api_keys set expires_at = clock_timestamp() - interval '1 s' where id = $1";
  await database.pool.query(past, [expired.id]);
  const revoked = await makeKey({ project: "alpha", scopes: ["admin"] });
  const authorization = `Bearer ${revoked.key}`;
  expect((await fetch(`${tracer.url}/metrics`, { headers: { authorization } })).status).toBe(200);
  const gone = await fetch(`${tracer.url}/api/v1/keys/${revoked.id}`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
  });
  expect(gone.status).toBe(200);
  const unknown = `trc_alpha_${"0".repeat(48)}`;
  for (const operation of all) {
    for (const key of [null, unknown, expired.key, revoked.key]) {
      const { status, text, where } = await ask(operation, "beta", key);
      if (operation.scope !== "open") expect([where, key, status]).toEqual([where, key, 401]);
      expect(text, where).not.toMatch(/alphamark|betamark/);
    }
  }
});

test("a key without the right: 403; a key of another project: nothing of it", async () => {
  for (const operation of all) {
    for (const scope of SCOPES) {
      const key = keys.get(`alpha ${scope}`) ?? "";
      const { status, text, where } = await ask(operation, "beta", key);
      if (!allows(scope, operation.scope))
        expect([where, scope, status]).toEqual([where, scope, 403]);
      if (/\{(id|service)\}/.test(operation.path) && allows(scope, operation.scope)) {
        expect([where, scope, status]).toEqual([where, scope, 404]);
      }
      expect(text, `${where} with ${scope}`).not.toContain("betamark");
    }
  }
});

test("an administrator of one project does not look after another", async () => {
  const key = keys.get("alpha admin") ?? "";
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const wanted = { method: "POST", headers, body: '{"project":"beta"}' };
  for (const [path, init] of [
    ["/api/v1/keys?project=beta", { headers }],
    ["/api/v1/keys?project=*", { headers }],
    ["/api/v1/audit?project=*", { headers }],
    ["/api/v1/keys", wanted],
  ] as const) {
    expect([path, (await fetch(`${tracer.url}${path}`, init)).status]).toEqual([path, 403]);
  }
});

// Last: it changes what it asks about.
test("every operation answers its own project in the shape that the document promises", async () => {
  const order = (name: string) => (/^GET/.test(name) ? 0 : /resolve|DELETE/.test(name) ? 2 : 1);
  const key = keys.get("alpha admin") ?? "";
  let marked = 0;
  for (const operation of all.toSorted((a, b) => order(a.name) - order(b.name))) {
    const { status, text, type, where } = await ask(operation, "alpha", key);
    expect([where, status, text]).toEqual([where, wantedStatus(operation), text]);
    if (text.includes("alphamark")) marked += 1;
    expect(text, where).not.toContain("betamark");
    const schema = answerSchema(operation, status);
    if (schema === null || !type.includes("json")) continue;
    const parsed = schema.safeParse(JSON.parse(text));
    expect([where, parsed.success, parsed.error?.issues]).toEqual([where, true, undefined]);
  }
  expect(marked).toBeGreaterThan(12); // It would have shown.
});
