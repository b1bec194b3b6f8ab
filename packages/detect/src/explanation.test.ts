import { describe, expect, test } from "vitest";
import type { Explanation } from "./explanation.ts";
import { DAY, Feed, HOUR, MINUTE, MONDAY_MS, notFinite, SECOND } from "./feed.test-helper.ts";

const usual = { perMinute: 100, errorShare: 0.01, latencyMs: 50 };

function explained(feed: Feed, name: string): Explanation {
  const found = feed.detector
    .explain(0)
    .find(({ kind, part }) => (part === "" ? kind : `${kind}/${part}`) === name);
  if (found === undefined) throw new Error(`${name} is not explained`);
  return found;
}

/** A service that was seen for so long, and nothing of note happened to it. */
function seenFor(lengthMs: number, seed: number): Feed {
  const feed = new Feed({ seed });
  feed.replay(MONDAY_MS, lengthMs, usual);
  expect(feed.transitions).toEqual([]);
  return feed;
}

const KINDS = ["error", "volume/surge", "volume/drop", "latency"];

describe("learning", () => {
  test.each([
    ["error", 3 * MINUTE, "4 min and"],
    ["volume/surge", 9 * MINUTE, "10 min are needed"],
    ["volume/drop", 5.9 * HOUR, "6 h and 60 records"],
    ["latency", 55 * MINUTE, "1 h and 40 latencies are needed"],
  ])(
    "%s after %s ms is still learning, and says what is missing; then it is calm",
    (name, ms, why) => {
      const feed = seenFor(ms, 1);
      const before = explained(feed, name);
      expect(before.state).toBe("learning");
      expect(before.why).toContain(why);
      expect(before.why).toMatch(/^is learning/);
      feed.replay(MONDAY_MS + ms, 10 * MINUTE, usual);
      expect(["calm", "watching"]).toContain(explained(feed, name).state);
    },
  );

  test("a service of which nothing is known says nothing, and numbers are finite from its first step on", () => {
    const feed = new Feed();
    expect(feed.detector.explain(0)).toEqual([]);
    for (let minute = 0; minute < 80; minute += 1) {
      feed.replay(MONDAY_MS + minute * MINUTE, MINUTE, usual);
      const shown = feed.detector.explain(0);
      expect(shown.map(({ kind, part }) => (part === "" ? kind : `${kind}/${part}`))).toEqual(
        KINDS,
      );
      expect(notFinite(shown)).toEqual([]);
    }
  });
});

describe("not judged", () => {
  test("latency of a service whose records name none, however long it is known", () => {
    const feed = new Feed({ seed: 2 });
    feed.replay(MONDAY_MS, 3 * HOUR, { perMinute: 100 });
    const { state, why, observed } = explained(feed, "latency");
    expect([state, why, observed]).toEqual(["not_judged", "its records name no latency", null]);
  });
});

describe("from calm to open and back", () => {
  test("latency: calm, then watching or holding, then open, then calm again", () => {
    const feed = seenFor(3 * HOUR, 3);
    expect(explained(feed, "latency").state).toBe("calm");
    const states: string[] = [];
    const startMs = MONDAY_MS + 3 * HOUR;
    for (let second = 0; second < 120; second += 10) {
      feed.replay(startMs + second * SECOND, 10 * SECOND, { ...usual, latencyMs: 100 });
      const { state, why, evidence, bar } = explained(feed, "latency");
      if (states.at(-1) !== state) states.push(state);
      if (state === "holding") {
        expect(evidence).toBeGreaterThanOrEqual(bar);
        expect(why).toMatch(
          /^evidence [\d.]+ of [\d.]+, over it for \d+ s of the 20 s that it must last$/,
        );
      }
      if (state === "watching") expect(why).toMatch(/^evidence [\d.]+ of [\d.]+$/);
    }
    expect(states).toEqual(["calm", "watching", "holding", "open"]);
    expect(explained(feed, "latency").why).toBe("a signal is open");
    expect(explained(feed, "latency").observed).toBeGreaterThan(80);
    feed.replay(startMs + 2 * MINUTE, 10 * MINUTE, usual);
    expect(explained(feed, "latency").state).toBe("calm");
  });

  test("volume: a surge is held for long while the day is not known, and shorter when it is", () => {
    for (const [days, seconds] of [
      [0.5, 1_200],
      [2, 290],
    ] as const) {
      const feed = seenFor(days * DAY, 4);
      const startMs = MONDAY_MS + days * DAY;
      const said = explained(feed, "volume/surge").why;
      expect(said.includes("what is usual at this time is not known yet")).toBe(days < 1);
      feed.replay(startMs, 3 * MINUTE, { ...usual, perMinute: 220 });
      const { state, why } = explained(feed, "volume/surge");
      expect(state).toBe("holding");
      expect(why).toContain(` s of the ${seconds} s that it must last`);
    }
  });

  test("errors: evidence that is there and not enough is watched", () => {
    const feed = seenFor(2 * HOUR, 5);
    const seen = new Set<string>();
    for (let minute = 0; minute < 40; minute += 1) {
      const errorShare = minute % 4 === 0 ? 0.04 : 0.01;
      feed.replay(MONDAY_MS + 2 * HOUR + minute * MINUTE, MINUTE, { ...usual, errorShare });
      const { state, why, peakEvidence, bar } = explained(feed, "error");
      seen.add(state);
      if (state === "watching") {
        expect(peakEvidence).toBeGreaterThanOrEqual(bar / 4);
        expect(why).toMatch(/^evidence [\d.]+ of [\d.]+$/);
      }
    }
    expect(seen).toContain("watching");
    expect(seen).toContain("calm");
  });
});

describe("the most evidence of a minute", () => {
  test.each(["error", "volume/surge", "latency"])(
    "%s: shown for the minute after, and then that of the next",
    (name) => {
      const feed = seenFor(2 * HOUR, 6);
      const startMs = MONDAY_MS + 2 * HOUR; // The lateness of ten seconds keeps the last step open.
      const burst = {
        error: { ...usual, errorShare: 0.3 },
        "volume/surge": { ...usual, perMinute: 300 },
        latency: { ...usual, latencyMs: 110 },
      }[name];
      if (burst === undefined) throw new Error(name);
      const minutes: number[] = [];
      let most = 0;
      for (let second = 0; second < 600; second += 10) {
        feed.replay(startMs + second * SECOND, 10 * SECOND, second < 20 ? burst : usual);
        const { evidence, peakEvidence, bar } = explained(feed, name);
        const lastClosedStep = second / 10 - 2;
        if (lastClosedStep >= 0) most = Math.max(most, evidence);
        if (lastClosedStep % 6 === 5) {
          minutes.push(most);
          most = 0;
        }
        const last = minutes.at(-1);
        if (last === undefined) continue;
        // The most of the last closed minute to the step of a code, or what there is now.
        const shown = Math.max(last, evidence);
        expect(peakEvidence).toBeGreaterThanOrEqual(shown);
        expect(peakEvidence).toBeLessThan(shown + bar / 100);
      }
      expect(feed.transitions).toEqual([]);
      const [first = 0, ...rest] = minutes;
      expect(first).toBeGreaterThan(explained(feed, name).bar / 4);
      expect(Math.min(...rest)).toBeLessThan(first / 2);
    },
  );
});
