import { CountDeltas, LevelIndex } from "@tracer/core";
import { describe, expect, test } from "vitest";
import { meanAndVariance } from "./bucket-scores.ts";
import { Feed, HOUR, MINUTE, NOON_MS, notFinite, SECOND } from "./feed.test-helper.ts";
import { IDLE_SECONDS } from "./idle.ts";

const steady = { perMinute: 100, errorShare: 0.02 };

describe("design.md §9, detection", () => {
  test.each(["z_score", "ewma", "rate_of_change", "median_mad", "evidence"] as const)(
    "rate of change from zero, and constant baseline then +1: finite text, finite JSON (%s)",
    (rule) => {
      const feed = new Feed({ rules: [rule] });
      for (let at = 0; at < 60 * 6; at += 1) {
        feed.post(feed.step(NOON_MS + at * 10_000, { records: 10 }), NOON_MS + at * 10_000);
      }
      for (let at = 360; at < 366; at += 1) {
        feed.post(feed.step(NOON_MS + at * 10_000, { records: 11 }), NOON_MS + at * 10_000);
      }
      expect(feed.transitions).toEqual([]); // +1 a step on a constant is no finding.
      for (let at = 366; at < 420; at += 1) {
        const counts = { records: 11 + 40, errors: 40 };
        feed.post(feed.step(NOON_MS + at * 10_000, counts), NOON_MS + at * 10_000);
      }
      const { signal } = feed.first("opened", "error");
      expect(signal.evidence.expected).toBeLessThan(0.001);
      expect(signal.evidence.sentence).not.toMatch(/NaN|Infinity/);
      const all = [...feed.transitions, ...feed.detector.openSignals()];
      expect(notFinite(JSON.parse(JSON.stringify(all)))).toEqual([]);
      expect(notFinite(all)).toEqual([]);
    },
  );

  test("rate of change from zero reads 'new, was 0'", () => {
    const feed = new Feed();
    feed.replay(NOON_MS, HOUR, { perMinute: 100 });
    feed.replay(NOON_MS + HOUR, 2 * MINUTE, { perMinute: 100, errorShare: 0.3 });
    const { evidence } = feed.first("opened", "error").signal;
    expect(evidence.ratio).toBeNull();
    expect(evidence.expected).toBe(0);
    expect(evidence.sentence).toContain("new, was 0");
    expect(evidence.rateOfChange).toBeGreaterThan(1);
    expect(evidence.z).toBeGreaterThan(4);
  });

  test.each(["z_score", "ewma", "median_mad"] as const)(
    "regime change 10 → 100: baseline follows within the window (%s)",
    (rule) => {
      const feed = new Feed({ rules: [rule] });
      feed.replay(NOON_MS, 3 * HOUR, { perMinute: 10 });
      feed.replay(NOON_MS + 3 * HOUR, 2 * HOUR, { perMinute: 100 });
      expect(feed.said("opened")).toEqual(["volume/surge"]);
      expect(feed.said("resolved")).toEqual(["volume/surge"]);
      const { decidedMs } = feed.first("opened", "volume/surge").signal;
      expect(decidedMs - (NOON_MS + 3 * HOUR)).toBeLessThanOrEqual(2 * MINUTE);
      const { lastStepMs } = feed.first("resolved", "volume/surge").signal;
      expect(lastStepMs - (NOON_MS + 3 * HOUR)).toBeLessThanOrEqual(61 * MINUTE);
    },
  );

  test("regime change 10 → 100: after six hours the new normal is accepted, and said so", () => {
    const feed = new Feed();
    feed.replay(NOON_MS, 3 * HOUR, { perMinute: 10 });
    feed.replay(NOON_MS + 3 * HOUR, 9 * HOUR, { perMinute: 100 });
    expect(feed.said("opened")).toEqual(["volume/surge"]);
    const { reason, signal } = feed.first("resolved", "volume/surge");
    expect(reason).toBe("accepted");
    expect(signal.evidence.sentence).toContain("new normal");
    const level = feed.detector.explain(0)[1]?.expected ?? 0;
    expect(level).toBeGreaterThan(80);
    expect(level).toBeLessThan(120);
  });

  test.each(["evidence", "z_score", "ewma", "rate_of_change", "median_mad"] as const)(
    "score before learn: 2/min then 100/min fires (%s)",
    (rule) => {
      const feed = new Feed({ rules: [rule] });
      feed.replay(NOON_MS, HOUR, { perMinute: 2 });
      feed.replay(NOON_MS + HOUR, 6 * MINUTE, { perMinute: 100 });
      expect(feed.said("opened")).toEqual(["volume/surge"]);
    },
  );

  test("three equal incidents in an hour: all three found", () => {
    const feed = new Feed();
    feed.replay(NOON_MS, 3 * HOUR, steady);
    for (const start of [0, 20, 40]) {
      const fromMs = NOON_MS + 3 * HOUR + start * MINUTE;
      feed.replay(fromMs, 5 * MINUTE, { perMinute: 100, errorShare: 0.3 });
      feed.replay(fromMs + 5 * MINUTE, 15 * MINUTE, steady);
    }
    expect(feed.said("opened")).toEqual(["error", "error", "error"]);
    expect(feed.said("resolved")).toEqual(["error", "error", "error"]);
    for (const { state, signal } of feed.transitions) {
      if (state !== "resolved") continue;
      const minute = ((signal.lastStepMs - NOON_MS - 3 * HOUR) / MINUTE) % 20;
      expect(minute).toBeLessThanOrEqual(5 + 2); // Within two minutes of the end of the fault.
    }
  });

  test("1e9 ± 1 series: exact variance", () => {
    const values = Array.from({ length: 60 }, (_, at) => 1e9 + (at % 2 === 0 ? 1 : -1));
    expect(meanAndVariance(values)).toEqual({ mean: 1e9, variance: 60 / 59 });
    for (const perStep of [10_000, 1e8]) {
      const feed = new Feed({ rules: ["z_score", "ewma"] });
      for (let at = 0; at < 130 * 6; at += 1) {
        const records = perStep + (at % 12 < 6 ? 1 : -1);
        feed.post(feed.step(NOON_MS + at * 10_000, { records }), NOON_MS + at * 10_000);
      }
      expect(feed.transitions).toEqual([]);
      const views = feed.detector.bucketsOf(0, 60).filter(({ closed }) => closed);
      const seen = new Set(views.map(({ records }) => records));
      if (perStep === 10_000) expect(seen).toEqual(new Set([60_006, 59_994]));
      // Ten million a second: the ring's unit is far below the chance in such a count.
      for (const records of seen) expect(Math.abs(records / perStep / 6 - 1)).toBeLessThan(2e-4);
    }
  });

  test.each([
    ["+24 h", 24 * HOUR],
    ["a year ahead", 365 * 24 * HOUR],
    ["an invalid date, read as 1970", -NOON_MS],
  ])("one log dated %s: no effect on others", (_, offsetMs) => {
    const run = (odd: boolean) => {
      const feed = new Feed({ seed: 7 });
      const other = { slot: 1, perMinute: 100 };
      feed.live(NOON_MS, 10 * MINUTE, steady, other);
      const atMs = NOON_MS + 10 * MINUTE;
      if (odd) feed.post(feed.step(atMs + offsetMs, { slot: 2, records: 1, errors: 1 }), atMs);
      if (odd) feed.post(feed.step(atMs + offsetMs, { slot: 1, records: 1 }), atMs);
      feed.live(atMs, 2 * MINUTE, { ...steady, errorShare: 0.5 }, other);
      return feed;
    };
    const plain = run(false);
    const odd = run(true);
    expect(odd.said("opened")).toEqual(["error"]);
    expect(odd.transitions).toEqual(plain.transitions);
    // Its own series goes on too: nothing was cut off by a watermark in the future.
    expect(odd.late).toBe(offsetMs < 0 ? 1 : 0);
    expect(odd.detector.bucketsOf(1, 60).length).toBe(plain.detector.bucketsOf(1, 60).length);
  });

  test("100 late errors: no alert with an end before its start", () => {
    const feed = new Feed();
    feed.live(NOON_MS, 10 * MINUTE, steady);
    const nowMs = NOON_MS + 10 * MINUTE;
    const deltas = new CountDeltas();
    for (let at = 0; at < 100; at += 1) {
      deltas.add(0, nowMs - 5 * MINUTE + at * SECOND, LevelIndex.error, Number.NaN);
    }
    feed.post(deltas, nowMs);
    feed.live(nowMs, MINUTE, steady);
    expect(feed.late).toBe(100);
    expect(feed.transitions).toEqual([]);
  });

  test("15 fatal over 40 s, then silence: one error incident, decided by the timer", () => {
    const feed = new Feed();
    feed.live(NOON_MS, 20 * MINUTE, { perMinute: 20 });
    const fromMs = NOON_MS + 20 * MINUTE;
    for (let at = 0; at < 15; at += 1) {
      const atMs = fromMs + Math.round((at * 40_000) / 15);
      feed.quiet(atMs - 2_000, 2_000);
      feed.post(feed.step(atMs, { records: 1, errors: 1, fatals: 1 }), atMs);
    }
    const posted = feed.said("opened").length;
    feed.quiet(fromMs + 38_000, 10 * MINUTE);
    expect(posted).toBe(0);
    expect(feed.said("opened")).toEqual(["error"]);
    const { signal } = feed.first("opened", "error");
    expect(signal.severity).toBe("critical");
    expect(signal.evidence.sentence).toContain("fatal");
  });

  test("30 min of silence at a steady 5 %: nothing but the silence itself", () => {
    const feed = new Feed();
    const service = { perMinute: 60, errorShare: 0.05 };
    const other = { slot: 1, perMinute: 30 };
    feed.replay(NOON_MS - 7 * HOUR, 7 * HOUR, service, other);
    feed.live(NOON_MS, 10 * MINUTE, service, other);
    feed.live(NOON_MS + 10 * MINUTE, 30 * MINUTE, other);
    feed.live(NOON_MS + 40 * MINUTE, 10 * MINUTE, service, other);
    expect(feed.said("opened")).toEqual(["volume/drop"]);
    expect(feed.said("resolved")).toEqual(["volume/drop"]);
    const { signal } = feed.first("opened", "volume/drop");
    expect(signal.severity).toBe("critical");
    expect(signal.slot).toBe(0);
    expect(signal.onsetMs).toBe(NOON_MS + 10 * MINUTE);
    expect(signal.decidedMs - signal.onsetMs).toBeLessThanOrEqual(80 * SECOND);
  });

  test("60 errors spread over 40 s, delivered in one batch: one alert, not several", () => {
    const feed = new Feed();
    feed.live(NOON_MS, 30 * MINUTE, steady);
    const nowMs = NOON_MS + 30 * MINUTE;
    feed.quiet(nowMs, 5 * SECOND);
    const deltas = new CountDeltas();
    for (let at = 0; at < 60; at += 1) {
      const atMs = nowMs + Math.round((at * 40_000) / 60);
      deltas.add(0, atMs, LevelIndex.error, Number.NaN);
    }
    feed.post(deltas, nowMs + 40_000);
    feed.live(nowMs + 40_000, 5 * MINUTE, steady);
    expect(feed.said("opened")).toEqual(["error"]);
    expect(feed.said("resolved")).toEqual(["error"]);
  });

  test("60 errors within one step and nothing after: no alert, shown as a blip", () => {
    const feed = new Feed();
    feed.live(NOON_MS, 30 * MINUTE, steady);
    const nowMs = NOON_MS + 30 * MINUTE;
    feed.post(feed.step(nowMs + 2 * SECOND, { records: 60, errors: 60 }), nowMs + 3 * SECOND);
    feed.quiet(nowMs + 3 * SECOND, 10 * MINUTE);
    expect(feed.said("opened")).toEqual([]);
    const blip = feed.detector.bucketsOf(0, 60).find(({ startMs }) => startMs === nowMs);
    expect(blip?.errors).toBe(60);
  });

  test.each([
    [100, 0.02],
    [1_000, 0.02],
    [100, 0.05],
    [1_000, 0.005],
    [30, 0.03],
  ])(
    "steady Bernoulli traffic for 24 h, %s/min at %s: at most 1 alert per service-week over ten seeds",
    (perMinute, errorShare) => {
      const feed = new Feed({ seed: perMinute + errorShare * 1e4 });
      const services = Array.from({ length: 10 }, (_, slot) => ({ slot, perMinute, errorShare }));
      feed.replay(NOON_MS, 24 * HOUR, ...services);
      expect(feed.said("opened").length).toBeLessThanOrEqual(1); // Ten days are 1.4 weeks.
    },
    20_000,
  );

  test("a flood of names: a service that never had 60 records is forgotten after an hour", () => {
    const feed = new Feed();
    const deltas = new CountDeltas();
    for (const [slot, records] of [59, 60].entries()) {
      deltas.add(slot, NOON_MS, LevelIndex.info, Number.NaN, records);
    }
    feed.post(deltas, NOON_MS);
    feed.quiet(NOON_MS, MINUTE);
    const other = { slot: 2, perMinute: 600 };
    feed.replay(NOON_MS + MINUTE, MINUTE, other);
    expect(feed.detector.idleSlots(NOON_MS + HOUR - SECOND)).toEqual([]);
    expect(feed.detector.idleSlots(NOON_MS + HOUR)).toEqual([0]);
    expect(feed.detector.idleSlots(NOON_MS + IDLE_SECONDS * SECOND)).toEqual([0, 1]);
  });

  test("service silent for ever: memory returns", () => {
    const feed = new Feed();
    const other = { slot: 1, perMinute: 6 };
    feed.replay(NOON_MS - 8 * HOUR, 8 * HOUR, steady, other);
    feed.live(NOON_MS, MINUTE, steady, other);
    feed.replay(NOON_MS + MINUTE, 7 * HOUR, other);
    expect(feed.said("opened")).toEqual(["volume/drop"]);
    expect(feed.first("resolved", "volume/drop").reason).toBe("accepted");
    const idleMs = NOON_MS + MINUTE + IDLE_SECONDS * SECOND;
    expect(feed.detector.idleSlots(idleMs - MINUTE)).toEqual([]);
    expect(feed.detector.idleSlots(idleMs)).toEqual([0]);
    feed.detector.release(0);
    expect(feed.detector.bucketsOf(0, 60)).toEqual([]);
    expect(feed.detector.stateOf(0)).toBe("learning");
  });
});
