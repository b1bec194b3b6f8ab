import type { Verdict } from "@tracer/core";
import {
  aSighting,
  createTestDatabase,
  passTime,
  SIGHT_OPTIONS,
  type TestDatabase,
} from "@tracer/testkit";
import { expect, test } from "vitest";
import { claimDeliveries } from "./claim.ts";
import {
  type ClaimDigestOptions,
  type ClaimedDigest,
  claimDigest,
  DIGEST_MAX,
  recordDigestAttempt,
  settleDigest,
  UNCERTAIN_KEPT_MAX,
} from "./digest.ts";
import { openPool } from "./pool.ts";
import { resolveQuiet } from "./resolve.ts";
import { recordAttempt, settle } from "./settle.ts";
import { sight } from "./sight.ts";
import { sweep } from "./sweep.ts";

type Database = Pick<TestDatabase, "pool">;

/** For what is much at once: how long it takes on a machine that is busy says nothing. */
async function createPatientDatabase(): Promise<Database & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const { connectionString } = stack.use(await createTestDatabase());
  const pool = openPool({ connectionString, patient: true });
  stack.defer(() => pool.end());
  const owned = stack.move();
  return { pool, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const RECEIPT = { channel: "C1", ts: "1.5", digest: "d" };
const SENT: Verdict = { kind: "sent", receipt: RECEIPT };
const AMBIGUOUS: Verdict = { kind: "ambiguous", reason: "timeout" };
const RETRY: Verdict = { kind: "retry", reason: "http_429", afterMs: null };
const PERMANENT: Verdict = { kind: "permanent", reason: "invalid_blocks" };

const OPTIONS = {
  leaseSeconds: 120,
  channel: "slack",
  due: 20,
  ownAlone: true,
  pauseSeconds: 0,
} as const;

function claim(
  { pool }: Database,
  options: Partial<ClaimDigestOptions> = {},
): Promise<ClaimedDigest | null> {
  return claimDigest(pool, { processorId: "p1", ...OPTIONS, ...options });
}

async function claimOne(
  database: Database,
  options: Partial<ClaimDigestOptions> = {},
): Promise<ClaimedDigest> {
  const digest = await claim(database, options);
  if (digest === null) throw new Error("There is no digest.");
  return digest;
}

/** The processor shows life, and has done so for a minute. */
async function beat({ pool }: Database, processorId: string): Promise<void> {
  await pool.query(
    `insert into processors values ($1, clock_timestamp(), clock_timestamp(), clock_timestamp() - interval '1 min')
     on conflict (id) do update set heartbeat_at = excluded.heartbeat_at, alive_since = excluded.alive_since`,
    [processorId],
  );
}

async function open(
  { pool }: Database,
  count: number,
  { prefix = "s", severity = "error" }: { prefix?: string; severity?: "error" | "critical" } = {},
): Promise<void> {
  const sightings = Array.from({ length: count }, (_, index) =>
    aSighting({ service: `${prefix}${index}`, severity }),
  );
  await sight(pool, sightings, SIGHT_OPTIONS);
}

async function attempt(database: Database, digest: ClaimedDigest, verdict: Verdict = SENT) {
  const begun = await recordDigestAttempt(database.pool, digest, { processorId: "p1" });
  expect(begun).toBe(true);
  return settleDigest(database.pool, { digest, verdict, retryAfterMs: 0 });
}

async function states({ pool }: Database): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ state: string; count: number }>(
    "select state, count(*)::int from outbox group by state",
  );
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
}

test("more than `due` are one digest, critical first; as many as that are none", async () => {
  await using database = await createTestDatabase();
  await open(database, 20);
  expect(await claim(database)).toBeNull();
  await open(database, 1, { prefix: "worst", severity: "critical" });
  expect(await claim(database, { due: null })).toBeNull();
  const digest = await claimOne(database);
  expect(digest).toMatchObject({
    channel: "slack",
    uncertain: false,
    attempts: 0,
    stillOpen: true,
  });
  expect(digest.entries).toHaveLength(21);
  expect(digest.entries[0]).toMatchObject({
    action: "open",
    service: "worst0",
    severity: "critical",
  });
  expect(new Set(digest.entries.map(({ id }) => id)).size).toBe(21);
  expect(await attempt(database, digest)).toBe(21);
  const { rows } = await database.pool.query(
    "select distinct digest::text, state, receipt, attempts from outbox",
  );
  expect(rows).toEqual([{ digest: digest.id, state: "sent", receipt: RECEIPT, attempts: 1 }]);
  const attempts = await database.pool.query("select distinct outcome from delivery_attempts");
  expect(attempts.rows).toEqual([{ outcome: "sent" }]);
});

