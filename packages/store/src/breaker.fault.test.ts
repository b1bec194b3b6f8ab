import { createTestDatabase, startFaultProxy } from "@tracer/testkit";
import { expect, test } from "vitest";
import { OPEN_MS } from "./breaker.ts";
import { run } from "./executor.ts";
import { openPool } from "./pool.ts";

const CALL_MS_MAX = 3_000;
const BACK_MS_MAX = 2_000;

/** How a call of the database ended, and after how long. */
async function timed(call: () => Promise<unknown>) {
  const startedMs = performance.now();
  const error = await call().then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return { ms: performance.now() - startedMs, error };
}

async function startWorld() {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await createTestDatabase());
  const proxy = stack.use(await startFaultProxy({ target: database.connectionString }));
  const pool = openPool({ connectionString: proxy.url, connectionsMax: 5 });
  stack.defer(() => pool.end());
  const ask = () => timed(() => run(pool, "select 1"));
  const owned = stack.move();
  return { database, proxy, pool, ask, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

test.each(["refuse", "blackHole"] as const)(
  "%s: no call hangs, most are refused at once, and it is noticed within 2 s that it is over",
  async (mode) => {
    await using world = await startWorld();
    await Promise.all(Array.from({ length: 5 }, world.ask)); // All connections are open.
    await world.proxy.set(mode);
    const endMs = performance.now() + 4_000;
    const ends: Awaited<ReturnType<typeof timed>>[] = [];
    // Twenty callers ask again and again, as API requests do: four for each connection.
    const callers = Array.from({ length: 20 }, async () => {
      while (performance.now() < endMs) {
        ends.push(await world.ask());
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    });
    await Promise.all(callers);
    for (const { ms, error } of ends) {
      expect(error).toMatchObject({ code: "DATABASE_UNAVAILABLE" });
      expect(ms).toBeLessThan(CALL_MS_MAX);
    }
    const atOnce = ends.filter(({ ms }) => ms < 50).length;
    expect(atOnce / ends.length).toBeGreaterThan(0.7);
    expect(world.proxy.connectionsTotal).toBeLessThan(40);

    await world.proxy.set("pass");
    const backMs = performance.now();
    await expect.poll(async () => (await world.ask()).error, { interval: 20 }).toBeNull();
    expect(performance.now() - backMs).toBeLessThan(BACK_MS_MAX);
  },
);

test("a row that another session holds, and statements that are refused, open nothing", async () => {
  await using world = await startWorld();
  const { database, pool } = world;
  await using stack = new AsyncDisposableStack();
  await database.pool.query("create table held (id int)");
  await database.pool.query("insert into held values (1)");
  const blocker = await database.pool.connect();
  stack.defer(() => blocker.release(true));
  await blocker.query("set idle_in_transaction_session_timeout = 0");
  await blocker.query("begin");
  await blocker.query("select * from held for update");
  const update = () => timed(() => run(pool, "update held set id = 2"));
  for (const { error } of await Promise.all(Array.from({ length: 4 }, update))) {
    expect(error).not.toBeNull(); // The lock's time-out, or behind another one that waits, the statement's.
  }
  expect((await world.ask()).error).toBeNull();
  for (let count = 0; count < 4; count += 1) {
    const { error } = await timed(() => run(pool, "select from nowhere"));
    expect(error).toMatchObject({ code: "42P01" });
  }
  const sleep = () => timed(() => run(pool, "select pg_sleep(10)"));
  for (const { error } of await Promise.all(Array.from({ length: 4 }, sleep))) {
    expect(error).toMatchObject({ code: "DATABASE_UNAVAILABLE" }); // The server's own time-out.
  }
  expect((await world.ask()).error).toBeNull();
});

test("after its pause one question goes to the database, whoever asks", async () => {
  await using world = await startWorld();
  await world.proxy.set("refuse");
  const refused = async () => String((await world.ask()).error).includes("not asked for");
  await expect.poll(refused, { interval: 100, timeout: 5_000 }).toBe(true);
  await world.proxy.set("cut");
  const before = world.proxy.connectionsTotal;
  await new Promise((resolve) => setTimeout(resolve, OPEN_MS)); // The pause is real time.
  await Promise.all(Array.from({ length: 20 }, world.ask));
  expect(world.proxy.connectionsTotal - before).toBe(1);
});

test("a process that stalls while it connects: its calls time out together, and the database is asked on", async () => {
  await using world = await startWorld();
  const stalled = Array.from({ length: 5 }, world.ask);
  // Longer than a connection may take: the time-outs run before the answers that have long come are read.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_600);
  const ends = await Promise.all(stalled);
  expect(ends.filter(({ error }) => error !== null).length).toBeGreaterThanOrEqual(3);
  expect((await world.ask()).error).toBeNull();
});
