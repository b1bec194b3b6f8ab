import { aSighting, createTestDatabase, passTime, SIGHT_OPTIONS } from "@tracer/testkit";
import { expect, test } from "vitest";
import { heartbeat } from "./processors.ts";
import { acknowledge, clear, resolveByHand, resolveQuiet } from "./resolve.ts";
import { sight } from "./sight.ts";

type Database = Awaited<ReturnType<typeof createTestDatabase>>;

const { key } = aSighting();

async function open({ pool }: Database): Promise<string> {
  const [result] = await sight(pool, [aSighting()], SIGHT_OPTIONS);
  return result?.incidentId ?? "";
}

async function reasonOf({ pool }: Database): Promise<string | null> {
  const { rows } = await pool.query<{ close_reason: string | null }>(
    "select close_reason from incidents",
  );
  return rows[0]?.close_reason ?? null;
}

test("quiet: ended when nobody has sighted it for the quiet period, with what its channels are owed", async () => {
  await using database = await createTestDatabase();
  const id = await open(database);
  await passTime(database.pool, 299);
  expect(await resolveQuiet(database.pool)).toEqual([]);
  await passTime(database.pool, 2);
  expect(await resolveQuiet(database.pool)).toMatchObject([{ incidentId: id, epoch: 1 }]);
  expect(await resolveQuiet(database.pool)).toEqual([]);
  const { rows } = await database.pool.query(
    `select outbox.seq, action, outbox.incident = history.incident as same, history.id,
       history.incident ->> 'closeReason' as reason
     from outbox, incident_history history where action = 'resolve'`,
  );
  expect(rows).toEqual([{ seq: 2, action: "resolve", same: true, id, reason: "quiet" }]);
});

test("quiet is believed once who asks has been alive for the quiet period; a clear at once", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const watch = { processorId: "p1", quietSeconds: 4 };
  await sight(pool, [aSighting(), aSighting({ service: "cleared" })], SIGHT_OPTIONS);
  await clear(pool, [aSighting({ service: "cleared" }).key], { clearSeconds: 30 });
  await passTime(pool, 301);
  expect(await resolveQuiet(pool, { watch })).toHaveLength(1);
  expect(await reasonOf(database)).not.toBe("quiet");
  await heartbeat(pool, "p1");
  await passTime(pool, 2.5);
  await heartbeat(pool, "p1");
  await passTime(pool, 1);
  expect(await resolveQuiet(pool, { watch })).toEqual([]); // 3.5 s.
  await passTime(pool, 1);
  expect(await resolveQuiet(pool, { watch: { ...watch, processorId: "p2" } })).toEqual([]);
  expect(await resolveQuiet(pool, { watch })).toHaveLength(1);
});

test("a sighting extends it, whoever makes it", async () => {
  await using database = await createTestDatabase();
  await open(database);
  await passTime(database.pool, 200);
  await open(database);
  await passTime(database.pool, 200);
  expect(await resolveQuiet(database.pool)).toEqual([]);
});

test("clear: ended soon, unless somebody sights it again; a sighting from before does not count", async () => {
  await using database = await createTestDatabase();
  await open(database);
  await clear(database.pool, [key], { clearSeconds: 30 });
  await passTime(database.pool, 29);
  expect(await resolveQuiet(database.pool)).toEqual([]);
  await open(database); // Another processor still sees it.
  await passTime(database.pool, 31);
  expect(await resolveQuiet(database.pool)).toEqual([]);
  await clear(database.pool, [key], { clearSeconds: 30 });
  await passTime(database.pool, 5);
  await sight(database.pool, [aSighting({ ageMs: 10_000 })], SIGHT_OPTIONS);
  await passTime(database.pool, 26);
  expect(await resolveQuiet(database.pool)).toHaveLength(1);
  expect(await reasonOf(database)).toBe("clear");
});

test("clear never lengthens, and never ends within the hold", async () => {
  await using database = await createTestDatabase();
  await open(database);
  await clear(database.pool, [key, { ...key, service: "unknown" }], { clearSeconds: 0 });
  expect(await resolveQuiet(database.pool)).toEqual([]);
  await passTime(database.pool, 7);
  expect(await resolveQuiet(database.pool)).toEqual([]);
  await clear(database.pool, [key], { clearSeconds: 600 });
  await passTime(database.pool, 2);
  expect(await resolveQuiet(database.pool)).toHaveLength(1);
  await clear(database.pool, [], { clearSeconds: 0 });
});

