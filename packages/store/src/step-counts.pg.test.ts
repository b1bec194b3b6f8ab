import { createTestDatabase, passTime } from "@tracer/testkit";
import { expect, test } from "vitest";
import type { Pool } from "./pool.ts";
import { heartbeat } from "./processors.ts";
import { flushStepCounts, readStepCounts, STEP_COUNTS_MAX, type StepCount } from "./step-counts.ts";
import { sweep } from "./sweep.ts";

function aCount(overrides: Partial<StepCount> = {}): StepCount {
  return {
    ...{ project: "default", environment: "prod", service: "checkout" },
    ...{ newestMs: 1_767_610_000_123, records: 7, errors: 2, ...overrides },
  };
}

function reader(pool: Pool, processorId: string) {
  const cursors = new Map<string, number>();
  const records: number[] = [];
  return {
    records,
    read: async () => {
      const peers = await readStepCounts(pool, { processorId, cursors });
      for (const { processorId: id, newestFlush, flushes } of peers) {
        if (!cursors.has(id)) cursors.set(id, newestFlush);
        for (const { flush, counts } of flushes) {
          expect(flush).toBe((cursors.get(id) ?? 0) + 1);
          cursors.set(id, flush);
          records.push(...counts.map((count) => count.records));
        }
      }
      return peers;
    },
  };
}

// Goal: nothing is missed and nothing doubled. Method: three processors write powers of two and read each other
// at once; each flush is tried a second time, as after an answer that was lost.
test("three write and read at once: each count comes to each other one exactly once", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const ids = ["p1", "p2", "p3"];
  const readers = ids.map((id) => reader(pool, id));
  for (const id of ids) await heartbeat(pool, id);
  for (const { read } of readers) await read();
  const rounds = 30;
  const records = (writer: number, flush: number) => writer * 1_000 + flush;
  const write = async (writer: number) => {
    for (let flush = 1; flush <= rounds; flush += 1) {
      const counts = [aCount({ records: records(writer, flush) })];
      await flushStepCounts(pool, { processorId: ids[writer] ?? "", flush, counts });
      await flushStepCounts(pool, { processorId: ids[writer] ?? "", flush, counts });
      await readers[writer]?.read();
    }
  };
  await Promise.all(ids.map((_, writer) => write(writer)));
  for (const [index, { read, records: seen }] of readers.entries()) {
    while ((await read()).some(({ hasMore }) => hasMore));
    const expected = ids.flatMap((_, writer) =>
      writer === index
        ? []
        : Array.from({ length: rounds }, (_each, at) => records(writer, at + 1)),
    );
    expect(seen.toSorted((one, other) => one - other)).toEqual(expected);
  }
});

test("who begins to read begins with the newest; who is dead is no peer; a flush has an age", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await heartbeat(pool, "p1");
  const { read, records } = reader(pool, "p2");
  expect(await read()).toMatchObject([{ newestFlush: 0, flushAgeMs: null, flushes: [] }]);
  const flush = (at: number) =>
    flushStepCounts(pool, { processorId: "p1", flush: at, counts: [aCount()] });
  await flush(1);
  expect((await read())[0]?.flushes).toEqual([{ flush: 1, counts: [aCount()] }]);
  for (let at = 2; at <= 6; at += 1) await flush(at);
  const late = reader(pool, "p3");
  expect(await late.read()).toMatchObject([{ newestFlush: 6, flushes: [] }]);
  expect((await read())[0]).toMatchObject({ newestFlush: 6, hasMore: true });
  expect((await read())[0]).toMatchObject({ newestFlush: 6, hasMore: false });
  expect(records).toHaveLength(6);
  await passTime(pool, 4);
  const [peer] = await read();
  expect(peer?.flushAgeMs).toBeGreaterThan(4_000);
  expect(peer?.flushAgeMs).toBeLessThan(14_000);
  await passTime(pool, 2);
  expect(await read()).toEqual([]);
});

test("as many cells as fit one flush, and not one more; ten minutes later they are swept", async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  await heartbeat(pool, "p1");
  const counts = Array.from({ length: STEP_COUNTS_MAX }, (_, at) =>
    aCount({ service: `service-${at}` }),
  );
  const { read } = reader(pool, "p2");
  await read();
  await flushStepCounts(pool, { processorId: "p1", flush: 1, counts });
  const [peer] = await read();
  expect(peer?.flushes[0]?.counts).toEqual(counts);
  const more = [...counts, aCount()];
  const tooMany = flushStepCounts(pool, { processorId: "p1", flush: 2, counts: more });
  await expect(tooMany).rejects.toThrow();

  await passTime(pool, 590);
  expect(await sweep(pool, { limit: 10, channels: [] })).toBe(0);
  await passTime(pool, 20);
  expect(await sweep(pool, { limit: 10, channels: [] })).toBe(1);
});
