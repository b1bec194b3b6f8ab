import { describe, expect, test } from "vitest";
import {
  Feed,
  HOUR,
  MINUTE,
  NOON_MS,
  nameOf,
  notFinite,
  type Traffic,
} from "./feed.test-helper.ts";
import { RULES } from "./options.ts";

/** Hours of `usual`, then so many minutes of `other`; what is open then. */
function seen(usual: Traffic, other: Traffic, minutes: number, feed = new Feed({ seed: 7 })) {
  feed.replay(NOON_MS, 6 * HOUR, usual);
  const faultMs = NOON_MS + 6 * HOUR;
  feed.replay(faultMs, minutes * MINUTE, other);
  return { feed, nowMs: faultMs + minutes * MINUTE };
}

/** Accepts the one open signal, and gives the transition that says so. */
function accept(feed: Feed) {
  const [open, ...others] = feed.detector.openSignals();
  expect(others).toEqual([]);
  if (open === undefined) throw new Error("nothing is open");
  expect(feed.detector.accept(open.slot, open.kind, open.part)).toBe(true);
  feed.transitions.splice(0);
  const [ended, ...more] = feed.detector.takeTransitions();
  expect(more).toEqual([]);
  expect(notFinite(ended)).toEqual([]);
  expect(feed.detector.openSignals()).toEqual([]);
  expect(ended).toMatchObject({ state: "resolved", reason: "accepted" });
  expect(ended?.signal.evidence.sentence).toMatch(/\. Accepted by hand as the new normal$/);
  return ended;
}

describe("what is accepted by hand", () => {
  test.each([
    { name: "busy", perMinute: 600, minutes: 10 },
    { name: "busy, hours later", perMinute: 600, minutes: 300 },
    { name: "quiet", perMinute: 6, minutes: 60 },
  ])("errors ($name): the same share does not alert again, a higher one does", (shape) => {
    const { perMinute, minutes } = shape;
    const faulty = { perMinute, errorShare: 0.2 };
    const { feed, nowMs } = seen({ perMinute, errorShare: 0.01 }, faulty, minutes);
    expect(accept(feed)?.signal.kind).toBe("error");
    feed.replay(nowMs, 8 * HOUR, faulty);
    expect(feed.said("opened")).toEqual([]);
    feed.replay(nowMs + 8 * HOUR, 2 * HOUR, { perMinute, errorShare: 0.7 });
    expect(feed.said("opened")).toEqual(["error"]);
  });

  test("all records are errors: it can only get better, and then worse again", () => {
    const all = { perMinute: 60, errorShare: 1 };
    const { feed, nowMs } = seen({ perMinute: 60, errorShare: 0.01 }, all, 20);
    accept(feed);
    feed.replay(nowMs, 3 * HOUR, all);
    feed.replay(nowMs + 3 * HOUR, 12 * HOUR, { perMinute: 60, errorShare: 0.01 });
    expect(feed.said("opened")).toEqual([]);
    feed.replay(nowMs + 15 * HOUR, 20 * MINUTE, all);
    expect(feed.said("opened")).toEqual(["error"]);
  });

  test.each([
    { name: "surge", factor: 4, minutes: 20 },
    { name: "drop", factor: 0.25, minutes: 20 },
    { name: "drop", factor: 0.25, minutes: 200 },
  ])("volume, $name after $minutes min: the level since the onset is normal", (shape) => {
    const other = { perMinute: 100 * shape.factor };
    const { feed, nowMs } = seen({ perMinute: 100 }, other, shape.minutes);
    expect(accept(feed)?.signal.part).toBe(shape.name);
    feed.replay(nowMs, 6 * HOUR, other);
    expect(feed.said("opened")).toEqual([]);
    const index = feed.detector.explain(0).find(({ part }) => part === "surge");
    expect((index?.expected ?? 0) / other.perMinute).toBeCloseTo(1, 0);
    feed.replay(nowMs + 6 * HOUR, 30 * MINUTE, { perMinute: 6 * other.perMinute });
    expect(feed.said("opened")).toEqual(["volume/surge"]);
  });

  test("silence: a service that is not expected any more", () => {
    const feed = new Feed({ seed: 7 });
    const [own, other] = [{ perMinute: 100 }, { slot: 1, perMinute: 100 }]; // Silence of all is another thing.
    feed.replay(NOON_MS, 7 * HOUR, own, other);
    feed.replay(NOON_MS + 7 * HOUR, 30 * MINUTE, other);
    expect(accept(feed)?.signal).toMatchObject({ kind: "volume", part: "drop" });
    feed.replay(NOON_MS + 7.5 * HOUR, 12 * HOUR, other);
    expect(feed.said("opened")).toEqual([]);
  });

  test("latency: the same does not alert again, a slower one does", () => {
    const slow = { perMinute: 100, latencyMs: 400 };
    const { feed, nowMs } = seen({ perMinute: 100, latencyMs: 100 }, slow, 20);
    expect(accept(feed)?.signal.kind).toBe("latency");
    feed.replay(nowMs, 8 * HOUR, slow);
    expect(feed.said("opened")).toEqual([]);
    feed.replay(nowMs + 8 * HOUR, 20 * MINUTE, { perMinute: 100, latencyMs: 1_600 });
    expect(feed.said("opened")).toEqual(["latency"]);
  });

  const lasting = RULES.filter((rule) => rule !== "rate_of_change"); // It compares with the minute before.
  test.each(lasting)("by the rule %s", (rule) => {
    const feed = new Feed({ seed: 3, rules: [rule] });
    const faulty = { perMinute: 100, errorShare: 0.3 };
    const { nowMs } = seen({ perMinute: 100, errorShare: 0.01 }, faulty, 3, feed);
    expect(feed.detector.openSignals().map(nameOf)).toEqual(["error"]);
    accept(feed);
    feed.replay(nowMs, 2 * HOUR, faulty);
    expect(feed.said("opened")).toEqual([]);
  });

  test("nothing of the kind is open: false, and nothing changes", () => {
    const { feed } = seen({ perMinute: 100 }, { perMinute: 100, errorShare: 0.3 }, 5);
    expect(feed.detector.accept(0, "latency", "")).toBe(false);
    expect(feed.detector.accept(0, "volume", "drop")).toBe(false);
    expect(feed.detector.accept(0, "pipeline", "")).toBe(false);
    expect(feed.detector.accept(9, "error", "")).toBe(false);
    expect(feed.detector.takeTransitions()).toEqual([]);
    expect(feed.detector.openSignals().map(nameOf)).toEqual(["error"]);
  });
});
