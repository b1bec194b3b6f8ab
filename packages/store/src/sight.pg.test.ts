import { fingerprintOf } from "@tracer/core";
import { aSighting, createTestDatabase, passTime, SIGHT_OPTIONS } from "@tracer/testkit";
import { afterEach, expect, test, vi } from "vitest";
import { listIncidents } from "./incidents.ts";
import { heartbeat } from "./processors.ts";
import { clear, resolveByHand, resolveQuiet } from "./resolve.ts";
import { sight } from "./sight.ts";
import type { Sighting } from "./sighting.ts";

type Database = Awaited<ReturnType<typeof createTestDatabase>>;

afterEach(() => {
  vi.useRealTimers();
});

async function outcomeOf({ pool }: Database, sighting: Sighting = aSighting()): Promise<string> {
  const [result] = await sight(pool, [sighting], SIGHT_OPTIONS);
  return result?.outcome ?? "nothing";
}

async function messagesOf({ pool }: Database): Promise<string[]> {
  const { rows } = await pool.query<{ message: string }>(
    "select epoch || ' ' || seq || ' ' || action || ' ' || channel as message from outbox order by id",
  );
  return rows.map(({ message }) => message);
}

/** An incident that ended 100 s ago: by its clear, by hand, or because nobody sighted it any more. */
async function ended(database: Database, how: "clear" | "manual" | "quiet"): Promise<void> {
  const [created] = await sight(database.pool, [aSighting()], SIGHT_OPTIONS);
  if (how === "clear") await clear(database.pool, [aSighting().key], { clearSeconds: 30 });
  if (how === "manual") await resolveByHand(database.pool, created?.incidentId ?? "");
  await passTime(database.pool, how === "quiet" ? 301 : 31);
  await resolveQuiet(database.pool);
  await passTime(database.pool, how === "quiet" ? 100 : 69);
}

test("twenty racing sightings of one fingerprint: exactly one creates", async () => {
  await using database = await createTestDatabase();
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => outcomeOf(database)));
  expect(outcomes.filter((outcome) => outcome === "created")).toHaveLength(1);
  expect(outcomes.filter((outcome) => outcome === "duplicate")).toHaveLength(19);
  expect(await messagesOf(database)).toEqual(["1 1 open slack"]);
  const { rows } = await database.pool.query("select occurrences from incidents");
  expect(rows).toEqual([{ occurrences: "20" }]);
});

test("twenty race for an incident that has expired: one new epoch, and the old one is resolved", async () => {
  await using database = await createTestDatabase();
  await outcomeOf(database);
  await passTime(database.pool, 301);
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => outcomeOf(database)));
  expect(outcomes.filter((outcome) => outcome === "created")).toHaveLength(1);
  expect(await messagesOf(database)).toEqual([
    "1 1 open slack",
    "1 2 resolve slack",
    "2 1 open slack",
  ]);
  const { rows } = await database.pool.query("select incident from incident_history");
  expect(rows).toMatchObject([
    { incident: { epoch: 1, state: "resolved", closeReason: "superseded" } },
  ]);
});

test("25 different services at once, from three processes: all stored", async () => {
  await using database = await createTestDatabase();
  const services = Array.from({ length: 25 }, (_, index) => `service ${index}`);
  const sightings = services.map((service) => aSighting({ service }));
  const batches = [sightings, sightings.toReversed(), sightings.slice(10).concat(sightings)];
  await Promise.all(batches.map((batch) => sight(database.pool, batch, SIGHT_OPTIONS)));
  const { rows } = await database.pool.query("select service from incidents");
  expect(new Set(rows.map(({ service }) => service))).toEqual(new Set(services));
  expect(await messagesOf(database)).toHaveLength(25);
});

test("a batch answers in its own order; a fingerprint named twice is one row", async () => {
  await using database = await createTestDatabase();
  const batch = [
    aSighting({ service: "b" }),
    aSighting({ service: "a", occurrences: 2 }),
    aSighting({ service: "b", severity: "critical" }),
  ];
  const results = await sight(database.pool, batch, SIGHT_OPTIONS);
  expect(results.map(({ outcome }) => outcome)).toEqual(["created", "created", "duplicate"]);
  expect(results.map(({ fingerprint }) => fingerprint)).toEqual(
    batch.map(({ key }) => fingerprintOf(key)),
  );
  const { rows } = await database.pool.query(
    "select service, severity, occurrences from incidents order by service",
  );
  expect(rows).toEqual([
    { service: "a", severity: 2, occurrences: "2" },
    { service: "b", severity: 3, occurrences: "2" },
  ]);
  expect(await sight(database.pool, [], SIGHT_OPTIONS)).toEqual([]);
});

