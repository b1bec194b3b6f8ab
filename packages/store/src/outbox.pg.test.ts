import type { Verdict } from "@tracer/core";
import { aSighting, createTestDatabase, passTime, SIGHT_OPTIONS } from "@tracer/testkit";
import { expect, test } from "vitest";
import { type ClaimedDelivery, claimDeliveries } from "./claim.ts";
import { listDeliveries } from "./deliveries.ts";
import { getIncident } from "./incidents.ts";
import { heartbeat } from "./processors.ts";
import { clear, resolveQuiet } from "./resolve.ts";
import { nextDueMs, recordAttempt, retryDeadLetter, settle } from "./settle.ts";
import { sight } from "./sight.ts";

type Database = Awaited<ReturnType<typeof createTestDatabase>>;

const SENT: Verdict = { kind: "sent", receipt: null };
const RETRY: Verdict = { kind: "retry", reason: "http_429", afterMs: null };
const PERMANENT: Verdict = { kind: "permanent", reason: "channel_not_found" };

function claim(
  { pool }: Database,
  processorId = "p1",
  limit = 100,
  channel = "slack",
): Promise<ClaimedDelivery[]> {
  return claimDeliveries(pool, { processorId, leaseSeconds: 120, limit, channel });
}

/** The processor shows life, and has done so for a minute. */
async function beat({ pool }: Database, processorId: string): Promise<void> {
  await pool.query(
    `insert into processors values ($1, clock_timestamp(), clock_timestamp(), clock_timestamp() - interval '1 min')
     on conflict (id) do update set heartbeat_at = excluded.heartbeat_at, alive_since = excluded.alive_since`,
    [processorId],
  );
}

/** The one delivery that can be claimed now. */
async function claimOne(database: Database, processorId = "p1"): Promise<ClaimedDelivery> {
  const [delivery, ...others] = await claim(database, processorId);
  expect(others).toEqual([]);
  if (delivery === undefined) throw new Error("Nothing could be claimed.");
  return delivery;
}

/** Attempts a claimed delivery and settles it, without sending anything. */
async function attempt(
  { pool }: Database,
  delivery: ClaimedDelivery,
  verdict: Verdict = SENT,
  retryAfterMs = 1_000,
): Promise<"settled" | "fenced" | "not begun"> {
  const attemptId = await recordAttempt(pool, { ...delivery, processorId: "p1" });
  if (attemptId === null) return "not begun";
  return settle(pool, { ...delivery, attemptId, verdict, retryAfterMs });
}

async function deadOf({ pool }: Database, options: { limit: number; project?: string }) {
  return (await listDeliveries(pool, { state: "dead", ...options })).deliveries;
}

async function open(database: Database, service = "checkout"): Promise<void> {
  await sight(database.pool, [aSighting({ service, severity: "warning" })], SIGHT_OPTIONS);
}

async function escalate(database: Database, severity: "error" | "critical"): Promise<void> {
  await sight(database.pool, [aSighting({ severity })], SIGHT_OPTIONS);
}

async function edit(database: Database): Promise<void> {
  await passTime(database.pool, 31);
  await heartbeat(database.pool, "p1");
  const options = { ...SIGHT_OPTIONS, quietSeconds: 100_000, repeatSeconds: 1_000_000 };
  const [result] = await sight(
    database.pool,
    [aSighting({ severity: "info", hasNewText: true })],
    options,
  );
  expect(result?.outcome).toBe("update");
}

test("a claim hands out what the channel needs, once", async () => {
  await using database = await createTestDatabase();
  expect(await nextDueMs(database.pool)).toBeNull();
  await open(database);
  expect(await nextDueMs(database.pool)).toBe(0);
  const delivery = await claimOne(database);
  expect(delivery).toMatchObject({
    channel: "slack",
    action: "open",
    seq: 1,
    leaseToken: 1,
    attempts: 0,
    receipt: null,
    uncertain: false,
    incident: { service: "checkout", severity: "warning", state: "open", epoch: 1 },
  });
  const sinceMs = Date.parse(delivery.incident.lastSeenAt) - Date.parse(delivery.incident.openedAt);
  expect(sinceMs).toBe(40_000); // openedAt is the onset.
  expect(await claim(database, "p2")).toEqual([]);
  expect(await nextDueMs(database.pool)).toBeGreaterThan(100_000);
  expect(await attempt(database, delivery)).toBe("settled");
  expect(await nextDueMs(database.pool)).toBeNull();
});

