import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@tracer/core";
import * as store from "@tracer/store";
import {
  createTestDatabase,
  type FaultProxyMode,
  SIGHT_OPTIONS,
  startFaultProxy,
  type TestDatabase,
} from "@tracer/testkit";
import { expect, test } from "vitest";
import { Announcer } from "./announcer.ts";
import { aSignal, recordingObserve } from "./fixtures.test-helper.ts";
import { startLoop } from "./loop.ts";
import { newestStates } from "./spill/codec.ts";
import { replaySpill } from "./spill/replay.ts";
import { startSpill } from "./spill/spill.ts";

const CALL_MS_MAX = 3_000;
const BACK_MS_MAX = 2_000;
const ONSET_AGE_MS = 60_000;

interface ProcessorOptions {
  readonly connectionString: string;
  readonly path: string;
}

/** What of a processor speaks to the database, as `detection.ts` and `dispatching.ts` put it together. */
async function startProcessor({ connectionString, path }: ProcessorOptions) {
  const pool = store.openPool({ connectionString });
  const observe = recordingObserve();
  const { monotonicMs, wallMs } = systemClock;
  let slowestMs = 0;
  const timed = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    const startedMs = monotonicMs();
    try {
      return await work();
    } finally {
      slowestMs = Math.max(slowestMs, monotonicMs() - startedMs);
    }
  };
  const announcer = new Announcer({
    staleSeconds: 900,
    sightSeconds: 10,
    receiptMs: wallMs,
    monotonicMs,
    keyOf: (slot) => ({ project: "default", environment: "", service: `service ${slot}` }),
    linesOf: () => [],
    sight: (sightings) => timed(() => store.sight(pool, sightings, SIGHT_OPTIONS)),
    clear: (keys) => timed(() => store.clear(pool, keys, { clearSeconds: 30 })),
    observe,
    onWritten: () => {},
  });
  const { states, size } = await replaySpill({ path, observe });
  announcer.restorePending(newestStates(states));
  const loops = [
    startLoop({ name: "announce", idleMs: 500, observe }, () => announcer.flush()),
    startLoop({ name: "heartbeat", idleMs: 1_000, observe }, () =>
      timed(() => store.heartbeat(pool, path)),
    ),
    startLoop({ name: "clock", idleMs: 250, observe }, async () => {
      await timed(() => store.serverTimeMs(pool));
    }),
  ];
  const spill = startSpill({ path, size, announcer, monotonicMs, observe });
  const stop = async () => {
    await Promise.all(loops.map((loop) => loop[Symbol.asyncDispose]()));
    await spill[Symbol.asyncDispose]();
    void pool.end(); // Which a black hole would hold up.
  };
  return {
    ...{ announcer, observe },
    /** Signals of these slots began a minute ago, and are seen. */
    open: (slots: readonly number[]) => {
      const nowMs = wallMs();
      announcer.take(
        slots.map((slot) => ({
          state: "opened" as const,
          reason: "evidence" as const,
          signal: aSignal({
            slot,
            onsetMs: nowMs - ONSET_AGE_MS,
            decidedMs: nowMs,
            lastStepMs: nowMs,
          }),
        })),
      );
    },
    slowestMs: () => slowestMs,
    [Symbol.asyncDispose]: stop,
  };
}

