import {
  aSighting,
  createTestDatabase,
  passTime,
  SIGHT_OPTIONS,
  type TestDatabase,
} from "@tracer/testkit";
import { expect, test } from "vitest";
import { ReadFirst, type ReadFirstOptions } from "./read-first.ts";
import { clear, resolveByHand } from "./resolve.ts";
import type { SightResult } from "./sight.ts";
import type { Sighting } from "./sighting.ts";

/** A gate whose clock only the test moves, over a database that can be cut off and whose statements are counted. */
function aGate({ pool }: TestDatabase, options: Partial<ReadFirstOptions> = {}) {
  const world = { nowMs: 0, away: false, statements: 0, statementsMax: Number.POSITIVE_INFINITY };
  const db = new Proxy(pool, {
    get(target, name) {
      if (name !== "query") return Reflect.get(target, name, target);
      world.statements += 1;
      if (world.away || world.statements > world.statementsMax)
        return () => Promise.reject(new Error("connect ECONNREFUSED"));
      return target.query.bind(target);
    },
  });
  const flushed: SightResult[] = [];
  const gate = new ReadFirst({
    db,
    sightOptions: SIGHT_OPTIONS,
    monotonicMs: () => world.nowMs,
    onFlushed: (results) => flushed.push(...results),
    ...options,
  });
  const outcomes = async (...sightings: readonly Sighting[]) =>
    (await gate.sight(sightings)).map(({ outcome }) => outcome);
  return { gate, world, flushed, outcomes };
}

const sighting = aSighting({ occurrences: 0 });

async function rowOf({ pool }: TestDatabase, service = "checkout") {
  const { rows } = await pool.query<Record<string, unknown>>(
    `select occurrences::int, state, epoch, peak, severity, cleared_at, xmin::text as version,
       round(extract(epoch from clock_timestamp() - last_seen_at))::int as seen_seconds_ago
     from incidents where service = $1`,
    [service],
  );
  return rows[0];
}

test("1,000 duplicates of a hot key change its row once, and none is lost", async () => {
  await using database = await createTestDatabase();
  const { gate, outcomes } = aGate(database);
  expect(await outcomes(sighting)).toEqual(["created"]);
  const before = await rowOf(database);
  for (let round = 0; round < 50; round += 1) {
    const sights = Array.from({ length: 20 }, () => outcomes({ ...sighting, occurrences: 1 }));
    for (const told of await Promise.all(sights)) expect(told).toEqual(["duplicate"]);
  }
  expect((await rowOf(database))?.["version"]).toBe(before?.["version"]);
  expect(gate.heldCount).toBe(1);
  await gate.flush();
  expect(gate.heldCount).toBe(0);
  expect(await rowOf(database)).toMatchObject({ occurrences: 1_000, state: "open", epoch: 1 });
});

test("callers that come at once share one statement, and one is told that it was created", async () => {
  await using database = await createTestDatabase();
  const { world, outcomes } = aGate(database);
  const sights = Array.from({ length: 20 }, () => outcomes({ ...sighting, occurrences: 1 }));
  const told = (await Promise.all(sights)).flat();
  expect(world.statements).toBe(1);
  expect(told.toSorted()).toEqual(["created", ...Array.from({ length: 19 }, () => "duplicate")]);
  expect(await rowOf(database)).toMatchObject({ occurrences: 20 });
});