test("at most `limit`; while it is in flight there is no other", async () => {
  await using database = await createTestDatabase();
  await open(database, 60);
  await expect(() => claim(database, { limit: DIGEST_MAX + 1 })).rejects.toThrow();
  const digest = await claimOne(database, { limit: 30 });
  expect(digest.rows).toHaveLength(30);
  expect(await claim(database)).toBeNull();
  await attempt(database, digest);
  expect((await claimOne(database)).rows).toHaveLength(30);
});

test("until the pause since the last is over, nobody forms another", async () => {
  await using database = await createTestDatabase();
  await open(database, 60);
  await attempt(database, await claimOne(database, { limit: 30, pauseSeconds: 60 }));
  expect(await claim(database, { processorId: "p2" })).toBeNull();
  await database.pool.query("update leases set until = clock_timestamp()");
  expect((await claimOne(database, { processorId: "p2" })).rows).toHaveLength(30);
});

test("two processors at once: no delivery is in two digests, and no digest is in two hands", async () => {
  await using database = await createTestDatabase();
  await open(database, 100);
  for (let round = 0; round < 12; round += 1) {
    const claims = Array.from({ length: 8 }, (_, index) =>
      claim(database, { processorId: `p${index}`, due: 5, limit: 25 }),
    );
    const digests = (await Promise.all(claims)).filter((digest) => digest !== null);
    const ids = digests.flatMap(({ rows }) => rows.map(({ deliveryId }) => deliveryId));
    expect(new Set(ids).size).toBe(ids.length);
    expect(new Set(digests.map(({ id }) => id)).size).toBe(digests.length);
    // They come back, and are claimed by all at once: each whole, and by one.
    for (const digest of digests) await attempt(database, digest, AMBIGUOUS);
    const again = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        claim(database, { processorId: `p${index}`, due: null }),
      ),
    );
    const retaken = again.filter((digest) => digest !== null);
    expect(new Set(retaken.map(({ id }) => id)).size).toBe(retaken.length);
    for (const digest of retaken) {
      const before = digests.find(({ id }) => id === digest.id);
      expect(digest.entries).toEqual(before?.entries);
      expect(digest.uncertain).toBe(true);
      await attempt(database, digest);
    }
  }
  // Who locked a row without getting the turn kept it out of that digest: too few for another may be left.
  const { sent, pending = 0 } = await states(database);
  expect(sent).toBe(100 - pending);
  expect(pending).toBeLessThanOrEqual(5);
});

test("of eight that ask at once one forms a digest, and it holds everything", async () => {
  await using database = await createPatientDatabase();
  for (let round = 0; round < 3; round += 1) {
    await open(database, 100, { prefix: `r${round}-` });
    const claims = Array.from({ length: 8 }, (_, index) =>
      claim(database, { processorId: `p${index}`, due: 5, pauseSeconds: 60 }),
    );
    const digests = (await Promise.all(claims)).filter((digest) => digest !== null);
    expect(digests.map(({ rows }) => rows.length)).toEqual([100]);
    for (const digest of digests) await attempt(database, digest);
    await database.pool.query("update leases set until = clock_timestamp()");
  }
});

test("a digest that is tried again and again keeps few attempts for each delivery", async () => {
  await using database = await createTestDatabase();
  await open(database, 30);
  const verdicts = [RETRY, ...Array(UNCERTAIN_KEPT_MAX + 3).fill(AMBIGUOUS), RETRY];
  for (const [index, verdict] of verdicts.entries()) {
    const digest = await claimOne(database);
    expect(digest.uncertain).toBe(index > 1); // Since the first whose end is unknown.
    await attempt(database, digest, verdict);
    const { rows } = await database.pool.query(
      "select max(count)::int from (select count(*) from delivery_attempts group by delivery_id) a",
    );
    expect(rows[0]?.max).toBe(1 + Math.min(Math.max(0, index - 1), UNCERTAIN_KEPT_MAX));
  }
});

