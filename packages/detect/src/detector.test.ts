import { CountDeltas, LevelIndex, STEP_MS } from "@tracer/core";
import { describe, expect, test } from "vitest";
import { Detector } from "./detector.ts";
import { Feed, HOUR, MINUTE, NOON_MS, notFinite, SECOND } from "./feed.test-helper.ts";
import { PIPELINE_SLOT } from "./pipeline-signal.ts";

const steady = { perMinute: 100, errorShare: 0.02 };
const spike = { perMinute: 100, errorShare: 0.3 };

describe("history, then live", () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "60 minutes of history in one body, a 40 s spike, then nothing: one alert within 20 s (seed %s)",
    (seed) => {
      const feed = new Feed({ seed });
      const nowMs = NOON_MS + seed * 1_370; // Not aligned to a step.
      feed.history(nowMs, HOUR, steady);
      expect(feed.transitions).toEqual([]);
      feed.live(nowMs, 40 * SECOND, spike);
      feed.quiet(nowMs + 40 * SECOND, 20 * SECOND);
      expect(feed.said("opened")).toEqual(["error"]);
    },
  );

  test("history in several bodies, the last one live: nothing is cut off", () => {
    const feed = new Feed();
    const bodies = 12;
    for (let body = bodies; body >= 1; body -= 1) {
      const deltas = new CountDeltas();
      feed.fill(deltas, NOON_MS - body * 5 * MINUTE, 5 * MINUTE, steady);
      const receiptMs = NOON_MS + (bodies - body) * 3 * SECOND;
      feed.post(deltas, receiptMs);
      feed.quiet(receiptMs, 3 * SECOND);
    }
    expect(feed.late).toBe(0);
    expect(feed.transitions).toEqual([]);
  });

  test("a shipper that flushes each minute loses nothing once its delay is known", () => {
    const feed = new Feed();
    for (let minute = 0; minute < 30; minute += 1) {
      const deltas = new CountDeltas();
      feed.fill(deltas, NOON_MS + minute * MINUTE, MINUTE, steady);
      if (minute === 3) feed.late = 0;
      feed.post(deltas, NOON_MS + (minute + 1) * MINUTE);
      feed.quiet(NOON_MS + (minute + 1) * MINUTE, 59 * SECOND);
    }
    expect(feed.late).toBe(0);
    expect(feed.transitions).toEqual([]);
  });
});

describe("a first run", () => {
  test.each([5, 10])("a burst of errors after %s minutes of normal traffic alerts", (minutes) => {
    const feed = new Feed();
    feed.live(NOON_MS, minutes * MINUTE, steady);
    feed.live(NOON_MS + minutes * MINUTE, MINUTE, spike);
    expect(feed.said("opened")).toEqual(["error"]);
  });

  test("a service with one minute of history does not fire on its second error", () => {
    const feed = new Feed();
    feed.live(NOON_MS, MINUTE, { perMinute: 30 });
    const atMs = NOON_MS + MINUTE;
    for (const offset of [0, 12, 24]) {
      feed.quiet(atMs + (offset - 11) * SECOND, 11 * SECOND);
      const errors = feed.step(atMs + offset * SECOND, { records: 2, errors: 2 });
      feed.post(errors, atMs + offset * SECOND);
    }
    feed.quiet(atMs + 24 * SECOND, 5 * MINUTE);
    expect(feed.transitions).toEqual([]);
  });

  test.each([0.05, 0.2, 0.5, 1])("a first hour at a steady share of %s is silent", (errorShare) => {
    const feed = new Feed();
    const services = Array.from({ length: 10 }, (_, slot) => ({
      slot,
      perMinute: 20 * (slot + 1),
      errorShare,
    }));
    feed.replay(NOON_MS, HOUR, ...services);
    expect(feed.transitions).toEqual([]);
  });
});

