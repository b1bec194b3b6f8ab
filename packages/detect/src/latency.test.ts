import { CountDeltas, LevelIndex, STEP_MS } from "@tracer/core";
import { describe, expect, test } from "vitest";
import {
  DAY,
  Feed,
  HOUR,
  MINUTE,
  MONDAY_MS,
  nameOf,
  notFinite,
  type Traffic,
} from "./feed.test-helper.ts";

const USUAL_MS = 50;
/** The same service five times over: five draws of chance under one clock. */
const SLOTS = [0, 1, 2, 3, 4];
const SHIFT_AT_MS = MONDAY_MS + 4 * HOUR;

function services(perMinute: number, latencyMs: number): Traffic[] {
  return SLOTS.map((slot) => ({ slot, perMinute, latencyMs }));
}

function slotsOf(feed: Feed, state: string): number[] {
  const slots = feed.transitions.filter((each) => each.state === state);
  return slots.map(({ signal }) => signal.slot).sort();
}

// At 5 records a minute ln(1.5) is less than the deviation of one record: it takes about a hundred of them.
const SHIFTS = [
  { perMinute: 100, factor: 1.5, withinMs: 2 * MINUTE, endsWithinMs: 2 * MINUTE },
  { perMinute: 100, factor: 2, withinMs: MINUTE, endsWithinMs: MINUTE },
  { perMinute: 100, factor: 4, withinMs: MINUTE, endsWithinMs: MINUTE },
  { perMinute: 5, factor: 1.5, withinMs: HOUR, endsWithinMs: HOUR },
  { perMinute: 5, factor: 2, withinMs: 15 * MINUTE, endsWithinMs: 20 * MINUTE },
  { perMinute: 5, factor: 4, withinMs: 6 * MINUTE, endsWithinMs: 10 * MINUTE },
];

describe.each([1, 2])("latency that rises (seed %s)", (seed) => {
  test.each(SHIFTS)(
    "× $factor at $perMinute a minute: one warning that says how slow, since when, and ends",
    ({ perMinute, factor, withinMs, endsWithinMs }) => {
      const feed = new Feed({ seed });
      const lengthMs = Math.max(30 * MINUTE, withinMs);
      feed.replay(MONDAY_MS, 4 * HOUR, ...services(perMinute, USUAL_MS));
      expect(feed.transitions).toEqual([]);
      feed.replay(SHIFT_AT_MS, lengthMs, ...services(perMinute, USUAL_MS * factor));
      feed.replay(SHIFT_AT_MS + lengthMs, 2 * HOUR, ...services(perMinute, USUAL_MS));
      expect(slotsOf(feed, "opened")).toEqual(SLOTS);
      expect(slotsOf(feed, "resolved")).toEqual(SLOTS);
      for (const { state, reason, signal } of feed.transitions) {
        expect(nameOf(signal)).toBe("latency");
        expect(signal.severity).toBe("warning");
        expect(reason).toBe("evidence");
        const { evidence } = signal;
        expect(evidence.unit).toBe("milliseconds");
        expect(evidence.expected).toBeGreaterThan(USUAL_MS * 0.85);
        expect(evidence.expected).toBeLessThan(USUAL_MS * 1.15);
        expect(evidence.expectedLow).toBeLessThan(evidence.expected);
        expect(evidence.expectedHigh).toBeGreaterThan(evidence.expected);
        expect(evidence.ratio).toBeCloseTo(evidence.observed / evidence.expected, 6);
        expect(evidence.sentence).toMatch(/^Typical latency \d+ ms, about \d+ ms expected/);
        expect(signal.peak).toBeGreaterThan(1.2);
        // Chance may put the onset a little before the shift, or after it.
        expect(signal.onsetMs).toBeGreaterThan(SHIFT_AT_MS - 3 * MINUTE);
        expect(signal.onsetMs).toBeLessThan(SHIFT_AT_MS + Math.max(MINUTE, withinMs / 2));
        if (state === "opened") {
          expect(evidence.observed).toBeGreaterThan(USUAL_MS * factor * 0.7);
          expect(evidence.observed).toBeLessThan(USUAL_MS * factor * 1.4);
          expect(evidence.evidence).toBeGreaterThanOrEqual(evidence.bar);
          expect(signal.decidedMs - SHIFT_AT_MS).toBeLessThanOrEqual(withinMs + STEP_MS);
        } else {
          const overMs = signal.lastStepMs - SHIFT_AT_MS - lengthMs;
          expect(overMs).toBeGreaterThan(-STEP_MS);
          expect(overMs).toBeLessThanOrEqual(endsWithinMs);
          expect(evidence.peak).toBeGreaterThanOrEqual(evidence.observed);
        }
      }
      expect(notFinite(feed.transitions)).toEqual([]);
    },
  );
});