test("a digest of DIGEST_MAX is one message, again and again, and after a day as many dead letters", {
  timeout: 120_000,
}, async () => {
  await using database = await createPatientDatabase();
  await open(database, DIGEST_MAX);
  const digest = await claimOne(database);
  expect(digest.rows).toHaveLength(DIGEST_MAX);
  await attempt(database, digest, AMBIGUOUS);
  await passTime(database.pool, 86_400);
  const last = await claimOne(database, { due: null });
  expect(last).toMatchObject({ id: digest.id, entries: digest.entries, uncertain: true });
  await attempt(database, last, RETRY);
  expect(await states(database)).toEqual({ dead: DIGEST_MAX });
});

test("the last try of a digest that nobody settles: no other follows, and the sweep gives it up", async () => {
  await using database = await createTestDatabase();
  await open(database, 30);
  await attempt(database, await claimOne(database), AMBIGUOUS);
  await passTime(database.pool, 86_400);
  const last = await claimOne(database, { due: null });
  expect(await recordDigestAttempt(database.pool, last, { processorId: "p1" })).toBe(true);
  await passTime(database.pool, 119);
  await sweep(database.pool, { limit: 100, channels: ["slack"] });
  expect(await states(database)).toEqual({ leased: 30 });
  await passTime(database.pool, 2);
  expect(await claim(database, { due: null })).toBeNull();
  await sweep(database.pool, { limit: 100, channels: ["slack"] });
  expect(await states(database)).toEqual({ dead: 30 });
  // It may have been told: its end is one of the storm.
  const { rows } = await database.pool.query("select count(digest)::int as told from outbox");
  expect(rows).toEqual([{ told: 30 }]);
});

test("a holder that shows no life: another takes the same digest over, whole; the first is fenced", async () => {
  await using database = await createTestDatabase();
  await open(database, 30);
  await beat(database, "p1");
  await beat(database, "p2");
  const first = await claimOne(database);
  expect(await recordDigestAttempt(database.pool, first, { processorId: "p1" })).toBe(true);
  await passTime(database.pool, 6);
  await beat(database, "p2");
  const second = await claimOne(database, { processorId: "p2" });
  expect(second).toMatchObject({ id: first.id, uncertain: true, unknownEnds: 1, attempts: 1 });
  expect(second.unknownMs).toBeGreaterThanOrEqual(6_000);
  expect(second.entries).toEqual(first.entries);
  expect(await recordDigestAttempt(database.pool, first, { processorId: "p1" })).toBe(false);
  expect(await settleDigest(database.pool, { digest: first, verdict: SENT, retryAfterMs: 0 })).toBe(
    0,
  );
  expect(await states(database)).toEqual({ leased: 30 });
  expect(await attempt(database, second)).toBe(30);
});

test("rows that are no longer ours are left alone, and a digest that lacks one is not begun", async () => {
  await using database = await createTestDatabase();
  await open(database, 30);
  const digest = await claimOne(database);
  expect(await recordDigestAttempt(database.pool, digest, { processorId: "p1" })).toBe(true);
  const taken = digest.rows[3]?.deliveryId;
  await database.pool.query("update outbox set lease_token = lease_token + 1 where id = $1", [
    taken,
  ]);
  expect(await recordDigestAttempt(database.pool, digest, { processorId: "p1" })).toBe(false);
  const attempts = await database.pool.query("select count(*)::int from delivery_attempts");
  expect(attempts.rows).toEqual([{ count: 30 }]);
  expect(await settleDigest(database.pool, { digest, verdict: SENT, retryAfterMs: 0 })).toBe(29);
  expect(await states(database)).toEqual({ sent: 29, leased: 1 });
});

test("no send begins after half of the lease", async () => {
  await using database = await createTestDatabase();
  await open(database, 30);
  const digest = await claimOne(database);
  await database.pool.query(
    "update outbox set leased_at = leased_at - interval '61 s', due_at = due_at - interval '61 s'",
  );
  expect(await recordDigestAttempt(database.pool, digest, { processorId: "p1" })).toBe(false);
});

test("`permanent` sets the deliveries free, to go alone and into no digest again", async () => {
  await using database = await createTestDatabase();
  await open(database, 30);
  await attempt(database, await claimOne(database), PERMANENT);
  expect(await claim(database)).toBeNull();
  const alone = { processorId: "p1", leaseSeconds: 120, channel: "slack", limit: 100 };
  const claimed = await claimDeliveries(database.pool, alone);
  expect(claimed).toHaveLength(30);
  expect(claimed.every(({ uncertain }) => !uncertain)).toBe(true);
});

