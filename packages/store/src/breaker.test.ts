import { TracerError } from "@tracer/core";
import { expect, test } from "vitest";
import {
  Breaker,
  FAILURE_SPAN_MS_MIN,
  FAILURE_WINDOW_MS,
  FAILURES_MAX,
  OPEN_MS,
} from "./breaker.ts";

const away = () => Promise.reject(new TracerError("DATABASE_UNAVAILABLE", "no answer"));
const refused = () => Promise.reject(new Error("lock_not_available"));
const fine = () => Promise.resolve("fine");

function aBreaker() {
  const world = { nowMs: 0, probes: 0, probe: away as () => Promise<unknown> };
  const breaker = new Breaker({
    monotonicMs: () => world.nowMs,
    probe: () => {
      world.probes += 1;
      return world.probe();
    },
    isFailure: (error) => error instanceof TracerError,
  });
  const fail = async (times: number) => {
    for (let count = 0; count < times; count += 1) {
      await expect(breaker.call(away)).rejects.toThrow("no answer");
    }
  };
  /** As it is when the database is away: failures over just long enough. */
  const failLong = async () => {
    await fail(FAILURES_MAX - 1);
    world.nowMs += FAILURE_SPAN_MS_MIN;
    await fail(1);
  };
  return { world, breaker, fail, failLong };
}

/** True when a call is refused without being made. */
async function isOpen(breaker: Breaker): Promise<boolean> {
  let made = false;
  await breaker
    .call(async () => {
      made = true;
    })
    .catch(() => {});
  return !made;
}

test("it opens at the third failure in a row, not before", async () => {
  const { breaker, fail, failLong } = aBreaker();
  await fail(FAILURES_MAX - 1);
  expect(await isOpen(breaker)).toBe(false); // And that success starts the count anew.
  await fail(FAILURES_MAX - 1);
  expect(await breaker.call(fine)).toBe("fine");
  await failLong();
  await expect(breaker.call(fine)).rejects.toMatchObject({
    code: "DATABASE_UNAVAILABLE",
    message: `The database is away; it is not asked for ${OPEN_MS} ms more.`,
  });
});

test("failures in one moment open nothing, however many: our own process had stalled", async () => {
  const { breaker, world, fail } = aBreaker();
  const stalled = Array.from({ length: 20 }, () => breaker.call(away));
  await Promise.allSettled(stalled);
  world.nowMs += FAILURE_SPAN_MS_MIN - 1;
  await fail(1);
  expect(await isOpen(breaker)).toBe(false); // And that answer starts the span anew.
  await fail(FAILURES_MAX);
  world.nowMs += FAILURE_SPAN_MS_MIN;
  await fail(1);
  expect(await isOpen(breaker)).toBe(true);
});

test("an answer that refuses a statement is an answer", async () => {
  const { breaker, fail } = aBreaker();
  for (let count = 0; count < 3 * FAILURES_MAX; count += 1) {
    await expect(breaker.call(refused)).rejects.toThrow("lock");
  }
  await fail(FAILURES_MAX - 1);
  await expect(breaker.call(refused)).rejects.toThrow("lock");
  await fail(FAILURES_MAX - 1);
  expect(await isOpen(breaker)).toBe(false);
});

test("failures that lie far apart are no outage", async () => {
  const { breaker, world, fail } = aBreaker();
  await fail(FAILURES_MAX - 1);
  world.nowMs += FAILURE_WINDOW_MS + 1;
  await fail(FAILURES_MAX - 1);
  expect(await isOpen(breaker)).toBe(false);
  await fail(FAILURES_MAX - 1);
  world.nowMs += FAILURE_WINDOW_MS;
  await fail(1);
  expect(await isOpen(breaker)).toBe(true);
});

test("after the pause one caller looks, the others are refused meanwhile, and its answer closes it", async () => {
  const { breaker, world, failLong } = aBreaker();
  await failLong();
  world.nowMs += OPEN_MS - 1;
  await expect(breaker.call(fine)).rejects.toThrow("not asked for 1 ms more");
  expect(world.probes).toBe(0);
  world.nowMs += 1;
  const answer = Promise.withResolvers<void>();
  world.probe = () => answer.promise;
  const first = breaker.call(fine);
  await expect(breaker.call(fine)).rejects.toThrow("somebody else is looking");
  answer.resolve();
  expect(await first).toBe("fine");
  expect(await breaker.call(fine)).toBe("fine");
  expect(world.probes).toBe(1);
});

test("a probe without an answer keeps it open for another pause", async () => {
  const { breaker, world, failLong } = aBreaker();
  await failLong();
  world.nowMs += OPEN_MS;
  await expect(breaker.call(fine)).rejects.toThrow("no answer");
  world.nowMs += OPEN_MS - 1;
  await expect(breaker.call(fine)).rejects.toThrow("not asked for 1 ms more");
  world.nowMs += 1;
  world.probe = fine;
  expect(await breaker.call(fine)).toBe("fine");
});

test("what was asked before it closed and fails late does not open it again", async () => {
  const { breaker, world, failLong } = aBreaker();
  const late = Promise.withResolvers<void>();
  const calls = Array.from({ length: FAILURES_MAX }, () => breaker.call(() => late.promise));
  const ends = Promise.allSettled(calls);
  await failLong();
  world.nowMs += OPEN_MS;
  world.probe = fine;
  await breaker.call(fine);
  late.reject(new TracerError("DATABASE_UNAVAILABLE", "time-out"));
  await ends;
  expect(await isOpen(breaker)).toBe(false);
});