test("more sightings than one statement takes, with text that jsonb refuses", async () => {
  await using database = await createTestDatabase();
  const batch = Array.from({ length: 501 }, (_, index) =>
    aSighting({ service: `s${index}`, title: "nul \0 and half \uD800", exemplars: ["\0"] }),
  );
  const results = await sight(database.pool, batch, SIGHT_OPTIONS);
  expect(results.filter(({ outcome }) => outcome === "created")).toHaveLength(501);
});

test("the hold is fixed, the expiry slides", async () => {
  await using database = await createTestDatabase();
  const options = { ...SIGHT_OPTIONS, quietSeconds: 8, repeatSeconds: 1 };
  const outcome = async () =>
    (await sight(database.pool, [aSighting({ onsetAgeMs: 1_000 })], options))[0]?.outcome;
  expect(await outcome()).toBe("created");
  await passTime(database.pool, 4);
  expect(await outcome()).toBe("duplicate"); // Within the hold nothing is repeated.
  await passTime(database.pool, 3);
  expect(await outcome()).toBe("duplicate");
  await passTime(database.pool, 1.5); // The hold is over; the last sighting is 1.5 s old.
  expect(await outcome()).toBe("repeat");
  await passTime(database.pool, 7);
  expect(await outcome()).toBe("repeat");
  await passTime(database.pool, 8.5);
  expect(await outcome()).toBe("created");
});

test("a severity that rises escalates, once, also within the hold; one that falls does not", async () => {
  await using database = await createTestDatabase();
  expect(await outcomeOf(database, aSighting({ severity: "warning" }))).toBe("created");
  expect(await outcomeOf(database, aSighting({ severity: "critical" }))).toBe("escalated");
  expect(await outcomeOf(database, aSighting({ severity: "critical" }))).toBe("duplicate");
  expect(await outcomeOf(database, aSighting({ severity: "info" }))).toBe("duplicate");
  expect(await messagesOf(database)).toEqual(["1 1 open slack", "1 2 escalate slack"]);
  const { rows } = await database.pool.query("select incident ->> 'severity' as s from outbox");
  expect(rows).toEqual([{ s: "warning" }, { s: "critical" }]);
});

test("a steady fault for a day: reminded each repeat interval", async () => {
  await using database = await createTestDatabase();
  const options = { ...SIGHT_OPTIONS, quietSeconds: 1_300 };
  const outcomes: string[] = [];
  for (let minutes = 0; minutes <= 24 * 60; minutes += 20) {
    outcomes.push((await sight(database.pool, [aSighting()], options))[0]?.outcome ?? "");
    await passTime(database.pool, 20 * 60);
  }
  // Occurrences double again and again in between: those are edits.
  expect(outcomes.filter((outcome) => outcome === "repeat")).toHaveLength(6);
  expect(outcomes.filter((outcome) => outcome === "created")).toHaveLength(1);
  const messages = (await messagesOf(database)).map((message) => message.split(" ")[2]);
  expect(messages.filter((action) => action !== "edit")).toEqual([
    "open",
    ...Array(6).fill("repeat"),
  ]);
});

test.each([
  ["occurrences doubled", { occurrences: 10 }, { occurrences: 10 }, "update"],
  ["occurrences not quite doubled", { occurrences: 10 }, { occurrences: 9 }, "duplicate"],
  ["the peak rose by 20 %", { peak: 10 }, { peak: 12 }, "update"],
  ["the peak rose by 19 %", { peak: 10 }, { peak: 11.9 }, "duplicate"],
  ["text arrived", {}, { hasNewText: true }, "update"],
  ["nothing new", {}, {}, "duplicate"],
  ["nothing at all, from nothing", { peak: 0 }, { peak: 0 }, "duplicate"],
])("edit: %s", async (_what, first, second, expected) => {
  await using database = await createTestDatabase();
  await outcomeOf(database, aSighting({ occurrences: 0, ...first }));
  await passTime(database.pool, 31);
  expect(await outcomeOf(database, aSighting({ occurrences: 0, ...second }))).toBe(expected);
});