test("twenty claim at once: every delivery has one holder", async () => {
  await using database = await createTestDatabase();
  const services = Array.from({ length: 60 }, (_, index) => `s${index}`);
  await sight(
    database.pool,
    services.map((service) => aSighting({ service })),
    SIGHT_OPTIONS,
  );
  const claims: ClaimedDelivery[] = [];
  for (let round = 0; round < 5 && claims.length < 60; round += 1) {
    const workers = Array.from({ length: 20 }, (_, index) => claim(database, `p${index}`, 5));
    claims.push(...(await Promise.all(workers)).flat());
  }
  expect(claims).toHaveLength(60);
  expect(new Set(claims.map(({ deliveryId }) => deliveryId)).size).toBe(60);
});

test("in order for each fingerprint and channel, one in flight; the others are not held up", async () => {
  await using database = await createTestDatabase();
  await open(database);
  await escalate(database, "critical");
  await open(database, "other");
  await passTime(database.pool, 301);
  await resolveQuiet(database.pool);
  const seen: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    for (const delivery of await claim(database)) {
      if (delivery.incident.service === "checkout") seen.push(delivery.action);
      await attempt(database, delivery);
    }
  }
  expect(seen).toEqual(["open", "escalate", "resolve"]);
  const { rows } = await database.pool.query("select state from outbox where state <> 'sent'");
  expect(rows).toEqual([]);
});

test("a row that cannot be read is put off alone, and in the end a dead letter", async () => {
  await using database = await createTestDatabase();
  for (const service of ["a", "poison", "b"]) await open(database, service);
  await database.pool.query(
    `update outbox set incident = incident || '{"kind": "of another version"}'
     where incident ->> 'service' = 'poison'`,
  );
  const claimed = await claim(database);
  expect(claimed.map(({ incident }) => incident.service)).toEqual(["a", "b"]);
  const states = "select state, last_error from outbox where last_error is not null";
  const putOff = await database.pool.query(states);
  expect(putOff.rows).toEqual([{ state: "pending", last_error: "unreadable" }]);
  expect(await claim(database)).toEqual([]);
  await passTime(database.pool, 86_400);
  await claim(database, "p3");
  expect((await database.pool.query(states)).rows).toEqual([
    { state: "dead", last_error: "unreadable" },
  ]);
});

test("a poison row holds up its own key only, and becomes a dead letter", async () => {
  await using database = await createTestDatabase();
  await open(database, "poison");
  const poison = await claimOne(database);
  expect(await attempt(database, poison, RETRY, 60_000)).toBe("settled");
  await sight(
    database.pool,
    [aSighting({ service: "poison", severity: "critical" }), aSighting({ service: "good" })],
    SIGHT_OPTIONS,
  );
  const good = await claimOne(database);
  expect(good.incident.service).toBe("good");
  await attempt(database, good);
  await passTime(database.pool, 61);
  const again = await claimOne(database, "p2");
  expect(again).toMatchObject({ action: "open", attempts: 1, uncertain: false });
  expect(await attempt(database, again, PERMANENT)).toBe("settled");
  expect(await claimOne(database)).toMatchObject({ action: "escalate" });
  const [dead] = await deadOf(database, { limit: 10 });
  expect(dead).toMatchObject({ action: "open", attempts: 2, lastError: "channel_not_found" });
  expect(await deadOf(database, { limit: 9, project: "x" })).toEqual([]);
});

test("a dead letter can be sent again by hand", async () => {
  await using database = await createTestDatabase();
  await open(database);
  const delivery = await claimOne(database);
  const dead = { deliveryId: delivery.deliveryId, project: "default" };
  expect(await retryDeadLetter(database.pool, dead)).toBe(false);
  await attempt(database, delivery, PERMANENT);
  expect(await claim(database)).toEqual([]);
  expect(await retryDeadLetter(database.pool, { ...dead, project: "other" })).toBe(false);
  expect(await retryDeadLetter(database.pool, dead)).toBe(true);
  expect(await retryDeadLetter(database.pool, { ...dead, deliveryId: "no such" })).toBe(false);
  expect(await attempt(database, await claimOne(database))).toBe("settled");
});

