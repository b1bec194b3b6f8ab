import { aSighting, createTestDatabase, SIGHT_OPTIONS } from "@tracer/testkit";
import { expect, test } from "vitest";
import { sight } from "./sight.ts";

test("twenty racing sightings of one fingerprint: exactly one creates", async () => {
  await using database = await createTestDatabase();
  const race = () => sight(database.pool, [aSighting()], SIGHT_OPTIONS);
  const outcomes = (await Promise.all(Array.from({ length: 20 }, race))).flat();
  expect(outcomes.filter(({ outcome }) => outcome === "created")).toHaveLength(1);
  expect(outcomes.filter(({ outcome }) => outcome === "duplicate")).toHaveLength(19);
  const { rows } = await database.pool.query("select action, channel from outbox");
  expect(rows).toEqual([{ action: "open", channel: "slack" }]);
});