test("edits: at most one per 30 s, none is forgotten, and one row waits for all of them", async () => {
  await using database = await createTestDatabase();
  const news = aSighting({ hasNewText: true, exemplars: ["news"] });
  await outcomeOf(database);
  expect(await outcomeOf(database, news)).toBe("duplicate"); // Less than 30 s after the opening.
  await passTime(database.pool, 31);
  expect(await outcomeOf(database)).toBe("update"); // The text from before.
  expect(await outcomeOf(database, news)).toBe("duplicate");
  await passTime(database.pool, 29);
  expect(await outcomeOf(database)).toBe("duplicate");
  await passTime(database.pool, 2);
  expect(await outcomeOf(database)).toBe("update");
  expect(await messagesOf(database)).toEqual(["1 1 open slack", "1 3 edit slack"]);
});

test.each([
  ["", [0.3, 0.55, 0.2], [0.3, 0.55, 0.55]],
  ["drop", [40, 12, 30], [40, 12, 12]],
])(
  "the worst of an epoch is kept, part %j, and a new epoch has its own",
  async (part, peaks, kept) => {
    await using database = await createTestDatabase();
    const { pool } = database;
    const sighting = (peak: number) => {
      const { key, evidence } = aSighting();
      return aSighting({ key: { ...key, part }, evidence: { ...evidence, peak } });
    };
    const stored = async () => {
      const { incidents } = await listIncidents(pool, { limit: 10 });
      return incidents.map(({ evidence }) => evidence.peak);
    };
    for (const [index, peak] of peaks.entries()) {
      await sight(pool, [sighting(peak)], SIGHT_OPTIONS);
      expect(await stored()).toEqual([kept[index]]);
    }
    await pool.query("update incidents set evidence = evidence - 'peak'"); // By an earlier version.
    expect(await stored()).toEqual([aSighting().evidence.observed]);
    await sight(pool, peaks.map(sighting), SIGHT_OPTIONS);
    expect(await stored()).toEqual([kept.at(-1)]);
    await passTime(pool, 301);
    await sight(pool, [sighting(35)], SIGHT_OPTIONS);
    expect((await stored())[0]).toBe(35);
  },
);

test("the kinds of message behind an incident come back as they were, whatever is in their text", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const template = { level: "error", before: 0.25, now: 14, isNew: true } as const;
  const templates = [
    { ...template, text: "payment gateway refused <num>: \"card\" 'x' \\ $1 <!channel>" },
    { ...template, text: "nul \0 and half a pair \ud800", isNew: false },
  ];
  const sighting = aSighting();
  await sight(
    pool,
    [{ ...sighting, evidence: { ...sighting.evidence, templates } }],
    SIGHT_OPTIONS,
  );
  const { incidents } = await listIncidents(pool, { limit: 1 });
  const [first, second] = incidents[0]?.evidence.templates ?? [];
  expect(first).toEqual(templates[0]);
  expect(second).toEqual({ ...templates[1], text: "nul \uFFFD and half a pair \uFFFD" });
});

test("late: the sighting itself is older than the close, however it was closed", async () => {
  for (const how of ["clear", "manual", "quiet"] as const) {
    await using database = await createTestDatabase();
    await ended(database, how); // 100 s ago, for all purposes.
    const before = await messagesOf(database);
    const old = aSighting({ ageMs: 101_000, onsetAgeMs: 101_000 });
    expect(await outcomeOf(database, old)).toBe("late");
    expect(await messagesOf(database)).toEqual(before);
    const fresh = aSighting({ ageMs: 99_000, onsetAgeMs: 99_000 });
    expect(await outcomeOf(database, fresh)).toBe("created");
  }
});

test("late: an onset older than the close, after a close by hand or by clear; not after quiet", async () => {
  for (const [how, expected] of [
    ["clear", "late"],
    ["manual", "late"],
    ["quiet", "created"],
  ] as const) {
    await using database = await createTestDatabase();
    await ended(database, how);
    expect(await outcomeOf(database, aSighting({ onsetAgeMs: 101_000 }))).toBe(expected);
  }
  for (const how of ["clear", "manual"] as const) {
    await using database = await createTestDatabase();
    await ended(database, how);
    expect(await outcomeOf(database, aSighting({ onsetAgeMs: 99_000 }))).toBe("created");
  }
});

test("a fault that returns between the clear and the close is announced", async () => {
  await using database = await createTestDatabase();
  await outcomeOf(database);
  await clear(database.pool, [aSighting().key], { clearSeconds: 30 });
  await passTime(database.pool, 40);
  await resolveQuiet(database.pool); // It ran 40 s after the clear; the new fault began 30 s after it.
  expect(await outcomeOf(database, aSighting({ onsetAgeMs: 10_000 }))).toBe("created");
});