describe("severity", () => {
  test("an error signal that grows over half of the records becomes critical: changed, once", () => {
    const feed = new Feed();
    feed.replay(NOON_MS, HOUR, steady);
    feed.replay(NOON_MS + HOUR, 3 * MINUTE, spike);
    feed.replay(NOON_MS + HOUR + 3 * MINUTE, 5 * MINUTE, { perMinute: 100, errorShare: 0.8 });
    expect(feed.transitions.map(({ state, signal }) => [state, signal.severity])).toEqual([
      ["opened", "error"],
      ["changed", "critical"],
    ]);
  });

  test("a partial drop is an error, and silence of a busy service critical", () => {
    const feed = new Feed();
    feed.replay(NOON_MS, 8 * HOUR, { perMinute: 60 }, { slot: 1, perMinute: 60 });
    const other = { slot: 1, perMinute: 60 };
    feed.replay(NOON_MS + 8 * HOUR, 20 * MINUTE, { perMinute: 15 }, other);
    feed.replay(NOON_MS + 8 * HOUR + 20 * MINUTE, 5 * MINUTE, other);
    expect(feed.transitions.map(({ state, signal }) => [state, signal.severity])).toEqual([
      ["opened", "error"],
      ["changed", "critical"],
    ]);
  });
});

describe("silence", () => {
  /** 25 services for seven hours, then live for `minutes`. */
  function busy(minutes: number) {
    const feed = new Feed();
    const services = Array.from({ length: 25 }, (_, slot) => ({ slot, perMinute: 10 + slot * 10 }));
    feed.replay(NOON_MS - 7 * HOUR, 7 * HOUR, ...services);
    feed.live(NOON_MS, minutes * MINUTE, ...services);
    return { feed, services, endMs: NOON_MS + minutes * MINUTE };
  }

  test("of everything: ticks freeze, one pipeline signal opens and the first arrival ends it", () => {
    const { feed, services, endMs } = busy(70);
    feed.quiet(endMs, 119 * SECOND);
    expect(feed.transitions).toEqual([]);
    expect(feed.detector.pipeline).toBe("frozen");
    feed.quiet(endMs + 119 * SECOND, 8 * MINUTE);
    expect(feed.said("opened")).toEqual(["pipeline"]);
    expect(feed.detector.pipeline).toBe("silent");
    const { signal } = feed.first("opened", "pipeline");
    expect(signal.slot).toBe(PIPELINE_SLOT);
    expect(signal.severity).toBe("critical");
    expect(notFinite(feed.detector.openSignals())).toEqual([]);
    // Half of the services come back a minute later than the others: their silence was not theirs.
    const backMs = endMs + 119 * SECOND + 8 * MINUTE;
    feed.live(backMs, MINUTE, ...services.slice(0, 12));
    feed.live(backMs + MINUTE, 10 * MINUTE, ...services);
    expect(feed.said("opened")).toEqual(["pipeline"]);
    expect(feed.said("resolved")).toEqual(["pipeline"]);
    expect(feed.detector.pipeline).toBe("ok");
  });

  test("of everything is sighted once a step, and says since when and what is usual", () => {
    const { feed, endMs } = busy(70);
    feed.quiet(endMs, 10 * MINUTE);
    const { signal } = feed.first("opened", "pipeline");
    expect(signal.lastStepMs).toBe(signal.decidedMs);
    expect(signal.evidence.sentence).toMatch(
      /^No records from any service for 2 min( \d+ s)?; usually about \d+ a second$/,
    );
    const steps = new Set<number>();
    for (let atMs = endMs + 10 * MINUTE; atMs < endMs + 11 * MINUTE; atMs += SECOND) {
      feed.quiet(atMs, SECOND);
      for (const { lastStepMs } of feed.detector.openSignals()) steps.add(lastStepMs % STEP_MS);
    }
    expect([...steps]).toEqual([0]);
    feed.live(endMs + 11 * MINUTE, SECOND, { perMinute: 600 });
    const ended = feed.first("resolved", "pipeline").signal;
    expect(ended.onsetMs).toBe(signal.onsetMs);
    expect(ended.evidence.sentence).toContain("for 11 min");
  });

  test("of one service that does not come back after a freeze is found after the grace", () => {
    const { feed, services, endMs } = busy(70);
    feed.quiet(endMs, 10 * MINUTE);
    feed.live(endMs + 10 * MINUTE, 5 * MINUTE, ...services.slice(0, 24));
    expect(feed.said("opened")).toEqual(["pipeline", "volume/drop"]);
    expect(feed.first("opened", "volume/drop").signal.slot).toBe(24);
  });

  test("an open signal is listed all through a freeze", () => {
    const feed = new Feed();
    feed.live(NOON_MS, 20 * MINUTE, steady);
    feed.live(NOON_MS + 20 * MINUTE, 2 * MINUTE, spike);
    feed.quiet(NOON_MS + 22 * MINUTE, HOUR);
    expect(feed.detector.openSignals().map(({ kind }) => kind)).toEqual(["error"]);
  });

  test("of an ordinary night with little traffic opens no pipeline signal", () => {
    const feed = new Feed();
    for (let hour = 0; hour < 12; hour += 1) {
      for (let at = 0; at < 20; at += 1) {
        const atMs = NOON_MS + hour * HOUR + at * 20 * SECOND; // Bursts, then most of an hour of nothing.
        feed.post(feed.step(atMs, { records: 1 }), atMs);
      }
      feed.quiet(NOON_MS + hour * HOUR + 400 * SECOND, HOUR - 400 * SECOND);
      if (hour === 3) feed.transitions.length = 0; // It has to see a few of them first.
    }
    expect(feed.said("opened")).not.toContain("pipeline");
  });
});

