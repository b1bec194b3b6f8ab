import { aSighting, createTestDatabase, passTime, SIGHT_OPTIONS } from "@tracer/testkit";
import { expect, test } from "vitest";
import type { Pool } from "./pool.ts";
import { acknowledge, clear, resolveByHand, resolveQuiet } from "./resolve.ts";
import { sight } from "./sight.ts";
import type { Sighting } from "./sighting.ts";
import {
  createSilence,
  expireSilence,
  listSilences,
  REASON_CHARS_MAX,
  SILENCE_DAYS_MAX,
  SILENCES_MAX,
  type Silence,
  type SilenceMatchers,
  silencedIncidents,
} from "./silences.ts";

const HOUR_SECONDS = 3_600;

async function silence(
  pool: Pool,
  matchers: SilenceMatchers = { service: "checkout" },
  inSeconds = HOUR_SECONDS,
): Promise<Silence> {
  const ends = { inSeconds };
  return createSilence(pool, { project: "default", matchers, reason: "works", ends, by: "test" });
}

async function outcomeOf(
  pool: Pool,
  sighting: Sighting = aSighting({ occurrences: 0 }),
): Promise<string> {
  const [result] = await sight(pool, [sighting], SIGHT_OPTIONS);
  return result?.outcome ?? "nothing";
}

async function messagesOf(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ message: string }>(
    "select epoch || ' ' || action || ' ' || (incident ->> 'severity') as message from outbox order by id",
  );
  return rows.map(({ message }) => message);
}

async function heldOf(pool: Pool): Promise<number[]> {
  const { silences } = await listSilences(pool, { project: "default", state: "all", limit: 100 });
  return silences.toSorted((a, b) => Number(a.id) - Number(b.id)).map(({ held }) => held);
}

test("an opening under a silence is told once, as an opening, after it", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await silence(pool, { service: "checkout" }, 100);
  expect(await outcomeOf(pool)).toBe("created");
  await passTime(pool, 99);
  expect(await outcomeOf(pool)).toBe("duplicate");
  expect(await messagesOf(pool)).toEqual([]);
  await passTime(pool, 2);
  expect(await outcomeOf(pool)).toBe("unmuted");
  expect(await outcomeOf(pool)).toBe("duplicate");
  expect(await messagesOf(pool)).toEqual(["1 open error"]);
  expect(await heldOf(pool)).toEqual([1]);
  await clear(pool, [aSighting().key], { clearSeconds: 1 });
  await passTime(pool, 10);
  await resolveQuiet(pool);
  expect(await messagesOf(pool)).toEqual(["1 open error", "1 resolve error"]);
});

test("of what was never announced nothing is sent, however it ends", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await silence(pool);
  await outcomeOf(pool);
  await passTime(pool, 301);
  expect(await outcomeOf(pool, aSighting({ onsetAgeMs: 0 }))).toBe("created"); // Supersedes.
  await passTime(pool, 301);
  await resolveQuiet(pool);
  const { rows } = await pool.query("select epoch, channels, muted from incidents");
  expect(rows).toEqual([{ epoch: 2, channels: [], muted: true }]);
  expect(await messagesOf(pool)).toEqual([]);
  expect(await heldOf(pool)).toEqual([2]);
});

test("what was announced is resolved through a silence, also when a new epoch supersedes it", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const [first] = await sight(pool, [aSighting()], SIGHT_OPTIONS);
  await sight(pool, [aSighting({ service: "cart" })], SIGHT_OPTIONS);
  await silence(pool, { service: "*" });
  await resolveByHand(pool, first?.incidentId ?? "");
  await passTime(pool, 301);
  const again = aSighting({ service: "cart", onsetAgeMs: 0 });
  expect(await outcomeOf(pool, again)).toBe("created");
  expect(await messagesOf(pool)).toEqual([
    ...["1 open error", "1 open error", "1 resolve error", "1 resolve error"],
  ]);
});

test("what rises above a silence is told: as an opening when nobody has heard of it", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await silence(pool, { severity: "warning" });
  expect(await outcomeOf(pool, aSighting({ severity: "warning" }))).toBe("created");
  expect(await messagesOf(pool)).toEqual([]);
  expect(await outcomeOf(pool, aSighting({ severity: "critical" }))).toBe("unmuted");
  expect(await messagesOf(pool)).toEqual(["1 open critical"]);
});

