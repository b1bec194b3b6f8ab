import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockFolder } from "@tracer/store";
import { expect, test } from "vitest";
import { type ToldState, toldPath, writeTold } from "../database-told.ts";
import { recordingObserve } from "../fixtures.test-helper.ts";
import type { PendingState } from "../pending-state.ts";
import { spillRecord } from "./codec.ts";
import { adoptOrphans, ORPHAN_MS_MIN } from "./orphans.ts";
import { aState } from "./states.test-helper.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 12);

/** A DATA_DIR with three slots, of which slot-0 is ours. */
async function startWorld() {
  const dataDir = await mkdtemp(join(tmpdir(), "tracer-orphans-"));
  const state = { adopted: [] as PendingState[], inherited: [] as ToldState[], isKept: true };
  const observe = recordingObserve();
  const spill = (slot: number) => join(dataDir, `slot-${slot}`, "spill.log");
  for (let slot = 0; slot < 3; slot += 1) await mkdir(join(dataDir, `slot-${slot}`));
  const touch = (path: string, ageMs: number) =>
    utimes(path, (NOW_MS - ageMs) / 1e3, (NOW_MS - ageMs) / 1e3);
  return {
    ...{ dataDir, state, observe, spill, touch },
    leave: async (slot: number, service: string, ageMs = ORPHAN_MS_MIN) => {
      await writeFile(spill(slot), spillRecord(aState({ service })));
      await touch(spill(slot), ageMs);
    },
    look: () =>
      adoptOrphans({
        folder: join(dataDir, "slot-0"),
        wallMs: () => NOW_MS,
        adopt: async (states) => {
          state.adopted.push(...states);
          return state.isKept;
        },
        inherit: async (told) => void state.inherited.push(told),
        observe,
      }),
    services: () => state.adopted.map(({ key }) => key.service),
    [Symbol.asyncDispose]: () => rm(dataDir, { recursive: true }),
  };
}

test("what dead processes left is taken over once; of one that lives, or has only just died, nothing, nor our own", async () => {
  await using world = await startWorld();
  await world.leave(0, "ours");
  await world.leave(1, "fresh", ORPHAN_MS_MIN - 1_000);
  await world.leave(2, "orphan");
  const locked = await lockFolder(join(world.dataDir, "slot-2"));
  await world.look();
  expect(world.services()).toEqual([]);
  locked[Symbol.dispose]();
  await world.look();
  await world.look();
  expect(world.services()).toEqual(["orphan"]);
  expect((await readFile(world.spill(2))).length).toBe(0);
  await world.touch(world.spill(1), ORPHAN_MS_MIN);
  await world.look();
  expect(world.services()).toEqual(["orphan", "fresh"]);
  expect((await readFile(world.spill(0))).length).toBeGreaterThan(0);
  (await lockFolder(join(world.dataDir, "slot-2")))[Symbol.dispose](); // It is free again.
});

test("what cannot be kept here stays where it is", async () => {
  await using world = await startWorld();
  await world.leave(1, "orphan");
  world.state.isKept = false;
  await world.look();
  expect((await readFile(world.spill(1))).length).toBeGreaterThan(0);
});

test("whom a dead process has told of the database is told its end by another, once", async () => {
  await using world = await startWorld();
  const told = { sinceMs: 1, told: [{ channel: "slack", receipt: { ts: "1" }, isSure: true }] };
  const path = toldPath(join(world.dataDir, "slot-1"));
  await writeTold(path, told);
  await world.touch(path, ORPHAN_MS_MIN);
  await world.look();
  await world.look();
  expect(world.state.inherited).toEqual([told]);
  await writeFile(path, "{");
  await world.touch(path, ORPHAN_MS_MIN);
  await world.look(); // What cannot be read is nothing.
  expect(world.state.inherited).toHaveLength(1);
});