const SOON = "clock_timestamp() - interval '1 s'";
const WRITTEN: readonly {
  readonly what: string;
  readonly set: string;
  readonly sighted: Partial<Sighting>;
  /** Null: another test's matter. */
  readonly outcome: string | null;
}[] = [
  { what: "more severe", set: "seq = 1", sighted: { severity: "critical" }, outcome: "escalated" },
  {
    what: "a reminder is due",
    set: `hold_until = ${SOON}, renotify_at = ${SOON}`,
    sighted: {},
    outcome: "repeat",
  },
  {
    what: "its count has doubled",
    set: `edit_after = ${SOON}, announced_occurrences = 4`,
    sighted: { occurrences: 8 },
    outcome: "update",
  },
  {
    what: "its peak rose by a fifth",
    set: `edit_after = ${SOON}, announced_peak = 2`,
    sighted: { peak: 2.4 },
    outcome: "update",
  },
  {
    what: "text waits to be shown",
    set: `edit_after = ${SOON}, text_pending = true`,
    sighted: {},
    outcome: "update",
  },
  { what: "a silence held something back", set: "muted = true", sighted: {}, outcome: null },
  { what: "it brings text", set: "seq = 1", sighted: { hasNewText: true }, outcome: "duplicate" },
  {
    what: "it was cleared",
    set: "cleared_at = clock_timestamp()",
    sighted: {},
    outcome: "duplicate",
  },
  {
    what: "it expires in 4 s",
    set: "expires_at = clock_timestamp() + interval '4 s'",
    sighted: {},
    outcome: "duplicate",
  },
  {
    what: "it began 4 s ago",
    set: "seq = 1",
    sighted: { onsetAgeMs: 4_000 },
    outcome: "duplicate",
  },
  {
    what: "it began after the newest sighting",
    set: "last_seen_at = last_seen_at - interval '50 s'",
    sighted: {},
    outcome: "duplicate",
  },
  {
    what: "it was resolved",
    set: "state = 'resolved', closed_at = clock_timestamp(), close_reason = 'manual'",
    sighted: {},
    outcome: "late",
  },
  {
    what: "another signal after it was resolved",
    set: `state = 'resolved', closed_at = ${SOON}, close_reason = 'manual'`,
    sighted: { onsetAgeMs: 0 },
    outcome: "created",
  },
];

test("what is more than a duplicate, or may soon be, is written at once", async () => {
  await using database = await createTestDatabase();
  const { gate, world, outcomes } = aGate(database);
  for (const { what, set, sighted, outcome } of WRITTEN) {
    const usual = aSighting({ service: what, occurrences: 0 });
    await outcomes(usual);
    expect(await outcomes(usual), what).toEqual(["duplicate"]);
    expect(gate.heldCount, what).toBe(1); // As it is, it is read first.
    await gate.flush();
    await database.pool.query(`update incidents set ${set} where service = $1`, [what]);
    const before = await rowOf(database, what);
    world.statements = 0;
    const [told] = await outcomes({ ...usual, ...sighted });
    if (outcome !== null) expect(told, what).toBe(outcome);
    expect(gate.heldCount, what).toBe(0);
    expect(world.statements, what).toBe(sighted.hasNewText ? 1 : 2);
    expect((await rowOf(database, what))?.["version"], what).not.toBe(before?.["version"]);
  }
});

test("what is kept counts when it is asked whether people should be told", async () => {
  await using database = await createTestDatabase();
  const { gate, outcomes, flushed } = aGate(database);
  await outcomes({ ...sighting, occurrences: 10 });
  await database.pool.query(`update incidents set edit_after = ${SOON}`);
  const five = { ...sighting, occurrences: 5 };
  expect(await outcomes(five)).toEqual(["duplicate"]);
  expect(gate.heldCount).toBe(1);
  expect(await outcomes(five)).toEqual(["update"]);
  expect(flushed.map(({ outcome }) => outcome)).toEqual(["duplicate"]);
  expect(await rowOf(database)).toMatchObject({ occurrences: 20 });
});

test("a key that was not written for two seconds is not read first", async () => {
  await using database = await createTestDatabase();
  const { gate, world, outcomes } = aGate(database);
  await outcomes(sighting);
  world.nowMs = 2_000;
  await outcomes(sighting);
  expect(gate.heldCount).toBe(1);
  await gate.flush();
  world.nowMs = 4_001;
  await outcomes(sighting);
  expect(gate.heldCount).toBe(0);
});

test("keys beyond the limit are written at once", async () => {
  await using database = await createTestDatabase();
  const { gate, outcomes } = aGate(database, { keysMax: 2 });
  const [one, two, three] = ["one", "two", "three"].map((service) => aSighting({ service }));
  if (one === undefined || two === undefined || three === undefined) throw new Error("three");
  await outcomes(one, two);
  await outcomes(one, two);
  expect(gate.heldCount).toBe(2);
  await outcomes(three); // One is forgotten for it; what was kept of it is not.
  await outcomes(two, three, one);
  expect(gate.heldCount).toBeLessThanOrEqual(2);
  await gate.flush();
  const { rows } = await database.pool.query("select sum(occurrences)::int as sum from incidents");
  expect(rows).toEqual([{ sum: 8 }]);
});

