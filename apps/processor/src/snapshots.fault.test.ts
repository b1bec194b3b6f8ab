import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, CountDeltas } from "@tracer/core";
import { describe, expect, test } from "vitest";
import { readConfig } from "./config.ts";
import { recordingObserve } from "./fixtures.test-helper.ts";
import type { PendingState } from "./pending-state.ts";
import { FRAME_BYTES_MAX, readSnapshot, writeSnapshot } from "./snapshot-file.ts";
import {
  createState,
  type DetectorState,
  framesOf,
  LOOK_MS,
  openSnapshotPlace,
  restoreState,
  SLOT_FOLDERS_MAX,
  startSnapshots,
} from "./snapshots.ts";
import { teach } from "./templates.test-helper.ts";
import type { TracerEvent } from "./tracer-event.ts";

const NOON_MS = Date.UTC(2026, 0, 5, 12);
const HOUR_MS = 3_600_000;

/** An empty folder, what was observed, and a clock that stands. */
async function aWorld(environment: Record<string, string> = {}) {
  const folder = await mkdtemp(join(tmpdir(), "tracer-snapshots-"));
  const observe = recordingObserve();
  const { events } = observe;
  const time = { ms: 0 };
  const clock: Clock = { monotonicMs: () => time.ms, wallMs: () => NOON_MS + time.ms };
  return {
    ...{ folder, events, observe, time, clock },
    path: join(folder, "detector.snapshot"),
    config: readConfig({ DATA_DIR: folder, ...environment }),
    named: (name: TracerEvent["name"]) => events.filter((event) => event.name === name),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** `services` services with an hour behind them, at noon. */
function aState(config: ReturnType<typeof readConfig>, services = 3): DetectorState {
  const state = createState(config);
  const deltas = new CountDeltas();
  for (let service = 0; service < services; service += 1) {
    const key = { project: "default", environment: "prod", service: `service-${service}` };
    const slot = state.directory.intern(key);
    for (let atMs = NOON_MS - HOUR_MS; atMs < NOON_MS; atMs += 10_000) {
      deltas.add(slot, atMs, 2, Number.NaN, 10 + service);
    }
  }
  state.detector.observe(deltas, NOON_MS);
  state.detector.tick(NOON_MS);
  state.detector.takeTransitions();
  return state;
}

function knowledgeOf({ directory, detector }: DetectorState) {
  const slots = Array.from({ length: directory.slotEnd }, (_, slot) => slot);
  return slots.map((slot) => [directory.key(slot), detector.explain(slot)]);
}

test("written and restored: the same services, the same knowledge; nothing else lies around", async () => {
  await using world = await aWorld();
  const { path, config, observe } = world;
  const state = aState(config, 1_500); // More than a block.
  await writeSnapshot(path, framesOf(state));
  const restored = await restoreState({ config, path, receiptMs: NOON_MS + 5_000, observe });
  expect(knowledgeOf(restored)).toEqual(knowledgeOf(state));
  expect(world.events).toMatchObject([
    { name: "snapshot_restored", services: 1_500, openSignals: 0, gapSeconds: 5 },
  ]);
  expect(await readdir(world.folder)).toEqual(["detector.snapshot"]);
});

test("what waits for the database is kept with it, also when the detector's state is outdated", async () => {
  await using world = await aWorld();
  const key = { project: "default", environment: "", service: "gone", part: "" };
  const waiting: PendingState[] = [
    {
      key: { ...key, kind: "error" },
      ...{ sighting: null, exemplars: ["a line"], hasNewText: true, occurrences: 3, clear: true },
    },
  ];
  await writeSnapshot(
    world.path,
    framesOf(aState(world.config), () => waiting),
  );
  for (const gapMs of [5_000, 100 * 24 * HOUR_MS]) {
    const { pending } = await restoreState({ ...world, receiptMs: NOON_MS + gapMs });
    expect(pending).toEqual(waiting);
  }
  // Also by a process that has seen nothing but what the one before it left.
  await writeSnapshot(
    world.path,
    framesOf(createState(world.config), () => waiting),
  );
  expect((await restoreState({ ...world, receiptMs: NOON_MS })).pending).toEqual(waiting);
  await writeSnapshot(world.path, [
    ...framesOf(aState(world.config)),
    { kind: "pending", bytes: new TextEncoder().encode("[{}]") },
  ]);
  expect((await restoreState({ ...world, receiptMs: NOON_MS })).pending).toEqual([]);
  expect(world.named("snapshot_refused")).toHaveLength(1);
});

test("the kinds of message are remembered, and a new one that is open is still open", async () => {
  await using world = await aWorld();
  const { path, config, observe } = world;
  const state = aState(config);
  teach(state.templates, 1, NOON_MS);
  state.templates.add(1, NOON_MS, 4, "disk quota exceeded");
  state.templates.settle(() => NOON_MS + 10_000);
  state.templates.takeTransitions();
  await writeSnapshot(path, framesOf(state));
  const restored = await restoreState({ config, path, receiptMs: NOON_MS + 15_000, observe });
  expect(restored.templates.openSignals()).toEqual(state.templates.openSignals());
  expect(restored.templates.openSignals()).toHaveLength(1);
  const later = await restoreState({ config, path, receiptMs: NOON_MS + HOUR_MS, observe });
  expect(later.templates.openSignals()).toEqual([]); // Nobody knows how it went on.
  expect(later.templates.stateOf(1)).toBe("ok");
});

test("a snapshot without templates, as an earlier version wrote it, is restored; they are learned anew", async () => {
  await using world = await aWorld();
  const state = aState(world.config);
  teach(state.templates, 1, NOON_MS);
  const earlier = [...framesOf(state)].filter(({ kind }) => kind !== "templates");
  await writeSnapshot(world.path, earlier);
  const restored = await restoreState({ ...world, receiptMs: NOON_MS });
  expect(restored.directory.size).toBe(3);
  expect(restored.templates.slots()).toEqual([]);
});

test("no snapshot: a detector that knows nothing, and nothing is said", async () => {
  await using world = await aWorld();
  const state = await restoreState({ ...world, receiptMs: NOON_MS });
  expect(state.directory.size).toBe(0);
  expect(world.events).toEqual([]);
});

describe("a file that cannot be used is kept aside, and the start is a clean one", () => {
  const flip = (bytes: Buffer, at: number) => {
    bytes[at] = (bytes[at] ?? 0) ^ 0x10;
    return bytes;
  };
  test.each<[string, RegExp, (good: Buffer) => Buffer]>([
    ["empty", /cut off/, () => Buffer.alloc(0)],
    ["something else", /no snapshot of Tracer/, () => Buffer.from("x".repeat(4_000))],
    ["a byte changed in the head", /checksum/, (good) => flip(good, 60)],
    ["a byte changed in the middle", /checksum/, (good) => flip(good, good.length >> 1)],
    ["a checksum changed", /checksum/, (good) => flip(good, 36)],
    ["cut in the middle", /cut off/, (good) => good.subarray(0, good.length >> 1)],
    ["cut before its end", /cut off/, (good) => good.subarray(0, good.length - 16)],
    ["longer than it should be", /after its end/, (good) => Buffer.concat([good, good])],
    ["of a newer Tracer", /version 17,/, (good) => flip(good, 16)],
    ["of another byte order", /another kind of machine/, (good) => flip(good, 20)],
    [
      "a part longer than any",
      /too large/,
      (good) => {
        good.writeUInt32LE(FRAME_BYTES_MAX + 1, 28);
        return good;
      },
    ],
  ])("%s", async (_, reason, spoil) => {
    await using world = await aWorld();
    const { path, config } = world;
    await writeFile(`${path}.bad`, "an older one");
    await writeSnapshot(path, framesOf(aState(config)));
    const spoilt = spoil(await readFile(path));
    await writeFile(path, spoilt);

    const state = await restoreState({ ...world, receiptMs: NOON_MS });
    expect(state.directory.size).toBe(0);
    expect(state.detector.slotEnd).toBe(0);
    expect(world.events).toMatchObject([{ name: "snapshot_refused", keptAs: `${path}.bad` }]);
    expect(world.events[0]).toMatchObject({ reason: expect.stringMatching(reason) });
    expect(await readdir(world.folder)).toEqual(["detector.snapshot.bad"]);
    expect(await readFile(`${path}.bad`)).toEqual(spoilt);
  });

  test("a folder in its place", async () => {
    await using world = await aWorld();
    await mkdir(world.path);
    const state = await restoreState({ ...world, receiptMs: NOON_MS });
    expect(state.directory.size).toBe(0);
    expect(world.named("snapshot_refused")).toHaveLength(1);
  });

  test("frames without a head, or with two", async () => {
    await using world = await aWorld();
    const frames = [...framesOf(aState(world.config))];
    for (const wrong of [frames.slice(1), [...frames.slice(0, 1), ...frames]]) {
      await writeSnapshot(world.path, wrong);
      await restoreState({ ...world, receiptMs: NOON_MS });
    }
    expect(world.named("snapshot_refused")).toHaveLength(2);
  });

  test("SERIES_MAX is smaller now", async () => {
    await using world = await aWorld({ SERIES_MAX: "2" });
    const before = aState(readConfig({}), 3);
    await writeSnapshot(world.path, framesOf(before));
    await restoreState({ ...world, receiptMs: NOON_MS });
    const [event] = world.events;
    expect(event).toMatchObject({ reason: expect.stringContaining("SERIES_MAX") });
  });
});

test("a snapshot of 48 hours ago is used, an older one is not", async () => {
  await using world = await aWorld();
  await writeSnapshot(world.path, framesOf(aState(world.config)));
  const at = NOON_MS + 48 * HOUR_MS;
  expect((await restoreState({ ...world, receiptMs: at })).directory.size).toBe(3);
  expect((await restoreState({ ...world, receiptMs: at + 1 })).directory.size).toBe(0);
  expect(world.named("snapshot_outdated")).toHaveLength(1);
});

test("a writer that dies in the middle leaves the old snapshot as it was", async () => {
  await using world = await aWorld();
  const { path, config } = world;
  await writeSnapshot(path, framesOf(aState(config)));
  const good = await readFile(path);
  function* dying() {
    yield* framesOf(aState(config));
    throw new Error("died");
  }
  await expect(writeSnapshot(path, dying())).rejects.toThrow("died");
  expect(await readFile(path)).toEqual(good);
  await writeFile(`${path}.tmp`, "what a killed writer left"); // As kill -9 does.
  await writeSnapshot(path, framesOf(aState(config, 4)));
  expect(await readdir(world.folder)).toEqual(["detector.snapshot"]);
  expect((await restoreState({ ...world, receiptMs: NOON_MS })).directory.size).toBe(4);
});

describe("a disk that does not take it", () => {
  /** Starts, lets the first snapshot fall due, and waits until that has failed. */
  async function failing(world: Awaited<ReturnType<typeof aWorld>>) {
    const state = aState(world.config);
    const snapshots = startSnapshots({ ...world, state, snapshotSeconds: 30 });
    world.time.ms += 30_000;
    const failed = () => world.named("snapshot_failed").length > 0;
    await expect.poll(failed, { timeout: 5_000 }).toBe(true);
    return snapshots;
  }

  test("is reported once, not at every try", async () => {
    await using world = await aWorld();
    await mkdir(world.path); // Nobody, root neither, can rename a file over a folder.
    const snapshots = await failing(world);
    await snapshots[Symbol.asyncDispose](); // Tries once more.
    expect(world.events).toMatchObject([{ name: "snapshot_failed", path: world.path }]);
  });

  test("and so is its end, when there is room again", async () => {
    await using world = await aWorld();
    await symlink("/dev/full", `${world.path}.tmp`);
    const snapshots = await failing(world);
    expect(world.events).toMatchObject([{ error: { code: "ENOSPC" } }]);
    expect(await readdir(world.folder)).toEqual([]); // What was written in part makes room.
    await snapshots[Symbol.asyncDispose]();
    expect(world.named("snapshot_recovered")).toEqual([
      { name: "snapshot_recovered", failures: 1 },
    ]);
    const frames = await Array.fromAsync(readSnapshot(world.path));
    expect(frames.map(({ kind }) => kind)).toEqual(["head", "names", "slots"]);
  });
});

test("a snapshot is written each SNAPSHOT_SECONDS, and not before", async () => {
  await using world = await aWorld();
  const { time, named } = world;
  const state = aState(world.config);
  const snapshots = startSnapshots({ ...world, state, snapshotSeconds: 30 });
  for (let written = 1; written <= 2; written += 1) {
    time.ms += 29_999;
    await new Promise((resolve) => setTimeout(resolve, 2 * LOOK_MS));
    expect(named("snapshot_written")).toHaveLength(written - 1);
    time.ms += 1;
    await expect.poll(() => named("snapshot_written").length, { timeout: 5_000 }).toBe(written);
  }
  await snapshots[Symbol.asyncDispose]();
  expect(named("snapshot_written")).toHaveLength(3); // And once at the end.
});

describe("the place", () => {
  const shared = { DATABASE_URL: "postgres://tracer@127.0.0.1:1/tracer" };

  test("embedded: the data folder itself", async () => {
    await using world = await aWorld();
    using place = await openSnapshotPlace(world.config, world.observe);
    expect(place.path).toBe(world.path);
  });

  test("with DATABASE_URL: the lowest folder that no other process has", async () => {
    await using world = await aWorld(shared);
    const { config, observe, folder } = world;
    const place = async () => openSnapshotPlace(config, observe);
    const inSlot = (slot: number) => join(folder, `slot-${slot}`, "detector.snapshot");
    const first = await place();
    using second = await place();
    expect([first.path, second.path]).toEqual([inSlot(0), inSlot(1)]);
    first[Symbol.dispose]();
    using third = await place();
    expect(third.path).toBe(inSlot(0));
    expect(world.events).toEqual([]);
  });

  test("as many processes as there are folders have one; the next runs without, and says so", async () => {
    await using world = await aWorld(shared);
    using stack = new DisposableStack();
    const paths = new Set<string | null>();
    for (let each = 0; each < SLOT_FOLDERS_MAX; each += 1) {
      paths.add(stack.use(await openSnapshotPlace(world.config, world.observe)).path);
    }
    expect(paths.size).toBe(SLOT_FOLDERS_MAX);
    expect(world.events).toEqual([]);
    expect((await openSnapshotPlace(world.config, world.observe)).path).toBeNull();
    expect(world.named("snapshots_off")).toHaveLength(1);
  });

  test("a data folder that cannot be used: without snapshots, and said", async () => {
    await using world = await aWorld(shared);
    await rm(world.folder, { recursive: true });
    await writeFile(world.folder, "a file, so that no user may make a folder in it");
    using place = await openSnapshotPlace(world.config, world.observe);
    expect(place.path).toBeNull();
    expect(world.events).toMatchObject([
      { name: "snapshots_off", reason: expect.stringContaining("cannot be used") },
    ]);
    const snapshots = startSnapshots({
      ...{ ...world, path: place.path, snapshotSeconds: 1 },
      state: await restoreState({ ...world, path: place.path, receiptMs: NOON_MS }),
    });
    await snapshots[Symbol.asyncDispose]();
    expect(world.events).toHaveLength(1);
  });
});
