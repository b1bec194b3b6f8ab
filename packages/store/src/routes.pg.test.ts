import type { Severity } from "@tracer/core";
import { aSighting, createTestDatabase, passTime, SIGHT_OPTIONS } from "@tracer/testkit";
import { expect, test } from "vitest";
import { resolveQuiet } from "./resolve.ts";
import { type SightOptions, sight } from "./sight.ts";
import { createSilence } from "./silences.ts";

type Database = Awaited<ReturnType<typeof createTestDatabase>>;

const OPTIONS: SightOptions = {
  ...SIGHT_OPTIONS,
  quietSeconds: 1e6,
  channels: ["slack", "pager"],
};

async function end({ pool }: Database): Promise<void> {
  await pool.query("update incidents set expires_at = clock_timestamp()");
  await resolveQuiet(pool);
}

async function see(
  { pool }: Database,
  channels: readonly string[] | null,
  { severity = "error", options = OPTIONS }: { severity?: Severity; options?: SightOptions } = {},
): Promise<string | undefined> {
  const named = channels === null ? {} : { channels };
  const [result] = await sight(
    pool,
    [{ ...aSighting({ service: "web", severity }), ...named }],
    options,
  );
  return result?.outcome;
}

/** What was written for whom, in order. */
async function outbox({ pool }: Database): Promise<string[]> {
  const { rows } = await pool.query<{ line: string }>(
    "select epoch || ' ' || action || ' ' || channel as line from outbox order by epoch, seq, channel",
  );
  return rows.map(({ line }) => line);
}

test("a sighting is for its own channels; without any, for those of the options", async () => {
  await using database = await createTestDatabase();
  await see(database, ["slack"]);
  expect(await outbox(database)).toEqual(["1 open slack"]);
  await using other = await createTestDatabase();
  await see(other, null);
  expect(await outbox(other)).toEqual(["1 open pager", "1 open slack"]);
});

test("who joins at an escalation is told of it and owed the end; who was told before hears of it, too", async () => {
  await using database = await createTestDatabase();
  await see(database, ["slack"]);
  expect(await see(database, ["pager"], { severity: "critical" })).toBe("escalated");
  // Another processor sees less of it: that takes nobody out.
  await passTime(database.pool, OPTIONS.repeatSeconds);
  expect(await see(database, ["slack"])).toBe("repeat");
  await end(database);
  expect(await outbox(database)).toEqual([
    "1 open slack",
    ...["1 escalate pager", "1 escalate slack"],
    ...["1 repeat pager", "1 repeat slack"],
    ...["1 resolve pager", "1 resolve slack"],
  ]);
});

test("a channel that is told of nothing any more is not reminded, but owed the end", async () => {
  await using database = await createTestDatabase();
  await see(database, ["old", "slack"]);
  await passTime(database.pool, OPTIONS.repeatSeconds);
  await see(database, ["slack"]);
  await end(database);
  expect(await outbox(database)).toEqual([
    ...["1 open old", "1 open slack", "1 repeat slack", "1 resolve old", "1 resolve slack"],
  ]);
});

test("for nobody: an incident, and no message", async () => {
  await using database = await createTestDatabase();
  expect(await see(database, [])).toBe("created");
  await passTime(database.pool, OPTIONS.holdSeconds);
  await end(database);
  expect(await outbox(database)).toEqual([]);
});

test("what a silence kept is told to the channels of the sighting after it", async () => {
  await using database = await createTestDatabase();
  await createSilence(database.pool, {
    ...{ project: "default", matchers: { service: "web" }, reason: "r", by: "t" },
    ends: { inSeconds: 60 },
  });
  await see(database, ["slack"]);
  expect(await outbox(database)).toEqual([]);
  await passTime(database.pool, 61);
  expect(await see(database, ["pager"])).toBe("unmuted");
  expect(await outbox(database)).toEqual(["1 open pager"]);
});
