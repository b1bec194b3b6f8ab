import { aSighting, createTestDatabase, SIGHT_OPTIONS } from "@tracer/testkit";
import { expect, test } from "vitest";
import { claimDeliveries, recordAttempt, settle, sight } from "./index.ts";
import { forget, keep, listKept, readKept } from "./kept.ts";
import { schemaState } from "./schema-state.ts";
import { listToldOpen } from "./told-open.ts";

test("what is kept is there for the next, is replaced, and is forgotten once", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  expect(await readKept(pool, "a:1")).toBeNull();
  await keep(pool, "a:1", { id: "x" });
  await Promise.all([1, 2, 3].map((id) => keep(pool, "a:2", { id })));
  await keep(pool, "a:1", { id: "y" });
  await keep(pool, "b:1", []);
  expect(await readKept(pool, "a:1")).toEqual({ id: "y" });
  const listed = await listKept(pool, "a:");
  expect(listed.map(({ name }) => name)).toEqual(["a:1", "a:2"]);
  expect(Date.parse(listed[0]?.keptAt ?? "")).toBeGreaterThan(0);
  expect(await Promise.all([forget(pool, "a:1"), forget(pool, "a:1")])).toContain(true);
  expect(await forget(pool, "a:1")).toBe(false);
  expect(await listKept(pool, "%")).toEqual([]); // A prefix is no pattern.
});

test("only what a channel was told of is said again to it", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const list = (channel: string) => listToldOpen(pool, { channel, limit: 10 });
  await sight(pool, [aSighting({ service: "told" })], { ...SIGHT_OPTIONS, channels: ["a", "b"] });
  expect(await list("a")).toEqual([]); // It waits to be sent, and would be told before its time.
  const processorId = "p";
  const [delivery] = await claimDeliveries(pool, {
    ...{ processorId, channel: "a", limit: 1, leaseSeconds: 30 },
  });
  if (delivery === undefined) throw new Error("nothing was claimed");
  expect(await list("a")).toEqual([]);
  const attemptId = await recordAttempt(pool, { ...delivery, processorId });
  if (attemptId === null) throw new Error("no attempt");
  const { deliveryId, leaseToken } = delivery;
  const verdict = { kind: "sent", receipt: null } as const;
  await settle(pool, { deliveryId, leaseToken, attemptId, verdict, retryAfterMs: 0 });
  expect(await list("a")).toMatchObject([{ service: "told", state: "open" }]);
  expect([await list("b"), await list("c")]).toEqual([[], []]);
});

test("the schema's state is told without changing it", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  expect(await schemaState(pool)).toEqual({ kind: "current" });
  await pool.query(
    "delete from drizzle.__drizzle_migrations where id = (select max(id) from drizzle.__drizzle_migrations)",
  );
  expect(await schemaState(pool)).toEqual({ kind: "behind", steps: 1, isEmpty: false });
  await pool.query("update drizzle.__drizzle_migrations set created_at = 9999999999999");
  expect(await schemaState(pool)).toEqual({ kind: "newer" });
  await pool.query("drop schema drizzle cascade");
  expect(await schemaState(pool)).toMatchObject({ kind: "behind", isEmpty: true });
});