test("an escalation that was held is told as one, a reminder as one, an edit by the next", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const options = { ...SIGHT_OPTIONS, quietSeconds: 100_000 };
  const outcome = async (sighting: Partial<Sighting>) =>
    (await sight(pool, [aSighting(sighting)], options))[0]?.outcome;
  await outcome({});
  await silence(pool, { service: "checkout" }, 100);
  expect(await outcome({ severity: "critical" })).toBe("escalated");
  expect(await outcome({ severity: "critical" })).toBe("duplicate");
  await passTime(pool, 101);
  expect(await outcome({ severity: "info" })).toBe("escalated");
  expect(await messagesOf(pool)).toEqual(["1 open error", "1 escalate critical"]);

  await passTime(pool, 14_300);
  await silence(pool, { service: "checkout" }, 200);
  await passTime(pool, 101);
  expect(await outcome({})).toBe("repeat");
  expect(await outcome({})).toBe("duplicate");
  await passTime(pool, 100);
  expect(await outcome({})).toBe("repeat");
  expect((await messagesOf(pool)).slice(2)).toEqual(["1 repeat critical"]);

  await silence(pool, { service: "checkout" }, 100);
  await passTime(pool, 31);
  expect(await outcome({ hasNewText: true })).toBe("update");
  expect(await messagesOf(pool)).toHaveLength(3);
  await passTime(pool, 101);
  expect(await outcome({})).toBe("update");
  expect((await messagesOf(pool)).slice(3)).toEqual(["1 edit critical"]);
  expect(await heldOf(pool)).toEqual([1, 1, 1]);
});

test("a reminder that was held is not told of what somebody has taken on; what rose is", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const options = { ...SIGHT_OPTIONS, repeatSeconds: 20 };
  const outcome = async (severity: Sighting["severity"]) =>
    (await sight(pool, [aSighting({ severity, occurrences: 0 })], options))[0];
  const incidentId = (await outcome("error"))?.incidentId ?? "";
  await silence(pool, { service: "checkout" }, 60);
  await passTime(pool, 25);
  expect((await outcome("error"))?.outcome).toBe("repeat");
  await acknowledge(pool, { incidentId, by: "ann" });
  await passTime(pool, 36);
  expect((await outcome("error"))?.outcome).toBe("duplicate");
  expect((await outcome("critical"))?.outcome).toBe("escalated");
  expect(await messagesOf(pool)).toEqual(["1 open error", "1 escalate critical"]);
});

const TEMPLATES = [
  { text: "card <*> declined", level: "error", before: 0, now: 3, isNew: true },
] as const;

const withTemplates = aSighting({
  evidence: { ...aSighting().evidence, templates: TEMPLATES },
});
const ofTemplate = aSighting({ key: { ...aSighting().key, kind: "template", part: "a1b2" } });
const named = (service: string) => aSighting({ service });

const CASES: readonly (readonly [SilenceMatchers, Sighting, Sighting])[] = [
  [{ service: "checkout" }, named("checkout"), named("Checkout")],
  [{ service: "check*" }, named("checkout"), named("my-checkout")],
  [{ service: "a*c" }, named("abbc"), named("abbcd")],
  [{ service: "a%c" }, named("a%c"), named("abc")],
  [{ service: "a_c" }, named("a_c"), named("abc")],
  [{ service: "a\\%*" }, named("a\\%b"), named("a%b")],
  [{ service: "a\\" }, named("a\\"), named("a")],
  [{ kind: "template" }, ofTemplate, named("a")],
  [{ severity: "error" }, named("a"), aSighting({ severity: "critical" })],
  [{ template: "card*" }, withTemplates, named("a")],
  [{ template: "card <*> declined" }, withTemplates, named("a")],
  [{ template: "a1*" }, ofTemplate, aSighting({ key: { ...aSighting().key, part: "a1b2" } })],
  [{ service: "checkout", kind: "error" }, named("checkout"), ofTemplate],
];

test("each matcher holds what it names, and not its near miss, nor that of another project", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  for (const [matchers, match, miss] of CASES) {
    await silence(pool, matchers);
    const other = { ...match, key: { ...match.key, project: "other" } };
    const [held] = await sight(pool, [match, miss, other], SIGHT_OPTIONS);
    const { rows } = await pool.query("select fingerprint from incidents where muted");
    expect([matchers, rows]).toEqual([matchers, [{ fingerprint: held?.fingerprint }]]);
    expect(await messagesOf(pool)).toHaveLength(2);
    const preview = await silencedIncidents(pool, { project: "default", matchers, limit: 10 });
    expect(preview.map(({ id }) => id)).toEqual([held?.incidentId]);
    await pool.query("truncate incidents, outbox, silences cascade");
  }
});

test("twenty services and forty batches under two silences at once: each change is counted once", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await silence(pool, { service: "a *" });
  await silence(pool, { service: "b *" });
  const services = Array.from({ length: 10 }, (_, index) => [`a ${index}`, `b ${index}`]).flat();
  const batches = services.flatMap((_, index) => {
    const turned = [...services.slice(index), ...services.slice(0, index)].map(named);
    return [
      turned,
      turned.toReversed().map((each) => ({ ...each, severity: "critical" as const })),
    ];
  });
  await Promise.all(batches.map((batch) => sight(pool, batch, SIGHT_OPTIONS)));
  // Some are created critical, the others created and escalated.
  const { rows } = await pool.query(
    "select sum(held)::int as held, count(*)::int as n from silences",
  );
  const held = Number(rows[0]?.held);
  expect(held).toBeGreaterThanOrEqual(20);
  expect(held).toBeLessThanOrEqual(40);
  expect(await messagesOf(pool)).toEqual([]);
  const states = await pool.query("select distinct muted, severity from incidents");
  expect(states.rows).toEqual([{ muted: true, severity: 3 }]);
});