test("an opening sent by hand after the incident is over is followed by its end once more", async () => {
  await using database = await createTestDatabase();
  await open(database);
  const opening = await claimOne(database);
  await attempt(database, opening, PERMANENT);
  await passTime(database.pool, 301);
  await resolveQuiet(database.pool);
  await attempt(database, await claimOne(database));
  expect(await claim(database)).toEqual([]);
  const dead = { deliveryId: opening.deliveryId, project: "default" };
  expect(await retryDeadLetter(database.pool, dead)).toBe(true);
  for (const action of ["open", "resolve"]) {
    const delivery = await claimOne(database);
    expect(delivery.action).toBe(action);
    await attempt(database, delivery);
  }
});

test("tried for a day, then given up; not a minute earlier", async () => {
  await using database = await createTestDatabase();
  await open(database);
  await passTime(database.pool, 86_300);
  await attempt(database, await claimOne(database), RETRY, 50_000);
  expect(await deadOf(database, { limit: 1 })).toEqual([]);
  await passTime(database.pool, 101);
  await attempt(database, await claimOne(database), RETRY);
  expect(await deadOf(database, { limit: 1 })).toHaveLength(1);
});

test("looks that send nothing leave the unknown end as it is, and its age grows", async () => {
  await using database = await createTestDatabase();
  await open(database);
  await attempt(database, await claimOne(database), { kind: "ambiguous", reason: "timeout" }, 0);
  await passTime(database.pool, 60);
  await attempt(database, await claimOne(database), RETRY, 0);
  await passTime(database.pool, 60);
  const delivery = await claimOne(database);
  expect(delivery).toMatchObject({ attempts: 2, uncertain: true, unknownEnds: 1 });
  expect(delivery.unknownMs).toBeGreaterThanOrEqual(120_000);
});

test("fenced: who slept through the lease neither sends nor settles", async () => {
  await using database = await createTestDatabase();
  await open(database);
  const sleeper = await claimOne(database, "p1");
  const attemptId = await recordAttempt(database.pool, { ...sleeper, processorId: "p1" });
  await passTime(database.pool, 121);
  expect(await recordAttempt(database.pool, { ...sleeper, processorId: "p1" })).toBeNull();
  await beat(database, "p2");
  const successor = await claimOne(database, "p2");
  expect(successor).toMatchObject({
    ...{ leaseToken: 2, attempts: 1, uncertain: true, unknownEnds: 1 },
  });
  expect(successor.unknownMs).toBeGreaterThan(120_999);
  expect(await recordAttempt(database.pool, { ...sleeper, processorId: "p1" })).toBeNull();
  const late = { ...sleeper, attemptId: attemptId ?? "", verdict: SENT, retryAfterMs: 0 };
  expect(await settle(database.pool, late)).toBe("fenced");
  expect(await attempt(database, successor)).toBe("settled");
  const { rows } = await database.pool.query(
    "select lease_token, outcome from delivery_attempts order by id",
  );
  expect(rows).toEqual([
    { lease_token: 1, outcome: "sent" },
    { lease_token: 2, outcome: "sent" },
  ]);
});

test("sent by one who had lost the lease, refused for now at the next: whoever follows looks first", async () => {
  await using database = await createTestDatabase();
  await open(database);
  const sleeper = await claimOne(database, "p1");
  const attemptId = await recordAttempt(database.pool, { ...sleeper, processorId: "p1" });
  await passTime(database.pool, 121);
  await beat(database, "p2");
  const successor = await claimOne(database, "p2");
  const late = { ...sleeper, attemptId: attemptId ?? "", verdict: SENT, retryAfterMs: 0 };
  expect(await settle(database.pool, late)).toBe("fenced");
  const busy: Verdict = { kind: "retry", reason: "http_429", afterMs: null };
  expect(await attempt(database, successor, busy)).toBe("settled");
  await passTime(database.pool, 60);
  expect(await claimOne(database, "p2")).toMatchObject({ uncertain: true });
});

test("no send begins after half of the lease", async () => {
  for (const [seconds, begins] of [
    [59, true],
    [61, false],
  ] as const) {
    await using database = await createTestDatabase();
    await open(database);
    const delivery = await claimOne(database);
    await passTime(database.pool, seconds);
    const attemptId = await recordAttempt(database.pool, { ...delivery, processorId: "p1" });
    expect(attemptId !== null).toBe(begins);
  }
});

