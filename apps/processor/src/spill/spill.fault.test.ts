import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TracerError } from "@tracer/core";
import { expect, test } from "vitest";
import { Announcer } from "../announcer.ts";
import { aSignal, recordingObserve } from "../fixtures.test-helper.ts";
import { readSpillRecords, recordOf, SPILL_VERSION, spillRecord } from "./codec.ts";
import { replaySpill } from "./replay.ts";
import { BLOCKED_MS, COMPACT_PAUSE_MS, SPILL_BYTES_MAX, Spill } from "./spill.ts";
import { aState } from "./states.test-helper.ts";

interface WorldOptions {
  readonly path?: string;
  readonly size?: number;
  readonly bytesMax?: number;
}

/** An announcer whose database can be away, and its spill file in a folder of its own. */
async function startWorld(options: WorldOptions = {}) {
  const folder = await mkdtemp(join(tmpdir(), "tracer-spill-"));
  const { path = join(folder, "spill.log"), size = 0, bytesMax = SPILL_BYTES_MAX } = options;
  const state = { nowMs: 2_000_000, away: false, sighted: [] as string[] };
  const observe = recordingObserve();
  const announcer = new Announcer({
    staleSeconds: 900,
    sightSeconds: 10,
    receiptMs: () => state.nowMs - 960_000,
    monotonicMs: () => state.nowMs,
    keyOf: (slot) => ({ project: "default", environment: "prod", service: `service ${slot}` }),
    linesOf: () => ["card declined"],
    sight: async (sightings) => {
      if (state.away) throw new TracerError("DATABASE_UNAVAILABLE", "away");
      state.sighted.push(...sightings.map(({ key }) => key.service));
      return [];
    },
    clear: async () => {},
    observe,
    onWritten: () => {},
  });
  const monotonicMs = () => state.nowMs;
  const spill = new Spill({ path, size, bytesMax, announcer, monotonicMs, observe });
  /** Signals of these slots are seen, and the database is asked to take them. */
  const sight = async (slots: readonly number[]) => {
    const reason = "evidence" as const;
    announcer.take(
      slots.map((slot) => ({ state: "opened" as const, reason, signal: aSignal({ slot }) })),
    );
    await announcer.flush().catch(() => {});
  };
  /** The database has been away for a while, and then the spill has its turn. */
  const round = async () => {
    state.nowMs += BLOCKED_MS;
    await spill.round();
  };
  const kept = async () => readSpillRecords(await readFile(path));
  const names = () => observe.events.map(({ name }) => name);
  return {
    ...{ path, state, observe, announcer, spill, sight, round, kept, names },
    [Symbol.asyncDispose]: async () => {
      await spill.close();
      await rm(folder, { recursive: true });
    },
  };
}

const slots = (count: number, from = 0) => Array.from({ length: count }, (_, slot) => from + slot);

test("with the database there is no file; away, it holds what waits; back, it is emptied after the commit", async () => {
  await using world = await startWorld();
  await world.sight([1]);
  await world.round();
  await expect(stat(world.path)).rejects.toThrow("ENOENT");

  world.state.away = true;
  await world.sight([2, 3]);
  await world.round();
  const services = (await world.kept()).states.map(({ key }) => key.service);
  expect(services).toEqual(["service 2", "service 3"]);
  expect((await stat(world.path)).mode & 0o777).toBe(0o600);

  world.state.away = false;
  await world.round(); // Nothing was committed yet.
  expect((await world.kept()).records).toBe(2);
  await world.announcer.flush();
  await world.spill.round();
  expect((await stat(world.path)).size).toBe(0);
  expect(world.state.sighted).toEqual(["service 1", "service 2", "service 3"]);
  expect(world.names().filter((name) => name.startsWith("spill"))).toEqual([
    "spill_begun",
    "spill_emptied",
  ]);
});

test("a database that has only just been asked is not away", async () => {
  await using world = await startWorld();
  world.state.away = true;
  await world.sight([1]);
  world.state.nowMs += BLOCKED_MS - 1;
  await world.spill.round();
  await expect(stat(world.path)).rejects.toThrow("ENOENT");
  world.state.nowMs += 1;
  await world.spill.round();
  expect((await world.kept()).records).toBe(1);
});

test("only what changed is added", async () => {
  await using world = await startWorld();
  world.state.away = true;
  await world.sight(slots(10));
  await world.round();
  const { size } = await stat(world.path);
  await world.round();
  expect((await stat(world.path)).size).toBe(size);
  world.announcer.sight([aSignal({ slot: 4, lastStepMs: aSignal().lastStepMs + 10_000 })]);
  await world.round();
  const { records, states } = await world.kept();
  expect(records).toBe(11);
  expect(states[4]).toMatchObject({ key: { service: "service 4" }, occurrences: 2 });
});

test("full, it is written anew with the newest of each; what then fits is kept", async () => {
  const bytes = spillRecord(aState()).length;
  await using world = await startWorld({ bytesMax: 40 * bytes });
  world.state.away = true;
  await world.sight(slots(10));
  for (let step = 1; step <= 20; step += 1) {
    const lastStepMs = aSignal().lastStepMs + step * 10_000;
    world.announcer.sight(slots(10).map((slot) => aSignal({ slot, lastStepMs })));
    world.state.nowMs += COMPACT_PAUSE_MS;
    await world.spill.round();
    expect((await stat(world.path)).size).toBeLessThanOrEqual(40 * bytes);
    const { states, damaged } = await world.kept();
    expect(states.map(({ occurrences }) => occurrences)).toEqual(Array(10).fill(step + 1));
    expect(damaged).toBe(0);
  }
  expect(world.names()).not.toContain("spill_dropped");
});

