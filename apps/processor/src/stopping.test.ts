import { expect, test, vi } from "vitest";
import { recordingObserve } from "./fixtures.test-helper.ts";
import { SLOW_MS, Starting } from "./starting.ts";
import { STOP_MS, StopClock, type StopPart } from "./stopping.ts";

const PARTS: readonly StopPart[] = [
  ...(["write", "send", "settle", "retire", "snapshot", "close", "exit"] as const),
];

function world() {
  vi.useFakeTimers();
  const observe = recordingObserve();
  const clock = new StopClock(() => performance.now(), observe);
  return { observe, clock, [Symbol.dispose]: () => void vi.useRealTimers() };
}

test("each part of a stop ends after the one before it, and the last before the process is killed", () => {
  const ends = PARTS.map((part) => STOP_MS[part]);
  expect(ends).toEqual(ends.toSorted((one, other) => one - other));
  expect(new Set(ends).size).toBe(ends.length);
  expect(STOP_MS.exit).toBeLessThan(10_000);
});

test("the time of all parts runs from the first that was asked for", () => {
  using stop = world();
  vi.advanceTimersByTime(60_000);
  expect(stop.clock.leftMs("send")).toBe(STOP_MS.send);
  vi.advanceTimersByTime(STOP_MS.send - 1);
  expect(stop.clock.leftMs("send")).toBe(1);
  vi.advanceTimersByTime(1_000);
  expect(stop.clock.leftMs("send")).toBe(0);
  expect(stop.clock.leftMs("settle")).toBe(STOP_MS.settle - STOP_MS.send - 999);
});

test("work that ends in time is waited for, and nothing is said", async () => {
  using stop = world();
  const work = new Promise<void>((resolve) => setTimeout(resolve, STOP_MS.write - 1));
  const ended = stop.clock.within("write", work);
  await vi.advanceTimersByTimeAsync(STOP_MS.write);
  await ended;
  expect(stop.observe.events).toEqual([]);
});

test("work that hangs is left alone when its time is over, which is said; that it fails later hurts nobody", async () => {
  using stop = world();
  const work = Promise.withResolvers<void>();
  const ended = stop.clock.within("close", work.promise);
  await vi.advanceTimersByTimeAsync(STOP_MS.close);
  await ended;
  expect(stop.observe.events).toEqual([{ name: "stop_cut_short", part: "close" }]);
  work.reject(new Error("too late"));
  await vi.advanceTimersByTimeAsync(1);
});

test("work that fails in time fails the part", async () => {
  using stop = world();
  const failed = Promise.reject(new Error("disk full"));
  await expect(stop.clock.within("snapshot", failed)).rejects.toThrow("disk full");
});

test("a start says once what it waits for, and not before it is slow", async () => {
  using stop = world();
  using starting = new Starting(stop.observe, new AbortController().signal);
  starting.waitFor("the database");
  await vi.advanceTimersByTimeAsync(SLOW_MS - 1);
  starting.waitFor("the database");
  expect(stop.observe.events).toEqual([]);
  await vi.advanceTimersByTimeAsync(SLOW_MS);
  const waitsFor = "the database";
  expect(stop.observe.events).toEqual([{ name: "start_slow", waitsFor, seconds: SLOW_MS / 1000 }]);
  starting.waitFor("a port");
  await vi.advanceTimersByTimeAsync(SLOW_MS - 1);
  expect(stop.observe.events).toHaveLength(1);
});

test("a start that is to stop goes no further", () => {
  using stop = world();
  const ending = new AbortController();
  using starting = new Starting(stop.observe, ending.signal);
  ending.abort(new Error("SIGTERM"));
  expect(() => starting.waitFor("the database")).toThrow("SIGTERM");
});
