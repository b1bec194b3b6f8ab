import type { Severity } from "@tracer/core";
import { aSighting, createTestDatabase, passTime, SIGHT_OPTIONS } from "@tracer/testkit";
import { expect, test } from "vitest";
import { claimDeliveries } from "./claim.ts";
import { claimDigest } from "./digest.ts";
import { fallBack } from "./fall-back.ts";
import { keepQuiet } from "./quiet-hours.ts";
import { resolveQuiet } from "./resolve.ts";
import { recordAttempt, settle } from "./settle.ts";
import { sight } from "./sight.ts";

type Database = Awaited<ReturnType<typeof createTestDatabase>>;

const CRITICAL = 3;

async function see(
  { pool }: Database,
  service: string,
  severity: Severity = "error",
): Promise<void> {
  await sight(pool, [aSighting({ service, severity })], { ...SIGHT_OPTIONS, quietSeconds: 1e6 });
}

/** Sends everything that may be sent now; what it was, in order. */
async function send({ pool }: Database): Promise<string[]> {
  const sent: string[] = [];
  for (let round = 0; round < 4; round += 1) {
    const claim = { processorId: "p1", leaseSeconds: 120, channel: "slack", limit: 100 };
    for (const delivery of await claimDeliveries(pool, claim)) {
      const attemptId = (await recordAttempt(pool, { ...delivery, processorId: "p1" })) ?? "";
      const verdict = { kind: "sent", receipt: null } as const;
      await settle(pool, { ...delivery, attemptId, verdict, retryAfterMs: 0 });
      sent.push(`${delivery.action} ${delivery.incident.service}`);
    }
  }
  return sent;
}

async function end({ pool }: Database, service: string): Promise<void> {
  await pool.query(
    "update incidents set expires_at = clock_timestamp(), hold_until = clock_timestamp() where service = $1",
    [service],
  );
  await resolveQuiet(pool);
}

function quiet({ pool }: Database, floor = CRITICAL) {
  return keepQuiet(pool, { channel: "slack", floor, seconds: 900 });
}

test("what is below the floor waits until the quiet is over; what is grave does not", async () => {
  await using database = await createTestDatabase();
  await quiet(database);
  await see(database, "small");
  await see(database, "grave", "critical");
  expect(await send(database)).toEqual(["open grave"]);
  await passTime(database.pool, 800);
  expect(await send(database)).toEqual([]);
  await passTime(database.pool, 100);
  expect(await send(database)).toEqual(["open small"]);
});

test("an incident that becomes grave is told from its beginning", async () => {
  await using database = await createTestDatabase();
  await quiet(database);
  await see(database, "web");
  expect(await send(database)).toEqual([]);
  await see(database, "web", "critical");
  expect(await send(database)).toEqual(["open web", "escalate web"]);
});

test("began and ended in the quiet: nobody hears of it; told before, its end comes afterwards", async () => {
  await using database = await createTestDatabase();
  await see(database, "before");
  expect(await send(database)).toEqual(["open before"]);
  await quiet(database);
  await see(database, "within");
  await end(database, "within");
  await end(database, "before");
  await see(database, "stays");
  expect(await quiet(database)).toBe(2); // The beginning and the end of `within`.
  expect(await quiet(database)).toBe(0);
  await passTime(database.pool, 901);
  expect(await send(database)).toEqual(["resolve before", "open stays"]);
});

test("a digest holds only what may be told now", async () => {
  await using database = await createTestDatabase();
  await quiet(database);
  for (let index = 0; index < 6; index += 1) await see(database, `small-${index}`);
  for (let index = 0; index < 4; index += 1) await see(database, `grave-${index}`, "critical");
  const digest = await claimDigest(database.pool, {
    ...{ processorId: "p1", leaseSeconds: 30, channel: "slack" },
    ...{ pauseSeconds: 0, due: 3, ownAlone: false },
  });
  expect(digest?.entries.map(({ severity }) => severity)).toEqual(Array(4).fill("critical"));
});

test("the fall-back leaves what waits quietly alone, and gets it when it stays undelivered afterwards", async () => {
  await using database = await createTestDatabase();
  const fall = () =>
    fallBack(database.pool, {
      channel: "console",
      processorId: "p1",
      afterSeconds: 60,
      limit: 10,
    });
  await quiet(database);
  await see(database, "web");
  await database.pool.query("update outbox set created_at = created_at - interval '1 h'");
  await database.pool.query(
    "insert into processors (id, started_at, heartbeat_at, alive_since) values ('p1', now(), now() + interval '1 h', now() - interval '1 day')",
  );
  expect(await fall()).toBe(0);
  await passTime(database.pool, 901);
  expect(await fall()).toBe(0);
  await passTime(database.pool, 60);
  expect(await fall()).toBe(1);
});
