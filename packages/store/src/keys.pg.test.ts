import { createTestDatabase, passTime } from "@tracer/testkit";
import { expect, test } from "vitest";
import { listActs, recordAct } from "./audit.ts";
import { createKey, findKey, KEYS_MAX, listKeys, revokeKey, touchKeys } from "./keys.ts";
import { beginSession, endSession, findSession, SESSIONS_MAX, sessionProof } from "./sessions.ts";
import { sweep } from "./sweep.ts";

const DAY = 86_400;

test("a key is found until it expires or is revoked, and never stored in full", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const wanted = { project: "shop", label: "web", scopes: ["read", "ingest"], by: "me" } as const;
  const { key, record } = await createKey(pool, {
    ...wanted,
    service: "cart",
    expiresInSeconds: DAY,
  });
  expect(await findKey(pool, key)).toMatchObject({
    ...{ id: `key:${record.id}`, project: "shop", name: "web", service: "cart" },
    scopes: ["ingest", "read"],
  });
  expect(JSON.stringify((await pool.query("select * from api_keys")).rows)).not.toContain(key);
  const other = await createKey(pool, { ...wanted, expiresInSeconds: null });
  await touchKeys(pool, [`key:${other.record.id}`]);
  await passTime(pool, DAY + 1);
  expect([await findKey(pool, key), await findKey(pool, other.key)]).toMatchObject([
    null,
    { service: null },
  ]);
  await revokeKey(pool, { id: other.record.id, project: "shop", keepAdmin: true });
  expect(await findKey(pool, other.key)).toBeNull();
  expect(await listKeys(pool, { project: "shop", limit: 10 })).toMatchObject([
    { state: "revoked", lastUsedAt: expect.any(String) },
    { state: "expired", lastUsedAt: null },
  ]);
  expect(await listKeys(pool, { project: "other", limit: 10 })).toEqual([]);
});

test("of two who revoke the last two administrators at once, one is refused", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const admin = { project: "default", label: "", scopes: ["admin"], by: "me" } as const;
  const made = await Promise.all([createKey(pool, admin), createKey(pool, admin)]);
  await createKey(pool, { ...admin, scopes: ["ingest"] });
  const revoke = ({ record: { id } }: { record: { id: string } }) =>
    revokeKey(pool, { id, project: null, keepAdmin: true });
  const outcomes = await Promise.all(made.map(revoke));
  expect(outcomes.filter((outcome) => outcome === "last_admin")).toHaveLength(1);
  const [first] = made;
  const elsewhere = { id: first?.record.id ?? "", project: "shop", keepAdmin: false };
  expect(await revokeKey(pool, elsewhere)).toBe("unknown");
});

test("a project has at most so many keys in force; one that is revoked makes room", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const wanted = { project: "shop", label: "", scopes: ["read"], by: "me" } as const;
  const { record } = await createKey(pool, wanted);
  await pool.query(
    `insert into api_keys (project, label, prefix, hash, scopes) select 'shop', '', '', 'h' || n, '{read}'
     from generate_series(1, $1::int) n`,
    [KEYS_MAX - 1],
  );
  await expect(createKey(pool, wanted)).rejects.toMatchObject({ code: "INPUT_INVALID" });
  await revokeKey(pool, { id: record.id, project: null, keepAdmin: false });
  await createKey(pool, wanted);
});

test("a session ends with its time, its key, by hand, and when there are too many", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const wanted = { project: "shop", label: "", scopes: ["read"], by: "me" } as const;
  const { record } = await createKey(pool, wanted);
  const key = { keyId: `key:${record.id}` };
  const first = await beginSession(pool, key);
  expect(await findSession(pool, first)).toMatchObject({ owner: { project: "shop" } });
  for (let more = 1; more < SESSIONS_MAX; more += 1) await beginSession(pool, key);
  expect(await findSession(pool, first)).not.toBeNull();
  const newest = await beginSession(pool, key);
  expect(await findSession(pool, first)).toBeNull();
  const fixed = await beginSession(pool, { staticKey: "from the environment" });
  expect(await findSession(pool, fixed)).toMatchObject({
    keyProof: sessionProof(fixed, "from the environment"),
  });
  expect(JSON.stringify((await pool.query("select * from sessions")).rows)).not.toContain(fixed);
  await revokeKey(pool, { id: record.id, project: null, keepAdmin: false });
  expect(await findSession(pool, newest)).toBeNull();
  await endSession(pool, fixed);
  expect(await findSession(pool, fixed)).toBeNull();
});

test("acts page by page, of one project; swept after a year, with sessions that are over", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await beginSession(pool, { staticKey: "x" });
  for (const subject of ["1", "2", "3\u001b[31m"]) {
    await recordAct(pool, { project: "shop", actor: "me", act: "silence.create", subject });
  }
  await recordAct(pool, { project: "other", actor: "you", act: "login", subject: "" });
  const page = await listActs(pool, { project: "shop", limit: 2 });
  expect(page.entries.map(({ subject }) => subject)).toEqual(["3", "2"]);
  const rest = await listActs(pool, { project: "shop", limit: 2, cursor: page.nextCursor ?? "" });
  expect([rest.entries.map(({ subject }) => subject), rest.nextCursor]).toEqual([["1"], null]);
  await expect(listActs(pool, { project: null, limit: 2, cursor: "x" })).rejects.toMatchObject({
    code: "INPUT_INVALID",
  });
  await passTime(pool, 364 * DAY);
  await sweep(pool, { limit: 3, channels: [] });
  const left = await pool.query(
    "select (select count(*)::int from audit) as acts, (select count(*)::int from sessions) as sessions",
  );
  expect(left.rows).toEqual([{ acts: 4, sessions: 0 }]);
  await passTime(pool, 2 * DAY);
  await sweep(pool, { limit: 3, channels: [] });
  await sweep(pool, { limit: 3, channels: [] });
  expect((await listActs(pool, { project: null, limit: 9 })).entries).toEqual([]);
});
