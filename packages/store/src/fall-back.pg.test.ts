import type { Verdict } from "@tracer/core";
import { aSighting, createTestDatabase, passTime, SIGHT_OPTIONS } from "@tracer/testkit";
import { expect, test } from "vitest";
import { claimDeliveries } from "./claim.ts";
import { FALL_BACK_DAYS, type FallBackOptions, fallBack } from "./fall-back.ts";
import { resolveQuiet } from "./resolve.ts";
import { recordAttempt, settle } from "./settle.ts";
import { sight } from "./sight.ts";

type Database = Awaited<ReturnType<typeof createTestDatabase>>;

const PERMANENT: Verdict = { kind: "permanent", reason: "channel_not_found" };
const RETRY: Verdict = { kind: "retry", reason: "http_429", afterMs: null };
const SENT: Verdict = { kind: "sent", receipt: null };

function fall({ pool }: Database, options: Partial<FallBackOptions> = {}) {
  const byDefault = { channel: "console", processorId: "p1", afterSeconds: 300, limit: 100 };
  return fallBack(pool, { ...byDefault, ...options });
}

async function see(
  { pool }: Database,
  service: string,
  severity: "error" | "critical" = "error",
): Promise<void> {
  await sight(pool, [aSighting({ service, severity })], { ...SIGHT_OPTIONS, quietSeconds: 1e6 });
}

/** Tries everything that is due for a channel, with one verdict. Returns what was tried, in order. */
async function tryAll({ pool }: Database, verdict: Verdict, channel = "slack") {
  const tried: string[] = [];
  for (let round = 0; round < 5; round += 1) {
    const claim = { processorId: "p1", leaseSeconds: 120, channel, limit: 100 };
    for (const delivery of await claimDeliveries(pool, claim)) {
      const attemptId = await recordAttempt(pool, { ...delivery, processorId: "p1" });
      const end = { attemptId: attemptId ?? "", verdict, retryAfterMs: 3_600_000 };
      await settle(pool, { ...delivery, ...end });
      const why = delivery.undelivered === undefined ? "" : ` ${delivery.undelivered.reason}`;
      tried.push(`${delivery.action} ${delivery.incident.service}${why}`);
    }
  }
  return tried;
}

async function end({ pool }: Database): Promise<void> {
  await pool.query(
    "update incidents set expires_at = clock_timestamp(), hold_until = clock_timestamp()",
  );
  await resolveQuiet(pool);
}

test("a dead letter goes to the fall-back, once, and says why", async () => {
  await using database = await createTestDatabase();
  await see(database, "a");
  expect(await fall(database)).toBe(0);
  await tryAll(database, PERMANENT);
  await Promise.all(Array.from({ length: 8 }, () => fall(database)));
  expect(await fall(database)).toBe(0);
  expect(await tryAll(database, SENT, "console")).toEqual(["open a channel_not_found"]);
  expect(await fall(database)).toBe(0);
});

test("undelivered: after so many seconds and not before; what nobody tried only if somebody was there", async () => {
  await using database = await createTestDatabase();
  await see(database, "tried");
  await tryAll(database, RETRY);
  await see(database, "untried");
  await passTime(database.pool, 299);
  expect(await fall(database)).toBe(0);
  await passTime(database.pool, 1);
  expect(await fall(database)).toBe(1);
  await database.pool.query(
    `insert into processors values ('p1', clock_timestamp(), clock_timestamp(), clock_timestamp() - interval '301 s')`,
  );
  expect(await fall(database)).toBe(1);
  expect(await tryAll(database, SENT, "console")).toEqual([
    "open tried http_429",
    "open untried no answer in time",
  ]);
});

test("what the fall-back was told of, it is told the end of", async () => {
  await using database = await createTestDatabase();
  await see(database, "a");
  await tryAll(database, PERMANENT);
  await fall(database);
  await end(database);
  expect(await tryAll(database, SENT, "console")).toEqual([
    "open a channel_not_found",
    "resolve a",
  ]);
  expect(await fall(database)).toBe(0);
});

test("it ended before the fall-back heard of it: both are told, in order, also with the next epoch open", async () => {
  await using database = await createTestDatabase();
  await see(database, "a");
  await see(database, "a", "critical");
  await tryAll(database, PERMANENT);
  await end(database);
  await database.pool.query(
    "update incidents set closed_at = closed_at - interval '1 h', onset_at = onset_at - interval '1 h'",
  );
  await see(database, "a");
  expect(await fall(database)).toBe(3);
  expect(await tryAll(database, SENT, "console")).toEqual([
    "open a channel_not_found",
    "escalate a channel_not_found",
    "resolve a channel_not_found",
  ]);
  const { rows } = await database.pool.query("select epoch, channels from incidents");
  expect(rows).toEqual([{ epoch: 2, channels: ["slack"] }]);
});

test("an escalation that comes after the end was told is left out", async () => {
  await using database = await createTestDatabase();
  await see(database, "a");
  await tryAll(database, PERMANENT);
  await see(database, "a", "critical");
  await fall(database);
  await end(database);
  await tryAll(database, SENT, "console");
  await tryAll(database, PERMANENT);
  expect(await fall(database)).toBe(0);
});

test("reminders, edits and ends do not fall back, nor does what was for the fall-back itself", async () => {
  await using database = await createTestDatabase();
  await see(database, "a");
  await tryAll(database, SENT);
  await end(database);
  await tryAll(database, PERMANENT);
  expect(await fall(database)).toBe(0);
  await see(database, "b");
  await tryAll(database, PERMANENT);
  expect(await fall(database, { channel: "slack" })).toBe(0);
});

/** Rows of the outbox that the fall-back would look at again. */
async function unseen({ pool }: Database): Promise<number> {
  const { rows } = await pool.query(
    "select count(*)::int as count from outbox where state = 'dead' and action in ('open', 'escalate') and not fell_back",
  );
  return Number(rows[0]?.count);
}

test("at most `limit` in one call; none that is older than FALL_BACK_DAYS", async () => {
  await using database = await createTestDatabase();
  for (const service of ["a", "b", "c"]) await see(database, service);
  await tryAll(database, PERMANENT);
  await database.pool.query(
    "update outbox set created_at = created_at - make_interval(days => $1) where id = (select min(id) from outbox)",
    [FALL_BACK_DAYS],
  );
  expect(await fall(database, { limit: 1 })).toBe(1);
  expect(await fall(database, { limit: 1 })).toBe(1);
  expect(await fall(database)).toBe(0);
  expect(await unseen(database)).toBe(1);
});

test("what it has seen to is not read again, whatever became of it", async () => {
  await using database = await createTestDatabase();
  for (const service of ["a", "b"]) await see(database, service);
  await tryAll(database, PERMANENT);
  expect(await unseen(database)).toBe(2);
  expect(await fall(database)).toBe(2);
  expect(await unseen(database)).toBe(0);
  await tryAll(database, PERMANENT, "console"); // Dead letters of the fall-back itself: there is no other.
  expect(await unseen(database)).toBe(2);
  expect(await fall(database)).toBe(0);
  expect(await unseen(database)).toBe(0);
  await see(database, "a", "critical");
  await tryAll(database, PERMANENT);
  expect(await unseen(database)).toBe(1);
  expect(await fall(database)).toBe(1);
  expect(await unseen(database)).toBe(0);
});