test("twenty different services at once under one silence: all held, all counted", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await silence(pool, { service: "*" });
  const services = Array.from({ length: 20 }, (_, index) => `service ${index}`);
  await Promise.all(services.map((service) => outcomeOf(pool, named(service))));
  expect(await heldOf(pool)).toEqual([20]);
  expect(await messagesOf(pool)).toEqual([]);
});

test("a silence in its states: to come, in force, over by itself or by hand", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const states = async () =>
    (await listSilences(pool, { project: "default", state: "all", limit: 9 })).silences.map(
      ({ state }) => state,
    );
  const startsAt = new Date(Date.now() + HOUR_SECONDS * 1e3).toISOString();
  const wanted = { project: "default", matchers: { kind: "error" }, reason: "r", by: "t" } as const;
  const ends = { inSeconds: 60 };
  const made = await createSilence(pool, { ...wanted, startsAt, ends });
  expect(made).toMatchObject({ state: "pending", startsAt, held: 0, matchers: { kind: "error" } });
  expect(await outcomeOf(pool)).toBe("created");
  expect(await messagesOf(pool)).toHaveLength(1);
  await passTime(pool, HOUR_SECONDS + 1);
  expect(await states()).toEqual(["active"]);
  expect(await expireSilence(pool, { id: made.id, project: "other" })).toBeNull();
  expect(await expireSilence(pool, { id: "x", project: "default" })).toBeNull();
  expect(await states()).toEqual(["active"]);
  const over = await expireSilence(pool, { id: made.id, project: "default" });
  expect(over?.state).toBe("expired");
  expect(await expireSilence(pool, { id: made.id, project: "default" })).toEqual(over);
  const none = { silences: [], nextCursor: null };
  expect(await listSilences(pool, { project: "default", state: "active", limit: 9 })).toEqual(none);
  expect(await listSilences(pool, { project: "other", state: "all", limit: 9 })).toEqual(none);
  await createSilence(pool, { ...wanted, startsAt, ends });
  expect((await states()).toSorted()).toEqual(["expired", "pending"]);
});

test("limits, judged by the database's clock: the end, the length, the number, the reason", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const wanted = { project: "default", matchers: { service: "a" }, reason: "r", by: "t" };
  const refusal = (ends: { at: string } | { inSeconds: number }, startsAt?: string) =>
    createSilence(pool, { ...wanted, ends, ...(startsAt === undefined ? {} : { startsAt }) }).then(
      () => null,
      (error: Error) => error.message,
    );
  expect(await refusal({ at: "2020-01-01T00:00:00Z" })).toMatch(/^endsAt: .*future/);
  const soon = new Date(Date.now() + 60_000).toISOString();
  const later = new Date(Date.now() + 90_000).toISOString();
  expect(await refusal({ at: soon }, later)).toBe("endsAt: must be after startsAt");
  expect(await refusal({ at: later }, soon)).toBeNull();
  const longest = SILENCE_DAYS_MAX * 86_400;
  expect(await refusal({ inSeconds: longest })).toBeNull();
  expect(await refusal({ inSeconds: longest + 1 })).toMatch(/^forSeconds: .*366 days/);
  await expect(
    createSilence(pool, { ...wanted, ends: { at: soon }, reason: "r".repeat(REASON_CHARS_MAX) }),
  ).resolves.toBeDefined();
  await expect(
    createSilence(pool, {
      ...wanted,
      ends: { at: soon },
      reason: "r".repeat(REASON_CHARS_MAX + 1),
    }),
  ).rejects.toThrow();

  await pool.query(
    `insert into silences (project, service, reason, created_by, starts_at, ends_at)
     select 'default', 'x', 'r', 't', now(), now() + interval '1 h' from generate_series(1, $1::int)`,
    [SILENCES_MAX - 4],
  );
  expect(await refusal({ at: soon })).toBeNull();
  expect(await refusal({ at: soon })).toMatch(/^silences: .*1000/);
  await pool.query("update silences set ends_at = now() where id = (select min(id) from silences)");
  expect(await refusal({ at: soon })).toBeNull();
});

test("page by page, the one that ends last first, also those that end in the same moment", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  for (let index = 0; index < 5; index += 1) {
    const silence = { project: "default", matchers: { service: `s${index}` }, by: "test" };
    await createSilence(pool, { ...silence, reason: "r", ends: { inSeconds: 60 * (index + 1) } });
  }
  await pool.query(
    "update silences set ends_at = '2099-01-01' where service in ('s0', 's1', 's2')",
  );
  const seen: (string | undefined)[] = [];
  let cursor: string | null = null;
  do {
    const after: { cursor?: string } = cursor === null ? {} : { cursor };
    const page = await listSilences(pool, {
      ...{ project: "default", state: "all", limit: 2, ...after },
    });
    seen.push(...page.silences.map(({ matchers }) => matchers["service"]));
    cursor = page.nextCursor;
  } while (cursor !== null);
  expect(seen).toEqual(["s2", "s1", "s0", "s4", "s3"]);
  const wrong = listSilences(pool, { project: "default", state: "all", limit: 1, cursor: "MTIz" });
  await expect(wrong).rejects.toMatchObject({ code: "INPUT_INVALID" });
});