test("a processor whose heartbeat is older than 5 s loses its leases at once, one alive keeps them", async () => {
  await using database = await createTestDatabase();
  await beat(database, "p1");
  await open(database);
  const first = await claimOne(database, "p1");
  await recordAttempt(database.pool, { ...first, processorId: "p1" });
  await passTime(database.pool, 4.5);
  await beat(database, "p2");
  expect(await claim(database, "p2")).toEqual([]);
  await beat(database, "p1");
  await passTime(database.pool, 4.5);
  await beat(database, "p2");
  expect(await claim(database, "p2")).toEqual([]);
  await passTime(database.pool, 1);
  const taken = await claimOne(database, "p2");
  expect(taken).toMatchObject({ leaseToken: 2, uncertain: true });
  await beat(database, "p3");
  expect(await claim(database, "p3")).toEqual([]); // p2 has shown life a second ago, and its lease is new.
});

test("after an outage everybody looks dead: nobody takes a lease over, and known answers still settle", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await beat(database, "p1");
  await beat(database, "p2");
  await open(database);
  const delivery = await claimOne(database, "p1");
  const attemptId = await recordAttempt(pool, { ...delivery, processorId: "p1" });
  await passTime(pool, 130); // Longer than the lease, and nobody's heartbeat could be written.
  expect(await claim(database, "p2")).toEqual([]);
  await heartbeat(pool, "p2");
  expect(await claim(database, "p2")).toEqual([]);
  await passTime(pool, 2.5);
  await heartbeat(pool, "p2");
  await passTime(pool, 2);
  await heartbeat(pool, "p2");
  expect(await claim(database, "p2")).toEqual([]); // 4.5 s without a gap.
  const answer = { ...delivery, attemptId: attemptId ?? "", verdict: SENT, retryAfterMs: 0 };
  expect(await settle(pool, answer)).toBe("settled");
});

test("a lease that is over is taken over once the successor has been alive for 5 s; its holder may at once", async () => {
  for (const [seconds, processorId, taken] of [
    [2, "p2", 0],
    [2.6, "p2", 1],
    [0, "p1", 1],
  ] as const) {
    await using database = await createTestDatabase();
    await open(database);
    await claimOne(database, "p1");
    await passTime(database.pool, 121);
    await heartbeat(database.pool, processorId);
    await passTime(database.pool, 2.5);
    await heartbeat(database.pool, processorId);
    await passTime(database.pool, seconds);
    expect(await claim(database, processorId)).toHaveLength(taken);
  }
});

test("a processor does not take its own leases over, however late its heartbeat", async () => {
  await using database = await createTestDatabase();
  await beat(database, "p1");
  await open(database);
  await claimOne(database, "p1");
  await passTime(database.pool, 60);
  expect(await claim(database, "p1")).toEqual([]);
  await beat(database, "p1");
  expect(await claim(database, "p1")).toEqual([]);
});

test("claimed for one channel; what is for another waits for who has it", async () => {
  await using database = await createTestDatabase();
  const channels = ["slack", "pagerduty"];
  await sight(database.pool, [aSighting()], { ...SIGHT_OPTIONS, channels });
  expect(await claim(database, "old")).toMatchObject([{ channel: "slack", action: "open" }]);
  expect(await claim(database, "old")).toEqual([]);
  expect(await claim(database, "new", 10, "pagerduty")).toMatchObject([
    { channel: "pagerduty", attempts: 0 },
  ]);
});

test("what people have not heard of goes first, critical before all; then reminders, then edits", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const told = { ...SIGHT_OPTIONS, quietSeconds: 100_000, repeatSeconds: 50 };
  for (const service of ["edited", "reminded"]) {
    await sight(pool, [aSighting({ service })], { ...told, repeatSeconds: 100_000 });
    await attempt(database, await claimOne(database));
  }
  await pool.query("update incidents set renotify_at = opened_at where service = 'reminded'");
  await passTime(pool, 60);
  for (const service of ["edited", "reminded"])
    await sight(pool, [aSighting({ service, hasNewText: true, severity: "error" })], told);
  await passTime(pool, 10);
  await sight(pool, [aSighting({ service: "opened" })], told);
  await passTime(pool, 10);
  await sight(pool, [aSighting({ service: "critical", severity: "critical" })], told);
  const seen: string[] = [];
  for (let round = 0; round < 5; round += 1) {
    for (const delivery of await claim(database, "p1", 1)) {
      seen.push(`${delivery.incident.service} ${delivery.action}`);
    }
  }
  expect(seen).toEqual(["critical open", "opened open", "reminded repeat", "edited edit"]);
});

