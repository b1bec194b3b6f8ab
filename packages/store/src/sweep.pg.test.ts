import { aSighting, createTestDatabase, passTime, SIGHT_OPTIONS } from "@tracer/testkit";
import { expect, test } from "vitest";
import type { Pool } from "./pool.ts";
import { resolveByHand } from "./resolve.ts";
import { heartbeat } from "./settle.ts";
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
  expect(await sweep(pool, { limit: 100 })).toBe(0);
  await passTime(pool, 120);
  await heartbeat(pool, "processor");
  await sweep(pool, { limit: 100 });
  expect(await counts(pool)).toEqual([0, 1, 1, 1]);

  await passTime(pool, (INCIDENTS_KEPT_DAYS - DELIVERIES_KEPT_DAYS) * DAY_SECONDS);
  await sweep(pool, { limit: 100 });
  expect(await counts(pool)).toEqual([0, 0, 0, 0]);
});

test("deliveries of an open incident stay, however old: its edits need their receipts", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await sight(pool, [aSighting()], SIGHT_OPTIONS);
  await pool.query("update outbox set state = 'sent'");
  await passTime(pool, 100 * DAY_SECONDS);
  expect(await sweep(pool, { limit: 100 })).toBe(0);
  expect(await count(pool, "outbox")).toBeGreaterThan(0);
});

test("no more than asked for at once", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  for (let index = 0; index < 5; index += 1) await heartbeat(pool, `processor-${index}`);
  await passTime(pool, 2 * DAY_SECONDS);
  expect(await sweep(pool, { limit: 2 })).toBe(2);
  expect(await count(pool, "processors")).toBe(3);
});
