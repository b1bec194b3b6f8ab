import { aSighting, createTestDatabase, passTime, SIGHT_OPTIONS } from "@tracer/testkit";
import { expect, test } from "vitest";
import { recordAct } from "./audit.ts";
import { claimDeliveries } from "./claim.ts";
import { seriesIdOf, writeDecisions } from "./decisions.ts";
import { markDeploy } from "./deploys.ts";
import { holdLease } from "./leases.ts";
import type { Pool } from "./pool.ts";
import { heartbeat } from "./processors.ts";
import { resolveByHand } from "./resolve.ts";
import { beginSession } from "./sessions.ts";
import { recordAttempt } from "./settle.ts";
import { sight } from "./sight.ts";
import { createSilence } from "./silences.ts";
import { flushStepCounts } from "./step-counts.ts";
import { AUDIT_KEPT_DAYS, DELIVERIES_KEPT_DAYS, INCIDENTS_KEPT_DAYS, sweep } from "./sweep.ts";
import { claimTriage } from "./triage.ts";

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

test("deliveries of an open incident stay, however old: its edits need their receipts; the edits go", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await sight(pool, [aSighting()], SIGHT_OPTIONS);
  const told = await count(pool, "outbox");
  await passTime(pool, 31);
  const later = { ...SIGHT_OPTIONS, quietSeconds: 1e8 };
  await sight(pool, [aSighting({ hasNewText: true })], later);
  expect(await count(pool, "outbox")).toBe(2 * told);
  await pool.query("update outbox set state = 'sent'");
  await passTime(pool, 100 * DAY_SECONDS);
  expect(await sweep(pool, { limit: 100, channels: [] })).toBe(told);
  expect(await count(pool, "outbox")).toBe(told);
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

/** What is made by people, one by one, and kept until they take it away. */
const KEPT_TABLES = ["api_keys", "kept", "projects", "triage_budget"];
const ROWS = 5;

/** Rows in every table that can grow, all of them over. */
async function fill(pool: Pool): Promise<void> {
  for (let index = 0; index < ROWS; index += 1) {
    const service = `s${index}`;
    const [result] = await sight(pool, [aSighting({ service })], SIGHT_OPTIONS);
    await claimTriage(pool, { processorId: "p" });
    await resolveByHand(pool, result?.incidentId ?? "");
    await heartbeat(pool, `p${index}`);
    await holdLease(pool, { name: `lease ${index}`, holder: "p0" });
    const silence = { project: "default", matchers: { service }, reason: "r", by: "test" };
    await createSilence(pool, { ...silence, ends: { inSeconds: 60 } });
    await markDeploy(pool, { project: "default", service, version: "1", by: "test" });
    await flushStepCounts(pool, { processorId: "p", flush: index, counts: [] });
    await beginSession(pool, { staticKey: "x" });
    await recordAct(pool, { project: "default", actor: "test", act: "login", subject: "" });
  }
  const claim = { processorId: "p", leaseSeconds: 60, limit: 100 };
  for (const channel of SIGHT_OPTIONS.channels) {
    for (const delivery of await claimDeliveries(pool, { ...claim, channel })) {
      await recordAttempt(pool, { ...delivery, processorId: "p" });
    }
  }
  await pool.query("update outbox set state = 'sent'");
  const blank = { evidence: null, peakEvidence: null, bar: null, observed: null, expected: null };
  const decision = {
    ...{ ...blank, series: seriesIdOf({ project: "p", environment: "", service: "s" }), part: "" },
    ...{ kind: "error", state: "calm", atMs: 0, unseenFromMs: null, why: "" },
    ...{ expectedLow: null, expectedHigh: null },
  } as const;
  await writeDecisions(pool, Array(ROWS).fill(decision));
}

test("every table that can grow is swept, in bounded batches", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await fill(pool);
  const { rows } = await pool.query<{ table_name: string }>(
    "select table_name from information_schema.tables where table_schema = current_schema() order by 1",
  );
  const tables = rows.map(({ table_name }) => table_name);
  expect(tables).toEqual(expect.arrayContaining(KEPT_TABLES));
  const growing = tables.filter((table) => !KEPT_TABLES.includes(table));
  const left = async () =>
    new Map(
      await Promise.all(growing.map(async (table) => [table, await count(pool, table)] as const)),
    );
  // A new table must be filled here, and the sweep must empty it.
  for (const [table, rowCount] of await left())
    expect(rowCount, table).toBeGreaterThanOrEqual(ROWS);

  await passTime(pool, (AUDIT_KEPT_DAYS + 1) * DAY_SECONDS);
  for (let before = await left(); ; ) {
    const swept = await sweep(pool, { limit: 2, channels: [] });
    const after = await left();
    for (const [table, rowCount] of after) {
      const most = table === "decisions" ? 10 : 2;
      expect((before.get(table) ?? 0) - rowCount, table).toBeLessThanOrEqual(most);
    }
    before = after;
    if (swept === 0) break;
  }
  expect([...(await left())].filter(([, rowCount]) => rowCount > 0)).toEqual([]);
});
