import { aSighting, createTestDatabase, passTime, SIGHT_OPTIONS } from "@tracer/testkit";
import { expect, test } from "vitest";
import { listDeploys, markDeploy, VERSION_CHARS_MAX } from "./deploys.ts";
import { getIncident, listIncidents } from "./incidents.ts";
import type { Pool } from "./pool.ts";
import { acknowledge, clear, resolveByHand, resolveQuiet } from "./resolve.ts";
import { sight } from "./sight.ts";
import type { Sighting } from "./sighting.ts";
import { createSilence } from "./silences.ts";
import { INCIDENTS_KEPT_DAYS, sweep } from "./sweep.ts";

const { key } = aSighting();
const DAY_SECONDS = 86_400;

async function see(pool: Pool, sighting: Partial<Sighting> = {}) {
  const seen = { occurrences: 0, onsetAgeMs: 0, ...sighting };
  const [result] = await sight(pool, [aSighting(seen)], SIGHT_OPTIONS);
  return result;
}

async function messagesOf(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ message: string }>(
    `select epoch || ' ' || action || case when (incident ->> 'flapping')::boolean then ' flapping' else '' end as message
     from outbox order by id`,
  );
  return rows.map(({ message }) => message);
}

/** On for 10 s, off for 10 s, over and over. True when it was open at the end of each time that it was on. */
async function flap(pool: Pool, seconds: number): Promise<boolean> {
  let alwaysOpen = true;
  for (let passed = 0; passed < seconds; passed += 20) {
    await resolveQuiet(pool);
    await see(pool);
    await passTime(pool, 10);
    const last = await see(pool, { onsetAgeMs: 10_000 });
    alwaysOpen &&= last?.outcome !== "late" && last?.outcome !== "created";
    await clear(pool, [key], { clearSeconds: 3 });
    await passTime(pool, 10);
  }
  return alwaysOpen;
}

test("an hour of 10 s on and 10 s off: six messages, never silent while on, the end once it is calm", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  expect(await flap(pool, 3_600)).toBe(true);
  const during = ["1 open", "1 resolve", "2 open", "2 resolve", "3 open flapping"];
  expect(await messagesOf(pool)).toEqual(during);
  expect(await resolveQuiet(pool)).toEqual([]);
  await passTime(pool, 15 * 60 - 20); // The last clear was 10 s ago.
  await resolveQuiet(pool);
  expect(await messagesOf(pool)).toEqual(during);
  await passTime(pool, 20);
  await resolveQuiet(pool);
  expect(await messagesOf(pool)).toEqual([...during, "3 resolve flapping"]);
});

test("while it is flapping a rise is told as always, and a new onset is of the same epoch", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await flap(pool, 60);
  await passTime(pool, 14 * 60);
  expect(await see(pool)).toMatchObject({ outcome: "duplicate", epoch: 3 });
  await clear(pool, [key], { clearSeconds: 3 });
  await passTime(pool, 600);
  expect(await see(pool, { severity: "critical" })).toMatchObject({
    outcome: "escalated",
    epoch: 3,
  });
});

test("the third opening within an hour flaps, one an hour and a second after the first does not", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const opened = async () => {
    await see(pool);
    await clear(pool, [key], { clearSeconds: 3 });
    await passTime(pool, 10);
    await resolveQuiet(pool);
  };
  await opened();
  await opened();
  await passTime(pool, 3_600 - 19);
  await see(pool);
  expect(await messagesOf(pool)).toHaveLength(5);
  expect((await messagesOf(pool)).at(-1)).toBe("3 open");
  await clear(pool, [key], { clearSeconds: 3 });
  await passTime(pool, 10);
  await resolveQuiet(pool);
  await see(pool);
  expect((await messagesOf(pool)).at(-1)).toBe("4 open"); // The second was an hour ago by now.
  await clear(pool, [key], { clearSeconds: 3 });
  await passTime(pool, 10);
  await resolveQuiet(pool);
  await see(pool);
  expect((await messagesOf(pool)).at(-1)).toBe("5 open flapping");
});

test("a person who resolves is no flap; the next onset, 3 s later, is a new incident, the same is not", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  for (let epoch = 1; epoch <= 4; epoch += 1) {
    const result = await see(pool);
    expect(result).toMatchObject({ outcome: "created", epoch });
    await passTime(pool, 10);
    await resolveByHand(pool, result?.incidentId ?? "");
    await passTime(pool, 3);
    expect(await see(pool, { onsetAgeMs: 13_000 })).toMatchObject({ outcome: "late", epoch });
  }
  expect(await messagesOf(pool)).toEqual(
    [1, 2, 3, 4].flatMap((epoch) => [`${epoch} open`, `${epoch} resolve`]),
  );
});