async function temporaryFolder() {
  const path = await mkdtemp(join(tmpdir(), "tracer-outage-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

async function incidents({ pool }: TestDatabase) {
  const { rows } = await pool.query<{
    service: string;
    epoch: number;
    occurrences: number;
    onset_age_ms: number;
  }>(`select service, epoch, occurrences::int,
    extract(epoch from clock_timestamp() - onset_at)::float8 * 1000 as onset_age_ms
    from incidents order by length(service), service`);
  return rows;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

// Goal: an outage costs time and nothing else. Method: a real Postgres behind a proxy; signals are raised
// before, at its beginning and in its midst; they are counted when it is over.
test.each(["refuse", "blackHole", "cut"] satisfies FaultProxyMode[])(
  "%s for 6 s: what was seen meanwhile is an incident within 2 s of its end, once, with the right onset",
  async (mode) => {
    await using folder = await temporaryFolder();
    await using database = await createTestDatabase();
    await using proxy = await startFaultProxy({ target: database.connectionString });
    const connectionString = proxy.url;
    const path = join(folder.path, "spill.log");
    await using processor = await startProcessor({ connectionString, path });
    processor.open([0]);
    await expect.poll(async () => (await incidents(database)).length).toBe(1);

    await proxy.set(mode);
    const openedMs = performance.now();
    processor.open([1]);
    await pause(3_000); // The outage itself takes time.
    processor.open([2, 3]);
    await pause(3_000);
    const connections = proxy.connectionsTotal;
    await proxy.set("pass");
    const backMs = performance.now();
    const count = async () => (await incidents(database)).length;
    await expect.poll(count, { timeout: 10_000, interval: 20 }).toBe(4);
    expect(performance.now() - backMs).toBeLessThan(BACK_MS_MAX);
    // A statement that lay in a black hole is written when that ends, with the ages of before; then it is told again.
    const names = () => processor.observe.events.map(({ name }) => name);
    await expect.poll(names, { timeout: 5_000 }).toContain("spill_emptied");
    const rows = await incidents(database);
    expect(rows.map(({ epoch }) => epoch)).toEqual([1, 1, 1, 1]);
    const elapsedMs = performance.now() - openedMs;
    const offMs = (slot: number, sinceMs: number) =>
      Math.abs((rows[slot]?.onset_age_ms ?? 0) - ONSET_AGE_MS - sinceMs);
    const offMsMax = mode === "blackHole" ? 2_500 : 500; // Less than 2 s earlier is left as it is.
    expect(offMs(2, elapsedMs - 3_000)).toBeLessThan(offMsMax);
    expect(offMs(1, elapsedMs)).toBeLessThan(offMsMax);
    expect(processor.slowestMs()).toBeLessThan(CALL_MS_MAX);
    expect(connections).toBeLessThan(40); // It is not hammered: about two a second and the first ones.
  },
);

// Goal: nothing is lost when all die in an outage, and nothing is told twice when all replay it at once.
test("three processors saw the same 50 in an outage and died: their followers make 50 incidents of it", async () => {
  await using folder = await temporaryFolder();
  await using database = await createTestDatabase();
  await using proxy = await startFaultProxy({ target: database.connectionString });
  const slots = Array.from({ length: 50 }, (_, slot) => slot);
  const paths = ["a", "b", "c"].map((name) => join(folder.path, name));
  const start = (connectionString: string) =>
    Promise.all(paths.map((path) => startProcessor({ connectionString, path })));
  await proxy.set("refuse");
  for (const processor of await start(proxy.url)) {
    processor.open(slots);
    const names = () => processor.observe.events.map(({ name }) => name);
    await expect.poll(names, { timeout: 5_000 }).toContain("spill_begun");
    await processor[Symbol.asyncDispose]();
  }
  expect(await incidents(database)).toEqual([]);

  await using stack = new AsyncDisposableStack();
  const followers = await start(database.connectionString);
  for (const follower of followers) stack.use(follower);
  const emptied = () =>
    followers.filter(({ observe }) => observe.events.some(({ name }) => name === "spill_emptied"));
  await expect.poll(() => emptied().length, { timeout: 10_000 }).toBe(3);
  const rows = await incidents(database);
  expect(rows.map(({ service }) => service)).toEqual(slots.map((slot) => `service ${slot}`));
  expect(new Set(rows.map(({ epoch }) => epoch))).toEqual(new Set([1]));
  expect(new Set(rows.map(({ occurrences }) => occurrences))).toEqual(new Set([3]));
  const { rows: told } = await database.pool.query(
    "select action, count(*)::int from outbox group by 1",
  );
  expect(told).toEqual([{ action: "open", count: 50 }]);
});