test("resolved by hand: the same onset sends nothing, a new onset 3 s later is a new incident", async () => {
  await using database = await createTestDatabase();
  const [opened] = await sight(database.pool, [aSighting()], SIGHT_OPTIONS);
  expect(await resolveByHand(database.pool, opened?.incidentId ?? "")).toBe(true);
  expect(await outcomeOf(database, aSighting({ onsetAgeMs: 41_000 }))).toBe("late");
  await passTime(database.pool, 3);
  expect(await outcomeOf(database, aSighting({ onsetAgeMs: 44_000 }))).toBe("late");
  expect(await outcomeOf(database, aSighting({ onsetAgeMs: 0 }))).toBe("created");
  expect(await messagesOf(database)).toEqual([
    "1 1 open slack",
    "1 2 resolve slack",
    "2 1 open slack",
  ]);
});

test.each([3_000, -3_000, 3_600_000, -3_600_000])(
  "a process clock that is %i ms off changes nothing",
  async (skewMs) => {
    await using database = await createTestDatabase();
    await outcomeOf(database);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + skewMs });
    expect(await outcomeOf(database)).toBe("duplicate");
    await passTime(database.pool, 301);
    expect(await outcomeOf(database)).toBe("created");
    const { rows } = await database.pool.query(
      "select abs(extract(epoch from opened_at - clock_timestamp())) < 10 as near from incidents",
    );
    expect(rows).toEqual([{ near: true }]);
  },
);

// Goal: no false end after an outage. Method: the sightings and heartbeats of a while are missing, then
// resolver and sighting come, in both orders, with the signal that was open all along.
test.each(["resolver first", "sighting first"])(
  "the database was away for longer than the quiet period: the same incident goes on, %s",
  async (order) => {
    await using database = await createTestDatabase();
    const { pool } = database;
    const watch = { processorId: "p1", quietSeconds: SIGHT_OPTIONS.quietSeconds };
    await heartbeat(pool, "p1");
    await outcomeOf(database);
    await passTime(pool, 400);
    const resolve = async () => expect(await resolveQuiet(pool, { watch })).toEqual([]);
    const again = async () =>
      expect(await outcomeOf(database, aSighting({ onsetAgeMs: 440_000, occurrences: 0 }))).toBe(
        "duplicate",
      );
    if (order === "resolver first") {
      await resolve(); // Also before the first heartbeat.
      await heartbeat(pool, "p1");
      await resolve();
    }
    await again();
    await heartbeat(pool, "p1");
    await resolve();
    await again();
    expect(await messagesOf(database)).toEqual(["1 1 open slack"]);
  },
);

test("expired, and the signal began after the newest sighting: a new incident", async () => {
  for (const [onsetAgeMs, expected] of [
    [399_000, "created"],
    [401_000, "duplicate"],
  ] as const) {
    await using database = await createTestDatabase();
    await outcomeOf(database);
    await passTime(database.pool, 400);
    expect(await outcomeOf(database, aSighting({ onsetAgeMs, occurrences: 0 }))).toBe(expected);
  }
});

test("an earlier onset shortly after the opening is taken, and people are shown it; one of later is not", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const onset = async () => {
    const { rows } = await pool.query<{ before: number }>(
      "select extract(epoch from opened_at - onset_at)::float8 as before from incidents",
    );
    return rows[0]?.before ?? 0;
  };
  await outcomeOf(database, aSighting({ onsetAgeMs: 10_000, occurrences: 0 }));
  await outcomeOf(database, aSighting({ onsetAgeMs: 11_000, occurrences: 0 }));
  expect(await onset()).toBe(10);
  await outcomeOf(database, aSighting({ onsetAgeMs: 130_000, occurrences: 0 }));
  const earlier = await onset();
  expect(earlier).toBeGreaterThan(100); // It took a moment until it was told.
  await passTime(pool, 40);
  expect(await outcomeOf(database, aSighting({ onsetAgeMs: 170_000, occurrences: 0 }))).toBe(
    "update",
  );
  await passTime(pool, 60);
  await outcomeOf(database, aSighting({ onsetAgeMs: 900_000, occurrences: 0 }));
  expect(await onset()).toBe(earlier);
});

test("a sighting made before the outage, written after it, extends nothing: nobody sees the signal now", async () => {
  await using database = await createTestDatabase();
  await outcomeOf(database);
  await passTime(database.pool, 400);
  const old = aSighting({ onsetAgeMs: 440_000, ageMs: 399_000, occurrences: 0 });
  expect(await outcomeOf(database, old)).toBe("duplicate");
  expect(await resolveQuiet(database.pool)).toHaveLength(1);
});

