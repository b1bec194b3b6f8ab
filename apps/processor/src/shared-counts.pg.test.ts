import { createTestDatabase } from "@tracer/testkit";
import { describe, expect, test } from "vitest";
import { MOVE_MS } from "./shared-counts.ts";
import { SharedWorld } from "./shared-world.test-helper.ts";

/** Longer than clients may take to move, and the steps of that time to close. */
const SETTLED_SECONDS = MOVE_MS / 1_000 + 20;
/** Within this a silence, or most of one, is told of. */
const TOLD_SECONDS = 110;
const STOPPED = "checkout volume/drop open 1";

function aWorld(pool: ConstructorParameters<typeof SharedWorld>[0], ids: readonly string[]) {
  const world = new SharedWorld(pool);
  for (const id of ids) {
    world.start(id);
    for (let at = 0; at < 3; at += 1) world.connect(id, 0.05);
  }
  world.learn();
  return world;
}

// Goal: what a load balancer does is no fault of the service; a real stop is one incident, whoever dies meanwhile.
describe("a share of the traffic each", () => {
  test("one of two loses its clients to the other: nothing. All stop: one incident, which goes on when its teller dies", async () => {
    await using database = await createTestDatabase();
    const world = aWorld(database.pool, ["a", "b"]);
    await world.pass(SETTLED_SECONDS);
    for (const client of world.clients) client.to = "a";
    await world.pass(TOLD_SECONDS);
    expect(await world.incidents()).toEqual([]);

    world.silence();
    await world.pass(TOLD_SECONDS);
    expect(await world.incidents()).toEqual([STOPPED]);
    expect(world.openOf("a").some(({ kind }) => kind === "volume")).toBe(true);
    expect(world.openOf("b").some(({ kind }) => kind === "volume")).toBe(true);
    const [holder = "", ...others] = world.announcers();
    expect(others).toEqual([]);

    world.kill(holder);
    await world.pass(66); // Longer than twice the quiet period.
    expect(world.announcers()).toHaveLength(1);
    expect(await world.incidents()).toEqual([STOPPED]);
  });

  test("kill -9 of one of two, its clients come over within a minute: nothing", async () => {
    await using database = await createTestDatabase();
    const world = aWorld(database.pool, ["a", "b"]);
    for (const client of world.clients.slice(0, -2)) client.to = "a";
    await world.pass(SETTLED_SECONDS);
    world.kill("a");
    await world.pass(58);
    world.reconnect("b");
    await world.pass(TOLD_SECONDS);
    expect(await world.incidents()).toEqual([]);
    expect(world.announcers()).toEqual(["b"]);
  });

  test("…and when they do not come over at all: one incident", async () => {
    await using database = await createTestDatabase();
    const world = aWorld(database.pool, ["a", "b"]);
    for (const client of world.clients.slice(0, -2)) client.to = "a";
    await world.pass(SETTLED_SECONDS);
    world.kill("a");
    await world.pass(SETTLED_SECONDS);
    expect(await world.incidents()).toEqual([]);
    await world.pass(TOLD_SECONDS);
    expect(await world.incidents()).toEqual([STOPPED, "search volume/drop open 1"]);
  });

  test("a rolling restart of three: nothing, and then a stop is one incident", async () => {
    await using database = await createTestDatabase();
    const world = aWorld(database.pool, ["a", "b", "c"]);
    await world.pass(SETTLED_SECONDS);
    const [names, others] = [
      ["a", "b", "c"],
      new Map([
        ["a", "b"],
        ["b", "c"],
        ["c", "a2"],
      ]),
    ];
    for (const id of names) {
      const saved = await world.stop(id);
      await world.pass(4);
      world.reconnect(others.get(id) ?? "");
      await world.pass(6);
      world.start(`${id}2`, saved);
      for (const client of world.clients.slice(0, 6)) client.to = `${id}2`;
      await world.pass(20);
    }
    await world.pass(TOLD_SECONDS);
    expect(await world.incidents()).toEqual([]);
    expect(world.announcers()).toHaveLength(1);
    world.silence();
    await world.pass(TOLD_SECONDS);
    expect(await world.incidents()).toEqual([STOPPED]);
  });
});
