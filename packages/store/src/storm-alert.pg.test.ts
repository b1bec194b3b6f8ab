import type { Verdict } from "@tracer/core";
import { aSighting, createTestDatabase, SIGHT_OPTIONS } from "@tracer/testkit";
import { expect, test } from "vitest";
import { type ClaimedDelivery, claimDeliveries } from "./claim.ts";
import { type ClaimedDigest, claimDigest, recordDigestAttempt, settleDigest } from "./digest.ts";
import { resolveQuiet } from "./resolve.ts";
import { recordAttempt, settle } from "./settle.ts";
import { sight } from "./sight.ts";

/*
 * All digests of a channel are one alert at PagerDuty, and events about it may arrive in another order than they
 * were sent in. Goal: when everything is settled, what arrived last was true. Method: every order of two events.
 */

type Database = Awaited<ReturnType<typeof createTestDatabase>>;

const CHANNEL = SIGHT_OPTIONS.channels[0] ?? "";
const LEASE = { processorId: "p1", leaseSeconds: 120, channel: CHANNEL } as const;
const SENT: Verdict = { kind: "sent", receipt: { dedup_key: "storm", digest: "d" } };

async function open({ pool }: Database, ...services: readonly string[]): Promise<void> {
  const sightings = services.map((service) => aSighting({ service }));
  await sight(pool, sightings, SIGHT_OPTIONS);
}

async function end({ pool }: Database, ...services: readonly string[]): Promise<void> {
  await pool.query(
    `update incidents set cleared_at = clock_timestamp(), expires_at = clock_timestamp(),
       hold_until = clock_timestamp() where service = any($1)`,
    [services],
  );
  await resolveQuiet(pool);
}

async function beginDigest({ pool }: Database): Promise<ClaimedDigest> {
  const formed = { ...LEASE, due: 0, ownAlone: true, pauseSeconds: 0 };
  const digest = await claimDigest(pool, formed);
  if (digest === null) throw new Error("There is no digest.");
  expect(await recordDigestAttempt(pool, digest, LEASE)).toBe(true);
  return digest;
}

async function endDigest({ pool }: Database, digest: ClaimedDigest): Promise<void> {
  const isFiring = digest.entries.some(({ action }) => action !== "resolve");
  const told = isFiring ? {} : { toldStormOpen: digest.stillOpen };
  await settleDigest(pool, { digest, verdict: SENT, retryAfterMs: 0, ...told });
}

interface Begun {
  readonly delivery: ClaimedDelivery;
  readonly attemptId: string;
}

/** What is said of the storm by the next message of an incident of its own; it is sent and not settled yet. */
async function begin({ pool }: Database): Promise<Begun> {
  const [delivery] = await claimDeliveries(pool, { ...LEASE, limit: 1 });
  if (delivery === undefined) throw new Error("Nothing is due.");
  const attemptId = await recordAttempt(pool, { ...delivery, processorId: "p1" });
  return { delivery, attemptId: attemptId ?? "" };
}

async function finish({ pool }: Database, { delivery, attemptId }: Begun): Promise<void> {
  const { stormOpen } = delivery;
  const told = stormOpen === undefined ? {} : { toldStormOpen: stormOpen };
  const verdict = { attemptId, verdict: SENT, retryAfterMs: 0 };
  expect(await settle(pool, { ...delivery, ...verdict, ...told })).toBe("settled");
}

/** States of all deliveries, in the order in which they were written. */
async function states({ pool }: Database): Promise<string[]> {
  const { rows } = await pool.query<{ line: string }>(
    `select action || ' ' || (incident ->> 'service') || ' ' || state as line from outbox order by id`,
  );
  return rows.map(({ line }) => line);
}

async function startStorm(...services: readonly string[]): Promise<Database> {
  const database = await createTestDatabase();
  await open(database, ...services);
  await endDigest(database, await beginDigest(database));
  return database;
}

test("the end of one is answered after the end of the last: it is said again that all is over", async () => {
  await using database = await startStorm("a", "b");
  await end(database, "a");
  const first = await begin(database);
  expect(first.delivery.stormOpen).toBe(true);
  await end(database, "b");
  const last = await begin(database);
  expect(last.delivery.stormOpen).toBe(false);
  await finish(database, last);
  await finish(database, first); // "Others are open" may have been the last that arrived.
  expect((await states(database)).slice(2)).toEqual(["resolve a pending", "resolve b sent"]);
  const again = await begin(database);
  expect(again.delivery.stormOpen).toBe(false);
  await finish(database, again);
  expect((await states(database)).slice(2)).toEqual(["resolve a sent", "resolve b sent"]);
});

test("a storm begins while the end of the one before is on its way: it is said again that some are open", async () => {
  await using database = await startStorm("a");
  await end(database, "a");
  const over = await begin(database);
  expect(over.delivery.stormOpen).toBe(false);
  await open(database, "c");
  await endDigest(database, await beginDigest(database));
  await finish(database, over);
  const again = await begin(database);
  expect(again.delivery).toMatchObject({ action: "resolve", stormOpen: true });
  await finish(database, again);
  expect(await states(database)).toEqual(["open a sent", "resolve a sent", "open c sent"]);
});

test("a digest of ends alone is said again, too, when the last has ended meanwhile", async () => {
  await using database = await startStorm("a", "b", "c");
  await end(database, "a", "b");
  const ends = await beginDigest(database);
  expect(ends.stillOpen).toBe(true);
  await end(database, "c");
  const last = await begin(database);
  expect(last.delivery.stormOpen).toBe(false);
  await finish(database, last);
  await endDigest(database, ends);
  const again = await beginDigest(database);
  expect(again).toMatchObject({ id: ends.id, stillOpen: false });
  expect(again.entries).toEqual(ends.entries);
  await endDigest(database, again);
  expect((await states(database)).every((line) => line.endsWith(" sent"))).toBe(true);
});

test("what is still true is not said again, and after a day nothing is", async () => {
  await using database = await startStorm("a", "b");
  await end(database, "a");
  const first = await begin(database);
  await finish(database, first);
  await end(database, "b");
  const last = await begin(database);
  await open(database, "c");
  await endDigest(database, await beginDigest(database));
  await database.pool.query("update outbox set give_up_at = clock_timestamp()");
  await finish(database, last);
  expect((await states(database)).every((line) => line.endsWith(" sent"))).toBe(true);
});