test("a row that cannot be read is in no digest, and the others are", async () => {
  await using database = await createTestDatabase();
  await open(database, 30);
  await database.pool.query(
    `update outbox set incident = incident - 'title' where incident ->> 'service' = 's7'`,
  );
  const digest = await claimOne(database);
  expect(digest.rows).toHaveLength(29);
  expect(await attempt(database, digest)).toBe(29);
  expect(await states(database)).toEqual({ sent: 29, pending: 1 });
});

test("a day after the change a digest is given up, each delivery as a dead letter", async () => {
  await using database = await createTestDatabase();
  await open(database, 30);
  const digest = await claimOne(database);
  await database.pool.query("update outbox set give_up_at = clock_timestamp() where id = $1", [
    digest.rows[0]?.deliveryId,
  ]);
  await attempt(database, digest, AMBIGUOUS);
  expect(await states(database)).toEqual({ dead: 1, pending: 29 });
  expect((await claimOne(database)).rows).toHaveLength(29);
});

test("the end of what a digest told: with its receipt alone, or as a digest; the storm is over with the last", async () => {
  await using database = await createTestDatabase();
  await open(database, 30);
  await attempt(database, await claimOne(database));
  await passTime(database.pool, 301);
  expect(await resolveQuiet(database.pool, { limit: 4 })).toHaveLength(4);
  const alone = { processorId: "p1", leaseSeconds: 120, channel: "slack", limit: 1 };
  const [one] = await claimDeliveries(database.pool, alone);
  if (one === undefined) throw new Error("Nothing could be claimed.");
  expect(one).toMatchObject({ action: "resolve", receipt: RECEIPT, stormOpen: true });
  const attemptId = await recordAttempt(database.pool, { ...one, processorId: "p1" });
  const end = { attemptId: attemptId ?? "", verdict: SENT, retryAfterMs: 0 };
  await settle(database.pool, { ...one, ...end });
  expect(await resolveQuiet(database.pool)).toHaveLength(26);
  const digest = await claimOne(database);
  expect(digest.stillOpen).toBe(false);
  expect(digest.entries.map(({ action }) => action)).toEqual(Array(29).fill("resolve"));
  expect(await attempt(database, digest)).toBe(29);
  expect(await states(database)).toEqual({ sent: 60 });
});

test("what has a message of its own stays with it where `ownAlone`", async () => {
  await using database = await createTestDatabase();
  await open(database, 30);
  const alone = { processorId: "p1", leaseSeconds: 120, channel: "slack", limit: 30 };
  for (const delivery of await claimDeliveries(database.pool, alone)) {
    const attemptId = await recordAttempt(database.pool, { ...delivery, processorId: "p1" });
    const verdict: Verdict = { kind: "sent", receipt: { channel: "C1", ts: "2.5" } };
    const end = { attemptId: attemptId ?? "", verdict, retryAfterMs: 0 };
    await settle(database.pool, { ...delivery, ...end });
  }
  await passTime(database.pool, 301);
  expect(await resolveQuiet(database.pool)).toHaveLength(30);
  expect(await claim(database)).toBeNull();
  expect((await claimOne(database, { ownAlone: false })).rows).toHaveLength(30);
});

test("after an escalation of its own the incident's own receipt is handed out, and the storm's state", async () => {
  await using database = await createTestDatabase();
  await open(database, 30);
  await attempt(database, await claimOne(database));
  await open(database, 1, { severity: "critical" });
  const alone = { processorId: "p1", leaseSeconds: 120, channel: "slack", limit: 5 };
  const [escalation] = await claimDeliveries(database.pool, alone);
  if (escalation === undefined) throw new Error("Nothing could be claimed.");
  expect(escalation).toMatchObject({ action: "escalate", receipt: RECEIPT, stormOpen: true });
  const attemptId = await recordAttempt(database.pool, { ...escalation, processorId: "p1" });
  const own = { channel: "C1", ts: "3.5" };
  const end = { verdict: { kind: "sent", receipt: own }, retryAfterMs: 0 } as const;
  await settle(database.pool, { ...escalation, attemptId: attemptId ?? "", ...end });
  await passTime(database.pool, 301);
  await resolveQuiet(database.pool);
  const ends = await claimDeliveries(database.pool, { ...alone, limit: 100 });
  expect(ends).toHaveLength(30);
  const ofOwn = ends.find(({ incident }) => incident.id === escalation.incident.id);
  expect(ofOwn).toMatchObject({ receipt: own, stormOpen: false });
});