describe("time", () => {
  test("a body whose records are years apart is worked off at once", () => {
    const feed = new Feed();
    const deltas = new CountDeltas();
    for (let day = 0; day < 3_650; day += 73) {
      deltas.add(0, NOON_MS - day * 24 * HOUR, LevelIndex.info, Number.NaN);
    }
    const startMs = performance.now();
    feed.post(deltas, NOON_MS);
    expect(performance.now() - startMs).toBeLessThan(2_000); // Step by step it would be 31 million.
    expect(feed.late).toBe(0);
    expect(feed.transitions).toEqual([]);
  });

  test("after days of nothing a service starts again without an alert of its own making", () => {
    const feed = new Feed();
    feed.replay(NOON_MS, 2 * HOUR, steady);
    feed.replay(NOON_MS + 72 * HOUR, 2 * HOUR, steady);
    expect(feed.said("opened")).toEqual([]);
  });

  test("open cells are bounded: what does not fit is refused and counted", () => {
    const detector = new Detector({ openStepsMax: 3 });
    const deltas = new CountDeltas();
    for (let at = 0; at < 4; at += 1) deltas.add(at, NOON_MS, LevelIndex.info, Number.NaN, 5);
    expect(detector.observe(deltas, NOON_MS)).toEqual({ late: 5 });
    expect(new Detector({ openStepsMax: 4 }).observe(deltas, NOON_MS)).toEqual({ late: 0 });
  });

  test.each([
    [19_999, 0],
    [20_000, 1],
  ])(
    "of %s series the odd ones close their step %s s later, so that no tick is long",
    (series, late) => {
      const detector = new Detector();
      const deltas = new CountDeltas();
      for (let step = 0; step < 12; step += 1) {
        for (const slot of [0, 1, series - 1]) {
          deltas.add(slot, NOON_MS + (step + 1) * STEP_MS - SECOND, LevelIndex.info, Number.NaN);
        }
      }
      const endMs = NOON_MS + 2 * MINUTE;
      detector.observe(deltas, endMs - SECOND);
      const closed = (slot: number) => detector.bucketsOf(slot, 60).filter((each) => each.closed);
      for (let atMs = endMs; atMs <= endMs + 10 * SECOND; atMs += SECOND) detector.tick(atMs);
      expect(closed(0)).toHaveLength(2);
      expect(closed(1)).toHaveLength(2 - late);
      detector.tick(endMs + 11 * SECOND);
      expect(closed(1)).toHaveLength(2);
    },
  );

  test("a slot beyond seriesMax is a bug of the caller", () => {
    const detector = new Detector({ seriesMax: 2 });
    const deltas = new CountDeltas();
    deltas.add(1, NOON_MS, LevelIndex.info, Number.NaN);
    expect(detector.observe(deltas, NOON_MS)).toEqual({ late: 0 });
    deltas.add(2, NOON_MS, LevelIndex.info, Number.NaN);
    expect(() => detector.observe(deltas, NOON_MS)).toThrow();
  });

  test("the open bucket shows records that are not closed yet", () => {
    const feed = new Feed();
    feed.post(feed.step(NOON_MS + 3 * SECOND, { records: 7, errors: 2 }), NOON_MS + 3 * SECOND);
    expect(feed.detector.bucketsOf(0, 60)).toMatchObject([
      { startMs: NOON_MS, records: 7, errors: 2, closed: false },
    ]);
  });
});

