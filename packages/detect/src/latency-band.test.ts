import { expect, test } from "vitest";
import { Feed, HOUR, MINUTE, NOON_MS, notFinite, SECOND } from "./feed.test-helper.ts";

/** Share of minutes whose typical latency lies in the band that was told before each. */
function coverage(perMinute: number, seed: number): number {
  const feed = new Feed({ seed });
  const traffic = { perMinute, latencyMs: 200, latencySpread: 0.6 };
  feed.replay(NOON_MS, 12 * HOUR, traffic);
  let inside = 0;
  let seen = 0;
  for (let atMs = NOON_MS + 12 * HOUR; atMs < NOON_MS + 20 * HOUR; atMs += MINUTE) {
    const band = feed.detector.explain(0).find(({ kind }) => kind === "latency");
    feed.replay(atMs, MINUTE, traffic);
    const shown = feed.detector.explain(0).find(({ kind }) => kind === "latency");
    if (band === undefined || shown?.observed == null) continue;
    seen += 1;
    if (shown.observed >= band.low && shown.observed <= band.high) inside += 1;
  }
  expect(seen).toBeGreaterThan(400);
  return inside / seen;
}

test.each([600, 60, 6])(
  "the band of latency holds about 95 %% of steady minutes, %i a minute",
  (rate) => {
    const covered = coverage(rate, rate);
    expect(covered).toBeGreaterThan(0.92);
    expect(covered).toBeLessThan(0.998);
  },
);

test("buckets tell their typical latency with its band, closed ones and the open one; without one, nothing", () => {
  const feed = new Feed({ seed: 2 });
  const [slow, bare] = [
    { perMinute: 120, latencyMs: 200 },
    { slot: 1, perMinute: 60 },
  ];
  feed.replay(NOON_MS, 3 * HOUR, slow, bare);
  feed.replay(NOON_MS + 3 * HOUR, 50 * SECOND, slow, bare);
  const buckets = feed.detector.bucketsOf(0, 5);
  expect(buckets.map(({ closed }) => closed)).toEqual([true, true, true, true, true, false]);
  for (const { latencyMs, latencyLow, latencyHigh, expectedLatencyMs } of buckets) {
    expect(Math.abs((latencyMs ?? 0) - 200)).toBeLessThan(50);
    expect(Math.abs((expectedLatencyMs ?? 0) - 200)).toBeLessThan(10);
    expect(latencyLow ?? 0).toBeLessThan(expectedLatencyMs ?? 0);
    expect(latencyHigh ?? 0).toBeGreaterThan(expectedLatencyMs ?? 0);
  }
  expect(notFinite(buckets)).toEqual([]);
  const none = { latencyMs: null, expectedLatencyMs: null, latencyLow: null, latencyHigh: null };
  expect(feed.detector.bucketsOf(1, 2)).toMatchObject([none, none, none]);
});

test("a service whose latency is nearly an alert is watched", () => {
  const feed = new Feed({ seed: 4 });
  const steady = { perMinute: 60, latencyMs: 100, latencySpread: 0.3 };
  feed.replay(NOON_MS, 6 * HOUR, steady);
  expect(feed.detector.stateOf(0)).toBe("ok");
  feed.replay(NOON_MS + 6 * HOUR, 40 * SECOND, { ...steady, latencyMs: 400 });
  expect(feed.said("opened")).toEqual([]);
  expect(feed.detector.stateOf(0)).toBe("watch");
});