test("a channel that asked to be left alone is left alone by all, and only it", async () => {
  await using database = await createTestDatabase();
  const later: Verdict = { ...RETRY, afterMs: 30_000 };
  await open(database);
  await attempt(database, await claimOne(database), later, 30_000);
  await sight(database.pool, [aSighting({ service: "payments" })], {
    ...SIGHT_OPTIONS,
    channels: ["slack", "pagerduty"],
  });
  expect(await claim(database, "p2")).toEqual([]);
  expect(await claim(database, "p2", 100, "pagerduty")).toHaveLength(1);
  await passTime(database.pool, 29);
  expect(await claim(database, "p2")).toEqual([]);
  await passTime(database.pool, 2);
  const both = await claim(database, "p2");
  expect(both).toHaveLength(2);
  // Once more, and shorter: the longer pause stays. A failure without a word about when pauses nothing.
  const [one, other] = both;
  if (one === undefined || other === undefined) throw new Error("There are two.");
  await attempt(database, one, later, 30_000);
  await attempt(database, other, { ...RETRY, afterMs: 1_000 }, 1_000);
  await open(database, "search");
  await passTime(database.pool, 20);
  expect(await claim(database, "p3")).toEqual([]);
  await passTime(database.pool, 11);
  const all = await claim(database, "p3");
  expect(all).toHaveLength(3);
  await attempt(database, all[0] ?? one, RETRY, 1_000);
  await open(database, "basket");
  expect(await claim(database, "p3")).toHaveLength(1);
});

test("the receipt of the first message comes with the later ones, and edits take the newest state", async () => {
  await using database = await createTestDatabase();
  await open(database);
  const receipt = { ts: "1.2", channel: "C1" };
  await attempt(database, await claimOne(database), { kind: "sent", receipt });
  await edit(database);
  await sight(database.pool, [aSighting({ severity: "info", occurrences: 40 })], SIGHT_OPTIONS);
  const edited = await claimOne(database);
  expect(edited).toMatchObject({ action: "edit", receipt, incident: { occurrences: 42 } });
  await attempt(database, edited, { kind: "sent", receipt: { ts: "9.9" } });
  await clear(database.pool, [aSighting().key], { clearSeconds: 0 });
  await resolveQuiet(database.pool);
  expect(await claimOne(database)).toMatchObject({
    action: "resolve",
    receipt,
    incident: { state: "resolved", closeReason: "clear", occurrences: 42 },
  });
});

test("an edit that something newer has overtaken is dropped, unless it is in flight", async () => {
  await using database = await createTestDatabase();
  await open(database);
  await attempt(database, await claimOne(database));
  await edit(database);
  const flying = await claimOne(database);
  await edit(database);
  await escalate(database, "critical");
  expect(await claim(database)).toEqual([]); // One in flight; the second edit is dropped.
  await attempt(database, flying, { kind: "ambiguous", reason: "timeout" }); // Dropped: newer waits.
  expect(await claimOne(database)).toMatchObject({ action: "escalate" });
  const { rows } = await database.pool.query(
    "select action, state from outbox where action = 'edit' order by seq",
  );
  expect(rows).toEqual([
    { action: "edit", state: "dropped" },
    { action: "edit", state: "dropped" },
  ]);
  const found = await getIncident(database.pool, flying.incident.id);
  expect(found?.deliveries.map(({ action, state }) => `${action} ${state}`)).toEqual([
    "open sent",
    "escalate pending",
  ]);
});

test("an edit that failed comes again when nothing newer waits", async () => {
  await using database = await createTestDatabase();
  await open(database);
  await attempt(database, await claimOne(database));
  await edit(database);
  await attempt(database, await claimOne(database), { kind: "ambiguous", reason: "timeout" }, 0);
  expect(await claimOne(database)).toMatchObject({ action: "edit", attempts: 1, uncertain: true });
});

test("the holder dies after the loser was told duplicate: the message is not lost", async () => {
  await using database = await createTestDatabase();
  const [won] = await sight(database.pool, [aSighting()], SIGHT_OPTIONS);
  const [lost] = await sight(database.pool, [aSighting()], SIGHT_OPTIONS);
  expect([won?.outcome, lost?.outcome]).toEqual(["created", "duplicate"]);
  // The winner never claims. Whoever is alive does.
  expect(await claimOne(database, "loser")).toMatchObject({ action: "open" });
});