test("what does not fit even so is counted, said once, and still in memory", async () => {
  const bytesMax = 5 * spillRecord(aState()).length;
  await using world = await startWorld({ bytesMax });
  world.state.away = true;
  await world.sight(slots(8));
  await world.round();
  const { size } = await stat(world.path);
  expect(size).toBeLessThanOrEqual(bytesMax);
  const { records } = await world.kept();
  expect(records).toBeGreaterThanOrEqual(4);
  const dropped = () =>
    world.observe.events.flatMap((event) => (event.name === "spill_dropped" ? [event] : []));
  expect(dropped()).toEqual([
    { name: "spill_dropped", reason: "full", count: 8 - records, isFirst: true },
  ]);
  await world.sight([8]);
  world.state.nowMs += COMPACT_PAUSE_MS;
  await world.spill.round();
  expect(dropped().slice(1)).toMatchObject([{ reason: "full", count: 1, isFirst: false }]);
  world.state.away = false;
  await world.announcer.flush();
  expect(world.state.sighted).toHaveLength(9);
});

test("it is not written anew each time there is no room", async () => {
  const bytesMax = 5 * spillRecord(aState()).length;
  await using world = await startWorld({ bytesMax });
  world.state.away = true;
  await world.sight(slots(8));
  await world.round();
  const { ino } = await stat(world.path);
  await world.sight([20]);
  world.state.nowMs += COMPACT_PAUSE_MS - 1;
  await world.spill.round();
  expect((await stat(world.path)).ino).toBe(ino);
  world.state.nowMs += 1;
  await world.spill.round();
  expect((await stat(world.path)).ino).not.toBe(ino);
});

test("a disk that is full is said once and counted; what waits is told all the same", async () => {
  await using world = await startWorld({ path: "/dev/full" });
  world.state.away = true;
  await world.sight(slots(3));
  await world.round();
  await world.round();
  await world.sight([3]);
  await world.round();
  const said = world.names().filter((name) => name === "spill_failed");
  expect(said).toHaveLength(1);
  const counts = world.observe.events.map((event) =>
    event.name === "spill_dropped" && event.reason === "disk" ? event.count : 0,
  );
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(4);
  world.state.away = false;
  await world.announcer.flush();
  await world.spill.round();
  expect(world.state.sighted).toHaveLength(4);
});

test("when there is room again everything that waits is kept", async () => {
  await using world = await startWorld();
  await mkdir(world.path); // Nothing can be written there.
  world.state.away = true;
  await world.sight(slots(3));
  await world.round();
  expect(world.names()).toContain("spill_failed");
  await rm(world.path, { recursive: true });
  await world.round();
  expect((await world.kept()).records).toBe(3);
  expect(world.names().at(-1)).toBe("spill_recovered");
});

test("the end: what still waits is kept; if nothing does, nothing is left behind", async () => {
  await using world = await startWorld();
  world.state.away = true;
  await world.sight([1]);
  await world.spill.close(); // Before it was its turn.
  expect((await world.kept()).records).toBe(1);
});

test("read again: what was kept, with what is wrong with it; a file of a newer version is kept aside", async () => {
  await using world = await startWorld();
  const { path, observe } = world;
  expect(await replaySpill({ path, observe })).toEqual({ states: [], size: 0 });
  const bytes = Buffer.concat([spillRecord(aState()), spillRecord(aState()).subarray(0, 50)]);
  await writeFile(path, bytes);
  const replay = await replaySpill({ path, observe });
  expect(replay).toMatchObject({ states: [{ occurrences: 1 }], size: bytes.length });
  expect(observe.events).toEqual([
    { name: "spill_replayed", path, signals: 1, records: 1, damaged: 1 },
  ]);
  expect(await readFile(path)).toEqual(bytes); // Until it is committed.

  const newer = Buffer.concat([bytes, recordOf(SPILL_VERSION + 1, Buffer.from("{}"))]);
  await writeFile(path, newer);
  expect(await replaySpill({ path, observe })).toMatchObject({ states: [{}], size: 0 });
  expect(await readdir(join(path, ".."))).toEqual(["spill.log.bad"]);
});

test("a file that cannot be read, or is longer than we write, is not the end", async () => {
  await using world = await startWorld();
  const { path, observe } = world;
  const record = spillRecord(aState());
  await writeFile(path, Buffer.concat([record, record, record]));
  const bytesMax = 2 * record.length + 10;
  expect(await replaySpill({ path, observe, bytesMax })).toMatchObject({ size: bytesMax });
  expect(observe.events.at(-1)).toMatchObject({ records: 2, damaged: 1 });
  await rm(path);
  await mkdir(path);
  expect(await replaySpill({ path, observe })).toEqual({ states: [], size: 0 });
  expect(observe.events.at(-1)).toMatchObject({ name: "spill_failed" });
});

test("what is added behind a torn tail is read", async () => {
  await using first = await startWorld();
  const torn = Buffer.concat([spillRecord(aState()), spillRecord(aState()).subarray(0, 50)]);
  await writeFile(first.path, torn);
  await using world = await startWorld({ path: first.path, size: torn.length });
  world.state.away = true;
  await world.sight([1]);
  await world.round();
  const { states, damaged } = await world.kept();
  expect(states.map(({ key }) => key.service)).toEqual(["checkout", "service 1"]);
  expect(damaged).toBe(1);
});