test("an opening that flaps under a silence is told after it, and says so", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const ends = { inSeconds: 120 };
  const silence = {
    project: "default",
    matchers: { kind: "error" },
    reason: "r",
    by: "t",
  } as const;
  await createSilence(pool, { ...silence, ends });
  await flap(pool, 110);
  expect(await messagesOf(pool)).toEqual([]);
  await flap(pool, 100);
  expect(await messagesOf(pool)).toEqual(["3 open flapping"]);
});

test("the newest deploy in the hour before the onset is shown, of this environment or of all", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const mark = (
    version: string,
    more: { environment?: string; project?: string; service?: string },
  ) => markDeploy(pool, { project: "default", service: "checkout", version, by: "test", ...more });
  const deployOf = async (environment: string, onsetAgeMs = 30_000) => {
    const result = await see(pool, { key: { ...key, environment }, onsetAgeMs });
    const found = await getIncident(pool, result?.incidentId ?? "");
    return found?.incident.deploy?.version ?? null;
  };
  await mark("too old", {});
  await passTime(pool, 3_540);
  await mark("everywhere", {});
  await mark("staging's", { environment: "staging" });
  await mark("another service's", { service: "Checkout" });
  await mark("another project's", { project: "other" });
  await passTime(pool, 60);
  await mark("after the onset", {});
  expect(await deployOf("")).toBe("everywhere");
  expect(await deployOf("prod")).toBe("everywhere");
  expect(await deployOf("staging")).toBe("staging's");
  expect(await deployOf("qa", 90_000)).toBe("too old");
  await passTime(pool, 3_700);
  expect(await deployOf("late")).toBeNull();
  // A new epoch has its own.
  const again = await mark("new", {});
  await passTime(pool, 60);
  expect(await deployOf("")).toBe("new");
  const { incidents } = await listIncidents(pool, { state: "open", limit: 9 });
  expect(incidents.map(({ deploy }) => deploy?.version ?? null)).toContain("new");
  const [newest, ...rest] = await listDeploys(pool, {
    project: "default",
    service: "checkout",
    limit: 3,
  });
  expect(newest).toMatchObject({
    id: again.id,
    version: "new",
    environment: "",
    service: "checkout",
  });
  expect(rest.map(({ version }) => version)).toEqual(["after the onset", "staging's"]);
});

test("a version is one clipped line", async () => {
  await using database = await createTestDatabase();
  const mark = (version: string) =>
    markDeploy(database.pool, { project: "default", service: "a", version, by: "test" });
  expect((await mark("1.4\n\u001b[31m.2")).version).toBe("1.4 ⏎ .2");
  expect((await mark("v".repeat(VERSION_CHARS_MAX))).version).toHaveLength(VERSION_CHARS_MAX);
  expect((await mark("v".repeat(VERSION_CHARS_MAX + 1))).version).toMatch(/^v{199}…$/);
});

test("an ack is shown, stops reminders, not rises, and ends with the epoch", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const incidentId = (await see(pool))?.incidentId ?? "";
  const shown = async (id: string) => (await getIncident(pool, id))?.incident;
  expect(await shown(incidentId)).toMatchObject({ ackedAt: null, ackedBy: null });
  await acknowledge(pool, { incidentId, by: "ann" });
  await acknowledge(pool, { incidentId, by: "bob" });
  expect(await shown(incidentId)).toMatchObject({
    ackedAt: expect.stringMatching(/Z$/),
    ackedBy: "ann",
  });
  for (let minutes = 0; minutes < 300; minutes += 4) {
    await passTime(pool, 240);
    expect((await see(pool, { onsetAgeMs: 1e7 }))?.outcome).toBe("duplicate");
  }
  expect((await see(pool, { severity: "critical" }))?.outcome).toBe("escalated");
  await passTime(pool, 301);
  await resolveQuiet(pool);
  expect(await shown(incidentId)).toMatchObject({ state: "resolved", ackedBy: "ann" });
  const next = await see(pool);
  expect(await shown(next?.incidentId ?? "")).toMatchObject({ epoch: 2, ackedAt: null });
});

test("silences and deploys go 90 days after they are over", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const ends = { inSeconds: DAY_SECONDS };
  const silence = { project: "default", matchers: { service: "a" }, reason: "r", by: "t" };
  await createSilence(pool, { ...silence, ends });
  await passTime(pool, DAY_SECONDS);
  await markDeploy(pool, { project: "default", service: "a", version: "1", by: "t" });
  await passTime(pool, INCIDENTS_KEPT_DAYS * DAY_SECONDS - 60);
  expect(await sweep(pool, { limit: 9, channels: [] })).toBe(0);
  await passTime(pool, 120);
  expect(await sweep(pool, { limit: 9, channels: [] })).toBe(2);
  const { rows } = await pool.query("select from silences union all select from deploys");
  expect(rows).toEqual([]);
});
