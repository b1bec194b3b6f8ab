import type { TriageNote } from "@tracer/core";
import { aSighting, createTestDatabase, passTime, SIGHT_OPTIONS } from "@tracer/testkit";
import { expect, test } from "vitest";
import { claimDeliveries } from "./claim.ts";
import { getIncident } from "./incidents.ts";
import type { Pool } from "./pool.ts";
import { heartbeat } from "./processors.ts";
import { resolveByHand } from "./resolve.ts";
import { settle } from "./settle.ts";
import { sight } from "./sight.ts";
import { createSilence } from "./silences.ts";
import { sweep } from "./sweep.ts";
import { claimTriage, countTriageCall, settleTriage } from "./triage.ts";

const NOTE: TriageNote = {
  ...{ summary: "Payments time out.", likelyCause: "A slow gateway.", checks: ["the gateway"] },
  ...{ confidence: "low", model: "m" },
};
const A = { processorId: "a" };

async function open(pool: Pool, service: string, more: Parameters<typeof aSighting>[0] = {}) {
  await sight(pool, [aSighting({ service, ...more })], SIGHT_OPTIONS);
}

async function outboxOf(pool: Pool) {
  const { rows } = await pool.query<{ action: string; seq: number; state: string }>(
    "select action, seq, state from outbox order by id",
  );
  return rows.map(({ action, seq, state }) => `${action} ${seq} ${state}`);
}

test("an incident is asked about once, the gravest first, by one of twenty", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await open(pool, "grave", { severity: "critical" });
  await open(pool, "other");
  const race = (n: number) => claimTriage(pool, { processorId: `p${n}` });
  const first = await race(0);
  expect(first?.service).toBe("grave");
  const claims = await Promise.all(Array.from({ length: 20 }, (_, n) => race(n)));
  expect(claims.filter((claim) => claim !== null).map(({ service }) => service)).toEqual(["other"]);
  expect(await claimTriage(pool, A)).toBeNull();
});

test("one that nobody was told of, that is over, or that is no news is not asked about", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await createSilence(pool, {
    ...{ project: "default", by: "test", reason: "planned", ends: { inSeconds: 3_600 } },
    matchers: { service: "silenced" },
  });
  await open(pool, "silenced");
  await open(pool, "old");
  await passTime(pool, 16 * 60);
  await open(pool, "over");
  const claimed = await claimTriage(pool, A);
  expect(claimed?.service).toBe("over");
  await open(pool, "over2");
  const { rows } = await pool.query<{ fingerprint: string }>(
    "select fingerprint from incidents where service = 'over2'",
  );
  await resolveByHand(pool, `inc_${rows[0]?.fingerprint}-1`);
  expect(await claimTriage(pool, A)).toBeNull();
});

test("a note is shown by an edit of what was sent, and stays with the incident", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await heartbeat(pool, "a");
  await open(pool, "checkout");
  const incident = await claimTriage(pool, A);
  if (incident === null) throw new Error("nothing to ask about");
  expect(await settleTriage(pool, { incident, ...A, result: NOTE })).toBe("noted");
  expect(await outboxOf(pool)).toEqual(["open 1 pending", "edit 2 pending"]);
  const claim = { processorId: "a", leaseSeconds: 30, limit: 5, channel: "slack" };
  const [opened] = await claimDeliveries(pool, claim);
  expect(opened).toMatchObject({ action: "open", incident: { title: "Errors in checkout" } });
  expect(opened?.incident.triage).toBeUndefined(); // As it was when it was written.
  if (opened === undefined) throw new Error("not claimed");
  const { deliveryId, leaseToken } = opened;
  const verdict = { kind: "sent", receipt: { ts: "1.2" } } as const;
  await settle(pool, { deliveryId, leaseToken, attemptId: "0", verdict, retryAfterMs: 0 });
  const [edit] = await claimDeliveries(pool, claim);
  expect(edit).toMatchObject({ action: "edit", incident: { triage: NOTE } });
  expect((await getIncident(pool, incident.id))?.incident.triage).toEqual(NOTE);
  await resolveByHand(pool, incident.id);
  expect((await getIncident(pool, incident.id))?.incident.triage).toEqual(NOTE);
});

test("a note of an epoch is not shown with the next one", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await open(pool, "checkout");
  const incident = await claimTriage(pool, A);
  if (incident === null) throw new Error("nothing to ask about");
  await settleTriage(pool, { incident, ...A, result: NOTE });
  await resolveByHand(pool, incident.id);
  await open(pool, "checkout", { onsetAgeMs: 0 });
  const next = await claimTriage(pool, A);
  expect(next).toMatchObject({ epoch: 2, fingerprint: incident.fingerprint });
  expect(next?.triage).toBeUndefined();
});

test("whoever comes too late, has no claim, or settles twice changes nothing", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await open(pool, "checkout");
  const incident = await claimTriage(pool, A);
  if (incident === null) throw new Error("nothing to ask about");
  const other = { incident, processorId: "b", result: NOTE };
  expect(await settleTriage(pool, other)).toBe("late");
  await settleTriage(pool, { incident, ...A, result: "timeout" });
  expect(await settleTriage(pool, { incident, ...A, result: NOTE })).toBe("late");
  await open(pool, "ended");
  const ended = await claimTriage(pool, A);
  if (ended === null) throw new Error("nothing to ask about");
  await resolveByHand(pool, ended.id);
  expect(await settleTriage(pool, { incident: ended, ...A, result: NOTE })).toBe("late");
  expect(await outboxOf(pool)).not.toContain("edit 2 pending");
  const { rows } = await pool.query<{ outcome: string; note: unknown }>(
    "select outcome, note from triages order by outcome",
  );
  expect(rows).toEqual([
    { outcome: "late", note: null },
    { outcome: "timeout", note: null },
  ]);
});

test("while a silence holds, nothing is sent: the note goes with what is told after it", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await open(pool, "checkout");
  const incident = await claimTriage(pool, A);
  if (incident === null) throw new Error("nothing to ask about");
  await createSilence(pool, {
    ...{ project: "default", by: "test", reason: "planned", ends: { inSeconds: 60 } },
    matchers: { service: "checkout" },
  });
  expect(await settleTriage(pool, { incident, ...A, result: NOTE })).toBe("noted");
  expect(await outboxOf(pool)).toEqual(["open 1 pending"]);
  await passTime(pool, 61);
  await open(pool, "checkout");
  expect(await outboxOf(pool)).toEqual(["open 1 pending", "edit 2 pending"]);
});

test("all processors together make so many calls an hour, and not one more", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const race = () => countTriageCall(pool, { hourlyMax: 7 });
  const calls = await Promise.all(Array.from({ length: 20 }, race));
  expect(calls.filter(Boolean)).toHaveLength(7);
  await passTime(pool, 3_599);
  expect(await race()).toBe(false);
  await passTime(pool, 2);
  expect(await race()).toBe(true);
});

test("what was asked is kept as long as the incident it was about", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await open(pool, "checkout");
  await claimTriage(pool, A);
  await passTime(pool, 89 * 86_400);
  const count = async () => (await pool.query("select from triages")).rowCount;
  await sweep(pool, { limit: 100, channels: ["slack"] });
  expect(await count()).toBe(1);
  await passTime(pool, 2 * 86_400);
  await sweep(pool, { limit: 100, channels: ["slack"] });
  expect(await count()).toBe(0);
});