test("with a short quiet period nothing is read first", async () => {
  await using database = await createTestDatabase();
  const held = async (quietSeconds: number, service: string) => {
    const sightOptions = { ...SIGHT_OPTIONS, holdSeconds: 1, quietSeconds };
    const { gate, outcomes } = aGate(database, { sightOptions });
    await outcomes(aSighting({ service }));
    expect(await outcomes(aSighting({ service }))).toEqual(["duplicate"]);
    return gate.heldCount;
  };
  expect(await held(5, "short")).toBe(0);
  expect(await held(60, "long")).toBe(1);
});

test("the database is away: callers are told, what was kept is written with its age when it is back", async () => {
  await using database = await createTestDatabase();
  const { gate, world, outcomes } = aGate(database);
  await outcomes(sighting);
  await outcomes({ ...sighting, occurrences: 7 });
  world.away = true;
  await expect(outcomes(sighting)).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE" });
  await expect(gate.flush()).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE" });
  expect(gate.heldCount).toBe(1);
  world.nowMs += 60_000;
  await passTime(database.pool, 60);
  world.away = false;
  await gate.flush();
  expect(await rowOf(database)).toMatchObject({ occurrences: 7, seen_seconds_ago: 60 });
});

test("a call that fails after its read counts nothing, since its caller sights again", async () => {
  await using database = await createTestDatabase();
  const { gate, world, outcomes } = aGate(database);
  await outcomes(sighting);
  const both = [{ ...sighting, occurrences: 5 }, aSighting({ service: "another" })];
  world.statementsMax = world.statements + 1;
  await expect(outcomes(...both)).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE" });
  expect(gate.heldCount).toBe(0);
  world.statementsMax = Number.POSITIVE_INFINITY;
  expect(await outcomes(...both)).toEqual(["duplicate", "created"]);
  await gate.flush();
  expect(await rowOf(database)).toMatchObject({ occurrences: 5 });
});

test("written before its signal is cleared, a sighting does not take the end back", async () => {
  await using database = await createTestDatabase();
  const { gate, outcomes } = aGate(database);
  await outcomes(sighting);
  await outcomes({ ...sighting, occurrences: 3 });
  await gate.flush();
  await clear(database.pool, [sighting.key], { clearSeconds: 30 });
  await gate.flush();
  const row = await rowOf(database);
  expect(row).toMatchObject({ occurrences: 3, state: "open" });
  expect(row?.["cleared_at"]).not.toBeNull();
});

const ROUNDS = 2_000;
const AT_ONCE = 50;

// Goal: whoever comes first, the rows agree with the last message. Method: fifty keys at a time are sighted, by a
// signal as old as the incident or by a new one, while each is resolved by hand.
test("2,000 races of a resolve with a sighting", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const { gate, outcomes } = aGate(database);
  const told = new Set<string>();
  for (let from = 0; from < ROUNDS; from += AT_ONCE) {
    const keys = Array.from({ length: AT_ONCE }, (_, index) =>
      aSighting({ service: `${from + index}` }),
    );
    const created = await gate.sight(keys);
    const resolves = created.map(({ incidentId }) => resolveByHand(pool, incidentId));
    const sights = keys.map((key, index) =>
      outcomes(index % 2 === 0 ? key : { ...key, onsetAgeMs: 0 }),
    );
    for (const outcome of (await Promise.all(sights)).flat()) told.add(outcome);
    expect(await Promise.all(resolves)).not.toContain(false);
    await gate.flush();
  }
  expect(told).toContain("duplicate");
  const { rows } = await pool.query<{ ended: string; count: number }>(
    `select i.state || ' ' || i.epoch || ': ' || m.messages as ended, count(*)::int as count
     from incidents i join (select fingerprint, string_agg(epoch || ' ' || action, ', ' order by epoch, seq) as messages
       from outbox where action <> 'edit' group by fingerprint) m using (fingerprint) group by 1`,
  );
  const allowed = ["resolved 1: 1 open, 1 resolve", "open 2: 1 open, 1 resolve, 2 open"];
  for (const { ended } of rows) expect(allowed).toContain(ended);
  expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(ROUNDS);
  const old = await pool.query(
    "select max(epoch) as epoch from incidents where service::int % 2 = 0",
  );
  expect(old.rows).toEqual([{ epoch: 1 }]); // The same onset never opens again.
});