// Method: another session holds the row while the reservation waits; by the time it gets the row, a clock
// that was read before the wait would already be past the new epoch's whole hold.
test("one clock reading after the lock: born after a wait, not expired", async () => {
  await using database = await createTestDatabase();
  const options = { ...SIGHT_OPTIONS, holdSeconds: 0.3, quietSeconds: 0.3 };
  const keys = ["a", "b", "c"].map((service) => aSighting({ service, onsetAgeMs: 0 }));
  await sight(database.pool, keys, options);
  await passTime(database.pool, 10);
  const blocker = await database.pool.connect();
  await blocker.query("begin");
  await blocker.query("select from incidents where service = 'b' for update");
  const { rows: began } = await blocker.query("select clock_timestamp() as at");
  const waiting = sight(database.pool, keys, options);
  await expect
    .poll(
      async () =>
        (await blocker.query("select from pg_locks where not granted and pid <> pg_backend_pid()"))
          .rowCount,
    )
    .toBeGreaterThan(0);
  await blocker.query("select pg_sleep(0.6)");
  await blocker.query("commit");
  blocker.release();
  expect((await waiting).map(({ outcome }) => outcome)).toEqual(["created", "created", "created"]);
  const { rows } = await database.pool.query(
    `select fingerprint, extract(epoch from decided_at - $1::timestamptz)::float8 as waited,
       hold_until - decided_at = make_interval(secs => 0.3) and opened_at = decided_at
         and expires_at = hold_until as one_reading
     from incidents order by fingerprint`,
    [began[0].at],
  );
  const blocked = rows.findIndex(
    ({ fingerprint }) => fingerprint === fingerprintOf(aSighting({ service: "b" }).key),
  );
  rows.forEach(({ waited, one_reading }, index) => {
    expect(one_reading).toBe(true);
    // Rows before the blocked one were decided before the wait, it and those after it only then.
    if (index < blocked) expect(waited).toBeLessThan(0.5);
    else expect(waited).toBeGreaterThan(0.55);
  });
});

// Method: the reservation first waits for an insert that is then rolled back, and so inserts by itself.
test("an opening that waited for a rolled-back one is not expired", async () => {
  await using database = await createTestDatabase();
  const blocker = await database.pool.connect();
  await blocker.query("begin");
  expect((await sight(blocker, [aSighting()], SIGHT_OPTIONS))[0]?.outcome).toBe("created");
  const waiting = sight(database.pool, [aSighting()], SIGHT_OPTIONS);
  await blocker.query("select pg_sleep(0.5)");
  await blocker.query("rollback");
  blocker.release();
  expect((await waiting)[0]?.outcome).toBe("created");
  const { rows } = await database.pool.query(
    "select hold_until > clock_timestamp() + interval '6 s' as held from incidents",
  );
  expect(rows).toEqual([{ held: true }]);
});

test("a row that is held for longer than the lock time-out: tried again, then said", async () => {
  await using database = await createTestDatabase();
  await outcomeOf(database);
  const [blocker, waiter] = [await database.pool.connect(), await database.pool.connect()];
  await waiter.query("set lock_timeout = 300");
  await blocker.query("begin");
  await blocker.query("select from incidents for update");
  const patient = sight(waiter, [aSighting()], SIGHT_OPTIONS);
  await blocker.query("select pg_sleep(0.4)");
  await blocker.query("commit");
  expect((await patient)[0]?.outcome).toBe("duplicate");
  await blocker.query("begin");
  await blocker.query("select from incidents for update");
  await expect(sight(waiter, [aSighting()], SIGHT_OPTIONS)).rejects.toMatchObject({
    code: "DATABASE_UNAVAILABLE",
  });
  blocker.release(true);
  waiter.release();
});

test("a new configuration: an escalation reaches the channel that was added, the resolve both", async () => {
  await using database = await createTestDatabase();
  await outcomeOf(database);
  const options = { ...SIGHT_OPTIONS, channels: ["pagerduty"] };
  await sight(database.pool, [aSighting({ severity: "critical" })], options);
  await passTime(database.pool, 301);
  await resolveQuiet(database.pool);
  expect((await messagesOf(database)).toSorted()).toEqual([
    "1 1 open slack",
    "1 2 escalate pagerduty",
    "1 3 resolve pagerduty",
    "1 3 resolve slack",
  ]);
});

test("no channel: the incident is kept, nothing is written to be sent", async () => {
  await using database = await createTestDatabase();
  await sight(database.pool, [aSighting()], { ...SIGHT_OPTIONS, channels: [] });
  expect(await messagesOf(database)).toEqual([]);
});
