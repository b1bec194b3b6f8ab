import { expect, test } from "vitest";
import { Feed, HOUR, MINUTE, MONDAY_MS } from "./feed.test-helper.ts";

const RATES = [12, 30, 60];
const DROP_AT_MS = MONDAY_MS + 12 * HOUR;

/** Three services after half a day, at a share of what they were from then on. */
function dropped(seed: number, share: number, lengthMs: number): Feed {
  const feed = new Feed({ seed });
  const at = (factor: number) => RATES.map((rate, slot) => ({ slot, perMinute: factor * rate }));
  feed.replay(MONDAY_MS, 12 * HOUR, ...at(1));
  expect(feed.transitions).toEqual([]);
  feed.replay(DROP_AT_MS, lengthMs, ...at(share));
  return feed;
}

// At 9 a minute nothing comes for half a minute every quarter of an hour.
test.each([1, 2, 3])(
  "a drop to 30 %% is no silence in each pause that chance makes (seed %s)",
  (seed) => {
    const feed = dropped(seed, 0.3, 4 * HOUR);
    expect(feed.said("opened").length).toBeGreaterThanOrEqual(2);
    for (const { signal } of feed.transitions) {
      expect(signal.part).toBe("drop");
      expect(signal.severity).toBe("error");
      expect(signal.evidence.sentence).not.toContain("No records");
    }
  },
);

test.each([1, 2, 3])(
  "a silence is critical within minutes, also after a drop to 30 %% (seed %s)",
  (seed) => {
    const silent = dropped(seed, 0, 15 * MINUTE);
    const opened = silent.transitions.filter(({ state }) => state === "opened");
    expect(opened).toHaveLength(RATES.length);
    for (const { signal } of opened) expect(signal.severity).toBe("critical");

    const feed = dropped(seed, 0.3, HOUR);
    feed.replay(DROP_AT_MS + HOUR, 15 * MINUTE);
    for (const { slot } of feed.detector.openSignals()) expect(slot).toBeLessThan(RATES.length);
    const open = feed.detector.openSignals();
    expect(open.map(({ severity }) => severity)).toEqual(RATES.map(() => "critical"));
    for (const { evidence } of open) expect(evidence.sentence).toMatch(/^No records for 1\d min/);
  },
);
