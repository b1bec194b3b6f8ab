import { expect, test } from "vitest";
import { Feed, HOUR, MINUTE, NOON_MS } from "./feed.test-helper.ts";

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