describe("pauses", () => {
  test.each([1, 3, 5])("a young service that pauses for %s h returns without an alert", (hours) => {
    const feed = new Feed();
    const other = { slot: 1, perMinute: 20 };
    feed.replay(NOON_MS, 2 * HOUR, steady, other);
    feed.replay(NOON_MS + 2 * HOUR, hours * HOUR, other);
    feed.replay(NOON_MS + (2 + hours) * HOUR, HOUR, steady, other);
    expect(feed.transitions).toEqual([]);
  });

  test("a service that returns after its silence was accepted starts anew", () => {
    const feed = new Feed();
    const other = { slot: 1, perMinute: 20 };
    feed.replay(NOON_MS, 8 * HOUR, steady, other);
    feed.replay(NOON_MS + 8 * HOUR, 6.05 * HOUR, other);
    feed.replay(NOON_MS + 14.05 * HOUR, HOUR, steady, other);
    expect(feed.transitions.map(({ state, reason }) => [state, reason])).toEqual([
      ["opened", "evidence"],
      ["resolved", "accepted"],
    ]);
  });
});

describe("views", () => {
  test("state goes learning, ok, firing, ok, silent", () => {
    const feed = new Feed();
    const states: string[] = [];
    const note = () => states.push(feed.detector.stateOf(0));
    feed.replay(NOON_MS, 2 * MINUTE, steady);
    note();
    feed.replay(NOON_MS + 2 * MINUTE, 20 * MINUTE, steady);
    note();
    feed.replay(NOON_MS + 22 * MINUTE, 2 * MINUTE, spike);
    note();
    feed.replay(NOON_MS + 24 * MINUTE, 10 * MINUTE, steady);
    note();
    feed.replay(NOON_MS + 34 * MINUTE, 20 * MINUTE, { slot: 1, perMinute: 5 });
    note();
    expect(states).toEqual(["learning", "ok", "firing", "ok", "silent"]);
  });

  test("explain states evidence and bar of every kind, open or not", () => {
    const feed = new Feed();
    feed.replay(NOON_MS, HOUR, steady);
    const before = feed.detector.explain(0);
    expect(before.map(({ kind, part }) => kind + part)).toEqual([
      "error",
      "volumesurge",
      "volumedrop",
      "latency",
    ]);
    feed.post(feed.step(NOON_MS + HOUR, { records: 20, errors: 15 }), NOON_MS + HOUR);
    feed.detector.tickTo(NOON_MS + HOUR + 3 * STEP_MS);
    const after = feed.detector.explain(0);
    expect(after[0]?.evidence ?? 0).toBeGreaterThan(before[0]?.evidence ?? 0);
    expect(after[0]?.evidence ?? 0).toBeLessThan(after[0]?.bar ?? 0);
  });
});
