import { expect, test } from "vitest";
import { Feed, HOUR, MINUTE, NOON_MS, SECOND, type Traffic } from "./feed.test-helper.ts";

const SEEDS = Array.from({ length: 20 }, (_, seed) => seed + 1);
const FAULT_MS = NOON_MS;

/** What is said of a fault at noon, once per seed. */
function openings(name: string, usual: Traffic, fault: Traffic) {
  return SEEDS.map((seed) => {
    const feed = new Feed({ seed });
    const pastMs = (name === "error" ? 2 : 7) * HOUR; // Silence means nothing before six.
    feed.replay(FAULT_MS - pastMs, pastMs, usual);
    feed.transitions.length = 0; // Chance may have said something before.
    feed.replay(FAULT_MS, 10 * MINUTE, fault);
    const { signal } = feed.first("opened", name);
    return { lateSeconds: (signal.onsetMs - FAULT_MS) / SECOND, ...signal.evidence };
  });
}

// Goal: "since" is when the fault began, and what is shown as seen is the fault.
// Method: strong faults against several chance errors or bursts before them.
test.each([
  [100, 0.0087, 0.5],
  [100, 0.02, 0.5],
  [30, 0.03, 0.6],
  [600, 0.01, 0.2],
])("errors: %s a minute, %s of them, then %s", (perMinute, usual, share) => {
  const all = openings("error", { perMinute, errorShare: usual }, { perMinute, errorShare: share });
  for (const { lateSeconds, observed } of all) {
    expect(lateSeconds).toBeGreaterThanOrEqual(-20);
    expect(lateSeconds).toBeLessThanOrEqual(30);
    expect(observed).toBeGreaterThan(0.6 * share);
  }
});

test.each([
  ["volume/surge", 100, 400],
  ["volume/surge", 20, 80],
  ["volume/drop", 100, 0],
  ["volume/drop", 100, 30],
])("%s: %s a minute, then %s", (name, usual, faulty) => {
  const all = openings(name, { perMinute: usual }, { perMinute: faulty });
  for (const { lateSeconds, observed } of all) {
    expect(lateSeconds).toBeGreaterThanOrEqual(-20);
    expect(lateSeconds).toBeLessThanOrEqual(60);
    expect(observed).toBeGreaterThan(0.4 * faulty - 1);
    expect(observed).toBeLessThan(1.4 * faulty + 1);
  }
});

test("of a fault after one that passed unnoticed, only the fault counts", () => {
  const feed = new Feed({ seed: 3 });
  const usual = { perMinute: 100, errorShare: 0.01 };
  feed.replay(NOON_MS, 2 * HOUR, usual);
  const blipMs = NOON_MS + 2 * HOUR;
  feed.replay(blipMs, 10 * SECOND, { perMinute: 100, errorShare: 0.5 });
  feed.replay(blipMs + 10 * SECOND, 70 * SECOND, usual);
  expect(feed.transitions).toEqual([]);
  feed.replay(blipMs + 80 * SECOND, MINUTE, { perMinute: 100, errorShare: 0.5 });
  const { signal } = feed.first("opened", "error");
  expect(signal.onsetMs).toBe(blipMs + 80 * SECOND);
});
