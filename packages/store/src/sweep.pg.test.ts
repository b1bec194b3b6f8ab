import { aSighting, createTestDatabase, passTime, SIGHT_OPTIONS } from "@tracer/testkit";
import { expect, test } from "vitest";
import type { Pool } from "./pool.ts";
import { heartbeat } from "./processors.ts";
import { resolveByHand } from "./resolve.ts";
import { sight } from "./sight.ts";
import { DELIVERIES_KEPT_DAYS, INCIDENTS_KEPT_DAYS, sweep } from "./sweep.ts";

const DAY_SECONDS = 86_400;

async function count(pool: Pool, table: string): Promise<number> {
  const { rows } = await pool.query(`select count(*)::int as count from ${table}`);
  return Number(rows[0]?.count);
}

async function counts(pool: Pool) {
  const tables = ["outbox", "incident_history", "incidents", "processors"];
  return Promise.all(tables.map((table) => count(pool, table)));
}

async function openAndResolve(pool: Pool): Promise<void> {
  const [result] = await sight(pool, [aSighting()], SIGHT_OPTIONS);
  await resolveByHand(pool, result?.incidentId ?? "");
  await pool.query("update outbox set state = 'sent'");
}

test("what is over goes after its time, not before: first deliveries, then the incident", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await openAndResolve(pool);
  await heartbeat(pool, "processor");
  const before = await counts(pool);
  expect(before.every((rows) => rows > 0)).toBe(true);

  await passTime(pool, DELIVERIES_KEPT_DAYS * DAY_SECONDS - 60);
  await heartbeat(pool, "processor");
  expect(await sweep(pool, { limit: 100, channels: [] })).toBe(0);
  await passTime(pool, 120);
  await heartbeat(pool, "processor");
  await sweep(pool, { limit: 100, channels: [] });
  expect(await counts(pool)).toEqual([0, 1, 1, 1]);

  await passTime(pool, (INCIDENTS_KEPT_DAYS - DELIVERIES_KEPT_DAYS) * DAY_SECONDS);
  await sweep(pool, { limit: 100, channels: [] });
  expect(await counts(pool)).toEqual([0, 0, 0, 0]);
});

test("deliveries of an open incident stay, however old: its edits need their receipts", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await sight(pool, [aSighting()], SIGHT_OPTIONS);
  await pool.query("update outbox set state = 'sent'");
  await passTime(pool, 100 * DAY_SECONDS);
  expect(await sweep(pool, { limit: 100, channels: [] })).toBe(0);
  expect(await count(pool, "outbox")).toBeGreaterThan(0);
});

test("no more than asked for at once", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  for (let index = 0; index < 5; index += 1) await heartbeat(pool, `processor-${index}`);
  await passTime(pool, 2 * DAY_SECONDS);
  expect(await sweep(pool, { limit: 2, channels: [] })).toBe(2);
  expect(await count(pool, "processors")).toBe(3);
});

test("what no processor has claimed for a day becomes a dead letter; a channel of ours is not given up", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await sight(pool, [aSighting()], { ...SIGHT_OPTIONS, channels: ["slack", "removed"] });
  await passTime(pool, DAY_SECONDS + 540);
  expect(await sweep(pool, { limit: 100, channels: ["slack"] })).toBe(0);
  await passTime(pool, 120);
  expect(await sweep(pool, { limit: 100, channels: ["slack", "removed"] })).toBe(0);
  expect(await sweep(pool, { limit: 100, channels: ["slack"] })).toBe(1);
  const { rows } = await pool.query("select channel, state, last_error from outbox order by id");
  expect(rows).toEqual(
    expect.arrayContaining([
      { channel: "slack", state: "pending", last_error: null },
      { channel: "removed", state: "dead", last_error: "no processor has this channel" },
    ]),
  );
});
