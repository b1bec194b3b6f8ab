import { aSighting, createTestDatabase, passTime, SIGHT_OPTIONS } from "@tracer/testkit";
import { expect, test } from "vitest";
import { claimDeliveries } from "./claim.ts";
import { wasRunning } from "./decisions.ts";
import { heartbeat, retire } from "./processors.ts";
import { recordAttempt } from "./settle.ts";
import { sight } from "./sight.ts";

test("who stops in order hands its leases back at once, as what may have been sent; others keep theirs", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const claim = (processorId: string) =>
    claimDeliveries(pool, { processorId, leaseSeconds: 30, limit: 1, channel: "slack" });
  for (let second = 0; second < 8; second += 1) {
    await heartbeat(pool, "stops");
    await heartbeat(pool, "stays");
    await passTime(pool, 1);
  }
  const sightings = ["a", "b"].map((service) => aSighting({ service }));
  await sight(pool, sightings, SIGHT_OPTIONS);
  const [mine] = await claim("stops");
  await claim("stays");
  if (mine === undefined) throw new Error("Nothing could be claimed.");
  await recordAttempt(pool, { ...mine, processorId: "stops" });
  expect(await claim("stays")).toEqual([]);

  await retire(pool, "stops");
  await heartbeat(pool, "stays");
  const [taken, ...others] = await claim("stays");
  expect(taken).toMatchObject({ deliveryId: mine.deliveryId, uncertain: true });
  expect(taken?.leaseToken).toBeGreaterThan(mine.leaseToken);
  expect(others).toEqual([]);
  expect(await claim("stays")).toEqual([]);
  expect(await wasRunning(pool, Date.now() - 5_000)).toBe(true);
});
