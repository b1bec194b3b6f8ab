import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Pulse } from "./pulse.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("sends are cut off a second before others may take over, counted from the begin of the heartbeat", () => {
  using pulse = new Pulse(() => performance.now());
  const { signal } = pulse;
  vi.advanceTimersByTime(3_000);
  pulse.beaten(performance.now() - 500);
  vi.advanceTimersByTime(3_499);
  expect(signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect(signal.aborted).toBe(true);
});

test("after the next heartbeat it may send again; one that took too long is none", () => {
  using pulse = new Pulse(() => performance.now());
  vi.advanceTimersByTime(10_000);
  expect(pulse.signal.aborted).toBe(true);
  pulse.beaten(performance.now() - 4_000);
  expect(pulse.signal.aborted).toBe(true);
  pulse.beaten(performance.now());
  expect(pulse.signal.aborted).toBe(false);
});
