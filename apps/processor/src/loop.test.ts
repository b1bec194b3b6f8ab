import { TracerError } from "@tracer/core";
import { expect, test } from "vitest";
import { recordingObserve } from "./fixtures.test-helper.ts";
import { startLoop } from "./loop.ts";

/** Lets everything that is ready run. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test("woken, it does not wait for its pause; woken during a round, it goes round once more", async () => {
  let rounds = 0;
  let finish: () => void = () => {};
  const observe = recordingObserve();
  const loop = startLoop({ name: "test", idleMs: 3_600_000, observe }, async () => {
    rounds += 1;
    if (rounds === 2) await new Promise<void>((resolve) => (finish = resolve));
  });
  await turn();
  expect(rounds).toBe(1);
  loop.wake();
  await turn();
  expect(rounds).toBe(2);
  loop.wake();
  finish();
  await turn();
  expect(rounds).toBe(3);
  await loop[Symbol.asyncDispose]();
  expect(rounds).toBe(3);
});

test("a failing round is said once, tried again, and its recovery is said", async () => {
  let failures = 2;
  const observe = recordingObserve();
  const loop = startLoop({ name: "test", idleMs: 1, observe }, () => {
    failures -= 1;
    if (failures >= 0) throw new Error("away");
  });
  const names = () => observe.events.map(({ name }) => name);
  await expect.poll(names, { timeout: 5_000 }).toEqual(["loop_failed", "loop_recovered"]);
  await loop[Symbol.asyncDispose]();
});

test("a database that is away is asked again soon, however slow the loop is", async () => {
  let failures = 1;
  const observe = recordingObserve();
  const loop = startLoop({ name: "test", idleMs: 3_600_000, observe }, () => {
    failures -= 1;
    if (failures >= 0) throw new TracerError("DATABASE_UNAVAILABLE", "away");
  });
  const names = () => observe.events.map(({ name }) => name);
  await expect.poll(names, { timeout: 1_000 }).toEqual(["loop_failed", "loop_recovered"]);
  await loop[Symbol.asyncDispose]();
});

test("disposing waits for the round in hand", async () => {
  const order: string[] = [];
  let finish: () => void = () => {};
  const loop = startLoop({ name: "test", idleMs: 1, observe: recordingObserve() }, async () => {
    await new Promise<void>((resolve) => (finish = resolve));
    order.push("round");
  });
  await turn();
  const disposed = loop[Symbol.asyncDispose]().then(() => order.push("disposed"));
  finish();
  await disposed;
  expect(order).toEqual(["round", "disposed"]);
});
