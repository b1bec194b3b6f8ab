import { aSighting, createTestDatabase, passTime, SIGHT_OPTIONS } from "@tracer/testkit";
import { expect, test } from "vitest";
import {
  DECISION_REACH_HOURS,
  DECISIONS_KEPT_HOURS,
  type Decision,
  decisionsAround,
  incidentsAt,
  nearestDecisions,
  seriesIdOf,
  sweepDecisions,
  WHY_CHARS_MAX,
  wasRunning,
  writeDecisions,
} from "./decisions.ts";
import { serverTimeMs } from "./pool.ts";
import { heartbeat } from "./processors.ts";
import { resolveByHand } from "./resolve.ts";
import { sight } from "./sight.ts";
import { sweep } from "./sweep.ts";

const SERIES = seriesIdOf({ project: "default", environment: "", service: "checkout" });
const OTHER = seriesIdOf({ project: "default", environment: "", service: "cart" });
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = 1_700_000_040_000;

function aDecision(overrides: Partial<Decision> = {}): Decision {
  return {
    series: SERIES,
    kind: "error",
    part: "",
    state: "calm",
    atMs: START,
    unseenFromMs: null,
    evidence: 0.5,
    peakEvidence: 1.25,
    bar: 13,
    observed: 0.01,
    expected: 0.012,
    expectedLow: 0,
    expectedHigh: 0.03,
    why: "evidence 1.3 of 13",
    ...overrides,
  };
}

test("a series' id holds each name apart", () => {
  const id = seriesIdOf({ project: "a", environment: "b", service: "c" });
  expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(seriesIdOf({ project: "ab", environment: "", service: "c" })).not.toBe(id);
});

test("what was written comes back; the newest before, the first after, of the right series, within reach", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const later = aDecision({ atMs: START + 2 * MINUTE, unseenFromMs: START + MINUTE });
  const surge = aDecision({ kind: "volume", part: "surge", bar: null, observed: null });
  await writeDecisions(pool, [aDecision(), later, surge, aDecision({ series: OTHER })]);
  const recordedMs = expect.any(Number);
  const { before, after } = await decisionsAround(pool, [SERIES], START + MINUTE);
  expect(before).toEqual([
    { ...aDecision(), recordedMs },
    { ...surge, recordedMs },
  ]);
  expect(after).toEqual([{ ...later, recordedMs }]);
  const reach = DECISION_REACH_HOURS * HOUR;
  expect((await decisionsAround(pool, [OTHER], START + reach - 1)).before).toHaveLength(1);
  expect((await decisionsAround(pool, [OTHER], START + reach)).before).toHaveLength(0);
  expect(await nearestDecisions(pool, OTHER, START + reach)).toEqual({
    beforeMs: START,
    afterMs: null,
  });
  expect(await nearestDecisions(pool, SERIES, START - 1)).toEqual({
    beforeMs: null,
    afterMs: START,
  });
});

test("of two processors that judged the same minute, the one that saw more is told", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await writeDecisions(pool, [aDecision({ peakEvidence: 9 }), aDecision({ peakEvidence: 2 })]);
  const { before } = await decisionsAround(pool, [SERIES], START);
  expect(before).toMatchObject([{ peakEvidence: 9 }]);
});

test("numbers that no column holds, and long or broken text, do not lose the row", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const odd = { evidence: 1e300, observed: Number.NaN, expected: Number.POSITIVE_INFINITY };
  await writeDecisions(pool, [aDecision({ ...odd, why: `a\0${"x".repeat(WHY_CHARS_MAX)}` })]);
  const { before } = await decisionsAround(pool, [SERIES], START);
  expect(before).toMatchObject([{ evidence: 1e30, observed: null, expected: null }]);
  expect(before[0]?.why).toBe(`a${"x".repeat(WHY_CHARS_MAX - 2)}…`);
});

test("swept after their time, not before, and no more than asked for at once", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await writeDecisions(
    pool,
    Array.from({ length: 12 }, () => aDecision()),
  );
  await passTime(pool, DECISIONS_KEPT_HOURS * 3_600 - 60);
  expect(await sweepDecisions(pool, 100)).toBe(0);
  await passTime(pool, 120);
  expect(await sweepDecisions(pool, 4)).toBe(4);
  expect(await sweep(pool, { limit: 1, channels: [] })).toBe(5);
  expect(await sweepDecisions(pool, 100)).toBe(3);
});

test("the incident that was open at a moment, while it is and after it ended", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const sighting = aSighting({ onsetAgeMs: 600_000 });
  const [result] = await sight(pool, [sighting], SIGHT_OPTIONS);
  const nowMs = await serverTimeMs(pool);
  const at = async (ms: number) =>
    (await incidentsAt(pool, [sighting.key], ms)).map(({ id }) => id);
  const id = result?.incidentId ?? "";
  expect(await at(nowMs - 540_000)).toEqual([id]);
  expect(await at(nowMs - 660_000)).toEqual([]);
  await resolveByHand(pool, id);
  await passTime(pool, 60);
  expect(await at(nowMs - 540_000)).toEqual([id]);
  expect(await at(nowMs)).toEqual([]);
  const elsewhere = { ...sighting.key, environment: "staging" };
  expect(await incidentsAt(pool, [elsewhere], nowMs - 540_000)).toEqual([]);
});

test("whether Tracer ran then: a heartbeat around the moment; too long ago nobody knows", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await heartbeat(pool, "processor");
  await passTime(pool, 3_600);
  const nowMs = await serverTimeMs(pool);
  expect(await wasRunning(pool, nowMs - 3_600_000)).toBe(true);
  expect(await wasRunning(pool, nowMs - 1_800_000)).toBe(false);
  expect(await wasRunning(pool, nowMs - (DECISIONS_KEPT_HOURS + 1) * HOUR)).toBe(null);
});