test("twenty resolve and twenty sight at once: one end each, nothing doubled, nothing waits", async () => {
  await using database = await createTestDatabase({ connectionsMax: 40 });
  const services = Array.from({ length: 30 }, (_, index) => `s${index}`);
  const sightings = services.map((service) => aSighting({ service }));
  await sight(database.pool, sightings, SIGHT_OPTIONS);
  await passTime(database.pool, 301);
  const resolvers = Array.from({ length: 20 }, () => resolveQuiet(database.pool, { limit: 7 }));
  const sighters = Array.from({ length: 20 }, (_, index) =>
    sight(database.pool, [sightings[index] ?? aSighting()], SIGHT_OPTIONS),
  );
  const byHand = resolveQuiet(database.pool);
  await Promise.all([...resolvers, ...sighters, byHand]);
  await resolveQuiet(database.pool);
  const { rows } = await database.pool.query(
    `select count(*)::int as resolves, count(distinct fingerprint)::int as incidents
     from outbox where action = 'resolve' and epoch = 1`,
  );
  expect(rows).toEqual([{ resolves: 30, incidents: 30 }]);
});

test("at most `limit` are ended at once, the oldest first", async () => {
  await using database = await createTestDatabase();
  await sight(database.pool, [aSighting({ service: "old" })], SIGHT_OPTIONS);
  await passTime(database.pool, 10);
  await sight(database.pool, [aSighting({ service: "new" })], SIGHT_OPTIONS);
  await passTime(database.pool, 400);
  const [first, ...others] = await resolveQuiet(database.pool, { limit: 1 });
  expect(others).toEqual([]);
  const { rows } = await database.pool.query(
    "select service from incidents where fingerprint = $1",
    [first?.fingerprint],
  );
  expect(rows).toEqual([{ service: "old" }]);
});

test("by hand: once, only the open epoch", async () => {
  await using database = await createTestDatabase();
  const id = await open(database);
  expect(await resolveByHand(database.pool, "inc_x")).toBe(false);
  expect(await resolveByHand(database.pool, id.replace(/-1$/, "-2"))).toBe(false);
  const both = [resolveByHand(database.pool, id), resolveByHand(database.pool, id)];
  expect((await Promise.all(both)).toSorted()).toEqual([false, true]);
  expect(await reasonOf(database)).toBe("manual");
});

test("acknowledged by the first who says so, until it ends", async () => {
  await using database = await createTestDatabase();
  const id = await open(database);
  expect(await acknowledge(database.pool, { incidentId: id, by: "ada" })).toBe(true);
  expect(await acknowledge(database.pool, { incidentId: id, by: "bob" })).toBe(true);
  const { rows } = await database.pool.query("select acked_by from incidents");
  expect(rows).toEqual([{ acked_by: "ada" }]);
  await resolveByHand(database.pool, id);
  expect(await acknowledge(database.pool, { incidentId: id, by: "ada" })).toBe(false);
  expect(await acknowledge(database.pool, { incidentId: "x", by: "ada" })).toBe(false);
});

test("acknowledged: no more reminders, and the resolve is sent all the same", async () => {
  await using database = await createTestDatabase();
  const id = await open(database);
  await acknowledge(database.pool, { incidentId: id, by: "ada" });
  await passTime(database.pool, SIGHT_OPTIONS.repeatSeconds + 60);
  await database.pool.query(
    "update incidents set expires_at = clock_timestamp() + interval '5 min'",
  );
  const [again] = await sight(database.pool, [aSighting()], SIGHT_OPTIONS);
  expect(again?.outcome).not.toBe("repeat");
  await resolveByHand(database.pool, id);
  const { rows } = await database.pool.query(
    "select action from outbox where action in ('repeat', 'resolve')",
  );
  expect(rows.every(({ action }) => action === "resolve") && rows.length > 0).toBe(true);
});
