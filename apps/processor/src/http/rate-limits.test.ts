import { expect, test } from "vitest";
import { BURST_SECONDS, CALLERS_MAX, RateLimits } from "./rate-limits.ts";

function world(recordsPerSecond: number | null, bytesPerSecond: number | null = null) {
  const state = { nowMs: 0 };
  const monotonicMs = () => state.nowMs;
  return { state, limits: new RateLimits({ recordsPerSecond, bytesPerSecond, monotonicMs }) };
}

test("a batch passes while anything is left, and not when nothing is", () => {
  const { limits } = world(100);
  limits.take("k", 100 * BURST_SECONDS - 1, 0);
  limits.take("k", 1, 0);
  expect(() => limits.check("k")).toThrow(/More than 100 records a second/);
  expect(() => limits.take("k", 1, 0)).toThrow(/Nothing of this batch was taken/);
});

test("a batch larger than the budget passes once, and its debt is paid before the next", () => {
  const { state, limits } = world(100);
  limits.take("k", 100 * BURST_SECONDS + 250, 0);
  const refused = {
    code: "RATE_LIMITED",
    details: { limit: "records", perSecond: 100, retryAfterSeconds: 3 },
  };
  expect(() => limits.check("k")).toThrow(expect.objectContaining(refused));
  state.nowMs = 2_500;
  expect(() => limits.check("k")).toThrow();
  state.nowMs = 3_000; // As it was told.
  limits.check("k");
});

test("over time a key gets its rate, whatever it asks for", () => {
  const { state, limits } = world(1_000);
  let taken = 0;
  for (; state.nowMs < 600_000; state.nowMs += 100) {
    try {
      limits.take("k", 777, 0);
      taken += 777;
    } catch {}
  }
  expect(taken).toBeGreaterThanOrEqual(1_000 * 600);
  expect(taken).toBeLessThanOrEqual(1_000 * (600 + BURST_SECONDS) + 777);
});

test("bytes have a budget of their own, and each key its own two", () => {
  const { limits } = world(null, 1_000);
  limits.take("loud", 1_000_000, 1_000 * BURST_SECONDS);
  expect(() => limits.check("loud")).toThrow(/1000 bytes a second/);
  limits.check("quiet");
});

test("what is left is said as the draft has it", () => {
  const { state, limits } = world(100, 2_000);
  limits.take("k", 600, 30_000);
  expect(limits.headers("k")).toEqual({
    "ratelimit-policy":
      '"records";q=1000;w=10;qu="records", "bytes";q=20000;w=10;qu="content-bytes"',
    ratelimit: '"records";r=400;t=6, "bytes";r=0;t=6',
  });
  state.nowMs = 60_000;
  expect(limits.headers("k")["ratelimit"]).toBe('"records";r=1000;t=0, "bytes";r=20000;t=0');
});

test("without a limit nothing is on", () => {
  expect(world(null).limits.isOn).toBe(false);
  expect(world(1).limits.isOn).toBe(true);
});

test("keys are remembered up to a bound", () => {
  const { limits } = world(10);
  for (let key = 0; key <= CALLERS_MAX; key += 1) limits.take(`k${key}`, 1_000, 0);
  expect(limits.callers).toBe(CALLERS_MAX);
  limits.check("k0");
  expect(() => limits.check("k1")).toThrow();
});