describe("what is no rise", () => {
  test.each([0.5, 0.1])("latency that falls to a factor of %s: no signal", (factor) => {
    const feed = new Feed({ seed: 3 });
    for (const perMinute of [5, 100]) {
      const fromMs = MONDAY_MS + (perMinute === 5 ? 0 : 8 * HOUR);
      feed.replay(fromMs, 4 * HOUR, ...services(perMinute, USUAL_MS));
      feed.replay(fromMs + 4 * HOUR, HOUR, ...services(perMinute, USUAL_MS * factor));
    }
    expect(feed.said("opened").filter((name) => name === "latency")).toEqual([]);
  });

  test("records that name no latency: not judged, and said so", () => {
    const feed = new Feed({ seed: 4 });
    feed.replay(MONDAY_MS, 4 * HOUR, { perMinute: 100 });
    const latency = feed.detector.explain(0).find(({ kind }) => kind === "latency");
    expect(latency).toMatchObject({ state: "not_judged", observed: null, evidence: 0 });
    expect(latency?.why).toContain("no latency");
    expect(feed.transitions).toEqual([]);
  });

  test("two days of steady traffic, lognormal, at five rates and two spreads: no signal", () => {
    const feed = new Feed({ seed: 5 });
    const rates = [0.5, 3, 10, 100, 1_000];
    const traffic = rates.flatMap((perMinute, at) => [
      { slot: 2 * at, perMinute, latencyMs: USUAL_MS, latencySpread: 0.3 },
      { slot: 2 * at + 1, perMinute, latencyMs: 800, latencySpread: 1.2 },
    ]);
    feed.replay(MONDAY_MS, 2 * DAY, ...traffic);
    expect(feed.said("opened")).toEqual([]);
  });

  test.each([6, 7, 8])(
    "one request of 60 s among those of 50 ms alerts nobody (seed %s)",
    (seed) => {
      const feed = new Feed({ seed });
      const deltas = new CountDeltas();
      feed.follow(MONDAY_MS, 12 * HOUR, (atMs) => {
        // Once in ten minutes on the average, in any service, at 5 and at 100 records a minute.
        if (atMs > MONDAY_MS + 2 * HOUR && feed.random() < 1 / 60) {
          deltas.clear();
          const slot = Math.floor(feed.random() * 10);
          deltas.add(slot, atMs, LevelIndex.info, 60_000);
          feed.post(deltas, atMs);
        }
        const quiet = services(5, USUAL_MS).map((each, at) => ({ ...each, slot: at + 5 }));
        return [...services(100, USUAL_MS), ...quiet];
      });
      expect(feed.said("opened")).toEqual([]);
    },
  );

  test.each([9, 10])(
    "a slow drift by a quarter, up and down over a day: no signal (seed %s)",
    (seed) => {
      const feed = new Feed({ seed });
      feed.follow(MONDAY_MS, 2 * DAY, (atMs) => {
        const drift = 1 + 0.25 * Math.sin((2 * Math.PI * (atMs - MONDAY_MS)) / DAY);
        return services(100, USUAL_MS * drift);
      });
      expect(feed.said("opened")).toEqual([]);
    },
  );

  test("twenty slow seconds in every hour (a restart): no signal", () => {
    const feed = new Feed({ seed: 11 });
    feed.follow(MONDAY_MS, 8 * HOUR, (atMs) => {
      const slow = atMs >= SHIFT_AT_MS && atMs % HOUR < 2 * STEP_MS;
      return [5, 20, 100, 600].map((perMinute, slot) => {
        return { slot, perMinute, latencyMs: slow ? USUAL_MS * 2 : USUAL_MS };
      });
    });
    expect(feed.said("opened")).toEqual([]);
  });
});

