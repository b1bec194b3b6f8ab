import { createTestDatabase, passTime } from "@tracer/testkit";
import { expect, test } from "vitest";
import { holdLease, LEASE_SECONDS, releaseLease } from "./leases.ts";
import type { Pool } from "./pool.ts";
import { heartbeat } from "./processors.ts";

const hold = (pool: Pool, holder: string) => holdLease(pool, { name: "volume", holder });

async function start(pool: Pool, id: string, agoSeconds: number): Promise<void> {
  await pool.query(
    `insert into processors (id, started_at, heartbeat_at)
     values ($1, clock_timestamp() - make_interval(secs => $2), clock_timestamp())`,
    [id, agoSeconds],
  );
}

test("twenty ask at once: one holds, and goes on holding while it renews", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const ids = Array.from({ length: 20 }, (_, at) => `p${at}`);
  const answers = await Promise.all(ids.map((id) => hold(pool, id)));
  expect(answers.filter(Boolean)).toHaveLength(1);
  const holder = ids[answers.indexOf(true)] ?? "";
  for (let round = 0; round < 3; round += 1) {
    await passTime(pool, LEASE_SECONDS - 1);
    expect(await hold(pool, holder)).toBe(true);
  }
  const again = await Promise.all(ids.map((id) => hold(pool, id)));
  expect(again).toEqual(answers);
});

test("by the database's clock: kept for 5 s, then another's; given back, at once", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  expect(await hold(pool, "p1")).toBe(true);
  await passTime(pool, LEASE_SECONDS - 1);
  expect(await hold(pool, "p2")).toBe(false);
  await passTime(pool, 2);
  expect(await hold(pool, "p2")).toBe(true);
  expect(await hold(pool, "p1")).toBe(false);
  await releaseLease(pool, { name: "volume", holder: "p1" }); // Not its own.
  expect(await hold(pool, "p1")).toBe(false);
  await releaseLease(pool, { name: "volume", holder: "p2" });
  expect(await hold(pool, "p1")).toBe(true);
});

test("the processor that knows more goes first, if it shows up", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await start(pool, "old", 3_600);
  await start(pool, "new", 1);
  expect(await hold(pool, "new")).toBe(false); // Nobody has ever held it.
  expect(await hold(pool, "old")).toBe(true);

  await passTime(pool, 1);
  await heartbeat(pool, "old");
  await heartbeat(pool, "new");
  await pool.query("update leases set until = clock_timestamp() - interval '1 s'");
  await pool.query("update processors set started_at = started_at - interval '1 min'");
  expect(await hold(pool, "new")).toBe(false);
  await pool.query("update leases set until = clock_timestamp() - interval '3 s'");
  expect(await hold(pool, "new")).toBe(true); // The other lives, but does not want it.
  expect(await hold(pool, "old")).toBe(false);

  await pool.query("update leases set until = clock_timestamp() - interval '1 s', holder = 'old'");
  await pool.query(
    "update processors set heartbeat_at = heartbeat_at - interval '6 s' where id = 'old'",
  );
  expect(await hold(pool, "new")).toBe(true);
});
