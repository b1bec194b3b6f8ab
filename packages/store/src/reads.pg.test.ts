import { aSighting, createTestDatabase, passTime, SIGHT_OPTIONS } from "@tracer/testkit";
import { expect, test } from "vitest";
import { listDeliveries } from "./deliveries.ts";
import { getIncident, listIncidents } from "./incidents.ts";
import { createKeysIfNone, findKey, hasKeys } from "./keys.ts";
import { checkServerVersion, openPool, serverTimeMs } from "./pool.ts";
import { resolveByHand } from "./resolve.ts";
import { sight } from "./sight.ts";

test("incidents, open and over, newest first, page by page", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const services = ["a", "b", "c", "d", "e"];
  for (const service of services) {
    const [opened] = await sight(pool, [aSighting({ service })], SIGHT_OPTIONS);
    if (service === "b" || service === "d") await resolveByHand(pool, opened?.incidentId ?? "");
    await passTime(pool, 1);
  }
  const seen: string[] = [];
  let cursor: string | null = null;
  let pages = 0;
  do {
    const page = await listIncidents(pool, { limit: 2, ...(cursor === null ? {} : { cursor }) });
    seen.push(...page.incidents.map(({ service, state }) => `${service} ${state}`));
    cursor = page.nextCursor;
    pages += 1;
  } while (cursor !== null);
  expect(pages).toBe(3);
  expect(seen).toEqual(["e open", "d resolved", "c open", "b resolved", "a open"]);
  const open = await listIncidents(pool, { limit: 10, state: "open" });
  expect(open.incidents.map(({ service }) => service)).toEqual(["e", "c", "a"]);
  const over = await listIncidents(pool, { limit: 10, state: "resolved", service: "b" });
  expect(over.incidents.map(({ service }) => service)).toEqual(["b"]);
  expect((await listIncidents(pool, { limit: 10, project: "other" })).incidents).toEqual([]);
  await expect(listIncidents(pool, { limit: 1, cursor: "MTIz" })).rejects.toMatchObject({
    code: "INPUT_INVALID",
  });
});

test("deliveries in a state, newest first, page by page", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const services = ["a", "b", "c", "d"];
  for (const service of services) await sight(pool, [aSighting({ service })], SIGHT_OPTIONS);
  const { length } = SIGHT_OPTIONS.channels;
  const all = await listDeliveries(pool, { state: "pending", limit: 4 * length });
  expect(all).toMatchObject({ deliveries: { length: 4 * length }, nextCursor: null });
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const after: { cursor?: string } = cursor === null ? {} : { cursor };
    const page = await listDeliveries(pool, { state: "pending", limit: 3, ...after });
    expect(page.deliveries.length).toBeLessThanOrEqual(3);
    seen.push(...page.deliveries.map(({ id }) => id));
    cursor = page.nextCursor;
    await sight(pool, [aSighting({ service: `new ${seen.length}` })], SIGHT_OPTIONS);
  } while (cursor !== null);
  expect(seen).toEqual(all.deliveries.map(({ id }) => id));
  for (const wrong of ["MTIz", "", "ZGVsaXZlcnkgeA"]) {
    const listed = listDeliveries(pool, { state: "dead", limit: 1, cursor: wrong });
    await expect(listed, wrong).rejects.toMatchObject({ code: "INPUT_INVALID" });
  }
});

test("an incident with its deliveries; each epoch has its own", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const [first] = await sight(pool, [aSighting()], SIGHT_OPTIONS);
  await passTime(pool, 400);
  const [second] = await sight(pool, [aSighting()], SIGHT_OPTIONS);
  const ended = await getIncident(pool, first?.incidentId ?? "");
  expect(ended?.incident).toMatchObject({ epoch: 1, state: "resolved", closeReason: "superseded" });
  expect(ended?.deliveries.map(({ action }) => action)).toEqual(["open", "resolve"]);
  const open = await getIncident(pool, second?.incidentId ?? "");
  expect(open?.incident).toMatchObject({ ...aSighting().key, epoch: 2, state: "open" });
  expect(open?.deliveries).toMatchObject([
    { action: "open", state: "pending", channel: "slack", attempts: 0, sentAt: null },
  ]);
  expect(await getIncident(pool, "inc_nothing")).toBeNull();
  expect(await getIncident(pool, second?.incidentId.replace(/2$/, "3") ?? "")).toBeNull();
});

test("keys: made once by whoever is first, found by what is presented, gone when revoked", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  expect(await hasKeys(pool)).toBe(false);
  const made = await Promise.all([1, 2, 3, 4].map(() => createKeysIfNone(pool)));
  const keys = made.find((some) => some !== null);
  expect(made.filter((some) => some !== null)).toHaveLength(1);
  expect(await hasKeys(pool)).toBe(true);
  expect(await findKey(pool, keys?.ingest ?? "")).toMatchObject({
    id: expect.stringMatching(/^key:\d+$/),
    project: "default",
    name: "ingest",
    scopes: ["ingest"],
  });
  expect(await findKey(pool, keys?.admin ?? "")).toMatchObject({
    id: expect.stringMatching(/^key:\d+$/),
    project: "default",
    name: "admin",
    scopes: ["ingest", "read", "operate", "admin"],
  });
  const wrong = `${keys?.ingest.slice(0, -1)}${keys?.ingest.endsWith("0") ? "1" : "0"}`;
  expect(await findKey(pool, wrong)).toBeNull();
  expect(await findKey(pool, "")).toBeNull();
  const { rows } = await pool.query("select prefix || hash || label as stored from api_keys");
  expect(rows.some(({ stored }) => stored.includes(keys?.ingest.slice(-40)))).toBe(false);
  await pool.query("update api_keys set revoked_at = clock_timestamp()");
  expect(await findKey(pool, keys?.ingest ?? "")).toBeNull();
  expect(await hasKeys(pool)).toBe(false);
});

test("the database's clock and version", async () => {
  await using database = await createTestDatabase();
  const before = await serverTimeMs(database.pool);
  const after = await serverTimeMs(database.pool);
  expect(after).toBeGreaterThanOrEqual(before);
  expect(after - before).toBeLessThan(60_000);
  expect(Number.isInteger(Math.trunc(before)) && before > 1.7e12).toBe(true);
  await checkServerVersion(database.pool);
  const older = { query: async () => ({ rows: [{ version: 130_011 }] }) };
  await expect(Reflect.apply(checkServerVersion, null, [older])).rejects.toMatchObject({
    code: "DATABASE_UNAVAILABLE",
    message: expect.stringContaining("the database is 13"),
  });
});

test("a database that is away, and a statement that hangs: said, and the connection is not used again", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const pid = async () => (await pool.query("select pg_backend_pid() as pid")).rows[0].pid;
  const before = await pid();
  await expect(pool.query("set statement_timeout = 50; select pg_sleep(5)")).rejects.toThrow();
  expect(await pid()).not.toBe(before);
  const errors: Error[] = [];
  const options = { connectionString: database.connectionString, connectionsMax: 1 };
  const other = openPool({ ...options, onError: (error) => errors.push(error) });
  await other.query("select 1");
  await pool.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()",
  );
  await expect.poll(() => errors.length).toBe(1);
  await expect(sight(other, [aSighting()], SIGHT_OPTIONS)).resolves.toHaveLength(1);
  await other.end();
  expect(errors).toHaveLength(1);
  const away = openPool({ connectionString: "postgres://x:y@127.0.0.1:1/x" });
  await expect(sight(away, [aSighting()], SIGHT_OPTIONS)).rejects.toMatchObject({
    code: "DATABASE_UNAVAILABLE",
  });
  await away.end();
});
