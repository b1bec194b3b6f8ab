import { aSighting, createTestDatabase, passTime, SIGHT_OPTIONS } from "@tracer/testkit";
import { expect, test } from "vitest";
import type { Pool } from "./pool.ts";
import { ReadFirst, type ReadFirstOptions } from "./read-first.ts";
import { clear, resolveByHand } from "./resolve.ts";
import { sight } from "./sight.ts";

/** A clock that only the test moves, so that nothing stays hot or ages by itself. */
function aGate(pool: Pool, options: Partial<ReadFirstOptions> = {}) {
  const clock = { nowMs: 0 };
  const monotonicMs = () => clock.nowMs;
  const gate = new ReadFirst({ db: pool, sightOptions: SIGHT_OPTIONS, monotonicMs, ...options });
  return { gate, clock };
}

async function rowOf(pool: Pool) {
  const { rows } = await pool.query<{
    occurrences: number;
    state: string;
    epoch: number;
    peak: number;
  }>("select occurrences::int, state, epoch, peak, xmin::text as version from incidents");
  return rows[0];
}

const outcomes = async (gate: ReadFirst, ...sightings: Parameters<ReadFirst["sight"]>[0]) =>
  (await gate.sight(sightings)).map(({ outcome }) => outcome);

test("1,000 duplicates of a hot key change its row once, and none is lost", async () => {
  await using database = await createTestDatabase();
  const { gate } = aGate(database.pool);
  const sighting = { ...aSighting(), occurrences: 0 };
  expect(await outcomes(gate, sighting)).toEqual(["created"]);
  const before = await rowOf(database.pool);
  for (let round = 0; round < 50; round += 1) {
    const sights = Array.from({ length: 20 }, () => gate.sight([{ ...sighting, occurrences: 1 }]));
    for (const [result] of await Promise.all(sights)) expect(result?.outcome).toBe("duplicate");
  }
  expect(await rowOf(database.pool)).toEqual(before);
  expect(gate.heldCount).toBe(1);
  await gate.flush();
  expect(gate.heldCount).toBe(0);
  expect(await rowOf(database.pool)).toMatchObject({ occurrences: 1_000, state: "open", epoch: 1 });
});