describe("a rise that stays", () => {
  test("is taken as the new normal after six hours, says so, and is judged against it", () => {
    const feed = new Feed({ seed: 12 });
    const shiftMs = MONDAY_MS + 3 * HOUR;
    feed.replay(MONDAY_MS, 3 * HOUR, ...services(30, USUAL_MS));
    feed.replay(shiftMs, 8 * HOUR, ...services(30, USUAL_MS * 3));
    expect(slotsOf(feed, "opened")).toEqual(SLOTS);
    expect(slotsOf(feed, "resolved")).toEqual(SLOTS);
    for (const { state, reason, signal } of feed.transitions) {
      if (state !== "resolved") continue;
      expect(reason).toBe("accepted");
      expect(signal.evidence.sentence).toContain("new normal");
      expect(signal.lastStepMs - shiftMs).toBeGreaterThanOrEqual(6 * HOUR);
      expect(signal.lastStepMs - shiftMs).toBeLessThan(6 * HOUR + 10 * MINUTE);
    }
    for (const slot of SLOTS) {
      const expected = feed.detector.explain(slot)[3]?.expected ?? 0;
      expect(Math.abs(Math.log(expected / (3 * USUAL_MS)))).toBeLessThan(0.1);
    }
    feed.replay(shiftMs + 8 * HOUR, 30 * MINUTE, ...services(30, USUAL_MS * 9));
    expect(slotsOf(feed, "opened")).toHaveLength(2 * SLOTS.length);
  });

  test.each([2, 60, 200])(
    "%s minutes of it, and then no record tells its latency: ends six hours later, and says why",
    (minutes) => {
      const feed = new Feed({ seed: 13 });
      const shiftMs = MONDAY_MS + 3 * HOUR;
      feed.replay(MONDAY_MS, 3 * HOUR, { perMinute: 100, latencyMs: USUAL_MS });
      feed.replay(shiftMs, minutes * MINUTE, { perMinute: 100, latencyMs: USUAL_MS * 4 });
      expect(feed.said("opened")).toEqual(["latency"]);
      const stopMs = shiftMs + minutes * MINUTE;
      feed.replay(stopMs, 5 * HOUR, { perMinute: 100 });
      expect(feed.said("resolved")).toEqual([]);
      feed.replay(stopMs + 5 * HOUR, 2 * HOUR, { perMinute: 100 });
      const { reason, signal } = feed.first("resolved", "latency");
      expect(reason).toBe("no_records");
      expect(signal.evidence.sentence).toContain("No record has told its latency for 6 hours");
      expect(notFinite(feed.transitions)).toEqual([]);
      expect(feed.detector.openSignals()).toEqual([]);
    },
  );
});

describe("what was learned of a fault is taken back", () => {
  test.each([1.5, 2, 4])("a rise by %s leaves what is expected as it was", (factor) => {
    const feed = new Feed({ seed: 14 });
    const traffic = (latencyMs: number) => [
      ...services(100, latencyMs),
      ...SLOTS.map((slot) => ({ slot: slot + 5, perMinute: 5, latencyMs })),
    ];
    feed.replay(MONDAY_MS, 4 * HOUR, ...traffic(USUAL_MS));
    feed.replay(SHIFT_AT_MS, HOUR, ...traffic(USUAL_MS * factor));
    const opened = feed.transitions.filter(({ state }) => state === "opened");
    expect(opened.length).toBeGreaterThanOrEqual(9);
    for (const { signal } of opened) {
      expect(signal.evidence.expected).toBeGreaterThan(USUAL_MS * 0.9);
      expect(signal.evidence.expected).toBeLessThan(USUAL_MS * 1.1);
    }
  });
});

describe("numbers at the edges", () => {
  const WEEK_MS = 7 * DAY;
  test.each([0, 1e-4, 1e-3, 1, WEEK_MS])("%s ms, and from it to a week: all is finite", (ms) => {
    const feed = new Feed({ seed: 15 });
    const traffic = [
      { slot: 0, perMinute: 60, latencyMs: ms, latencySpread: 0 },
      { slot: 1, perMinute: 1, latencyMs: ms, latencySpread: 0.5 },
    ];
    const slow = traffic.map((each) => ({ ...each, latencyMs: WEEK_MS }));
    feed.replay(MONDAY_MS, 3 * HOUR, ...traffic);
    feed.replay(MONDAY_MS + 3 * HOUR, HOUR, ...slow);
    feed.replay(MONDAY_MS + 4 * HOUR, HOUR, ...traffic);
    feed.replay(MONDAY_MS + 5 * HOUR, 10 * MINUTE, ...slow);
    const names = new Set(feed.said("opened"));
    expect(names).toEqual(new Set(ms === WEEK_MS ? [] : ["latency"]));
    const shown = [
      feed.transitions,
      feed.detector.openSignals(),
      [0, 1].map((slot) => feed.detector.explain(slot)),
    ];
    expect(notFinite(shown)).toEqual([]);
    for (const { signal } of feed.transitions) {
      expect(signal.evidence.observed).toBeGreaterThan(0);
      expect(signal.evidence.observed).toBeLessThan(WEEK_MS * 3);
    }
  });
});
