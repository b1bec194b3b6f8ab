import { CountDeltas } from "@tracer/core";
import { describe, expect, test } from "vitest";
import { Detector } from "./detector.ts";
import { Feed, HOUR, MINUTE, NOON_MS, SECOND, seeded } from "./feed.test-helper.ts";
import { emptyStep } from "./open-steps.ts";
import { SeriesColumns } from "./series-columns.ts";
import { SignalBook } from "./signal-book.ts";
import { restored, savedParts } from "./snapshot.test-helper.ts";

const SERVICES = [0, 1, 2, 3, 4].map((slot) => ({ slot, perMinute: 40 * (slot + 1) }));
const PAST_MS = 8 * HOUR;

/** Eight hours of five services, live, so that their silence would mean something. */
function learned(seed: number): Feed {
  const feed = new Feed({ seed });
  for (const service of SERVICES) {
    feed.history(NOON_MS - 20 * MINUTE, PAST_MS, { ...service, errorShare: 0.02 });
  }
  const live = SERVICES.map((service) => ({ ...service, errorShare: 0.02 }));
  feed.live(NOON_MS - 20 * MINUTE, 20 * MINUTE, ...live);
  expect(feed.transitions).toEqual([]);
  return feed;
}

/** The feed after a kill at its last second and a start `gapMs` later. */
function restarted(feed: Feed, gapMs: number): Feed {
  const detector = restored(savedParts(feed.detector), {});
  detector.resume(NOON_MS + gapMs);
  return new Feed({ seed: 99, detector });
}

describe("a gap in which nobody listened", () => {
  test.each([
    ["10 seconds", 10 * SECOND],
    ["4 minutes", 4 * MINUTE],
    ["20 minutes", 20 * MINUTE],
    ["3 hours", 3 * HOUR],
    ["7 hours", 7 * HOUR],
    ["a day", 24 * HOUR],
  ])("of %s, and all goes on as before: nothing is said", (_, gapMs) => {
    const feed = restarted(learned(3), gapMs);
    const live = SERVICES.map((service) => ({ ...service, errorShare: 0.02 }));
    feed.live(NOON_MS + gapMs, 12 * MINUTE, ...live);
    expect(feed.said("opened")).toEqual([]);
  });

  test("a service that does not come back, while the others do, is missed", () => {
    const feed = restarted(learned(4), 2 * MINUTE);
    feed.live(NOON_MS + 2 * MINUTE, 2 * MINUTE, ...SERVICES.slice(0, 4));
    expect(feed.said("opened")).toEqual([]); // It may only be slow to come back.
    feed.live(NOON_MS + 4 * MINUTE, 2 * MINUTE, ...SERVICES.slice(0, 4));
    expect(feed.said("opened")).toEqual(["volume/drop"]);
  });

  test("records of the gap that come after it are counted", () => {
    const feed = restarted(learned(4), 2 * MINUTE);
    const late = new CountDeltas();
    for (const service of SERVICES) feed.fill(late, NOON_MS, 2 * MINUTE, service);
    feed.post(late, NOON_MS + 2 * MINUTE + SECOND);
    expect(feed.late).toBe(0);
    feed.live(NOON_MS + 2 * MINUTE, 3 * MINUTE, ...SERVICES);
    const buckets = feed.detector.bucketsOf(2, 60).filter(({ closed }) => closed);
    const inGap = buckets.find(({ startMs }) => startMs === NOON_MS + MINUTE);
    expect(inGap?.records).toBeGreaterThan(80);
  });

  test("nothing at all arrives after it: the pipeline is not silent before two minutes", () => {
    const feed = restarted(learned(5), HOUR);
    feed.quiet(NOON_MS + HOUR, 119 * SECOND);
    expect(feed.said("opened")).toEqual([]);
    feed.quiet(NOON_MS + HOUR + 119 * SECOND, 5 * MINUTE);
    expect(feed.said("opened")).toEqual(["pipeline"]);
  });

  test.each([
    ["5 minutes: an open signal goes on", 5 * MINUTE, ["error"]],
    ["longer: it is dropped, and found again", 5 * MINUTE + 10 * SECOND, []],
  ])("of %s", (_, gapMs, open) => {
    const feed = learned(6);
    const failing = { ...SERVICES[0], slot: 0, perMinute: 200, errorShare: 0.5 };
    const cutMs = NOON_MS + MINUTE;
    feed.live(NOON_MS, MINUTE, failing);
    expect(feed.said("opened")).toEqual(["error"]);
    const detector = restored(savedParts(feed.detector), {});
    detector.resume(cutMs + gapMs);
    expect(detector.openSignals().map(({ kind }) => kind)).toEqual(open);
    const next = new Feed({ detector });
    next.live(cutMs + gapMs, 2 * MINUTE, failing);
    expect(next.said("opened")).toEqual(open.length === 0 ? ["error"] : []);
    next.live(cutMs + gapMs + 2 * MINUTE, 3 * MINUTE, { ...failing, errorShare: 0.02 });
    expect(next.said("resolved")).toEqual(["error"]);
  });
});

test("missing steps that pass at once do what they do one by one", () => {
  const random = seeded(7);
  for (let round = 0; round < 200; round += 1) {
    const from = 1_000 + Math.floor(random() * 400);
    const to = from + 1 + Math.floor(random() * 700);
    const [together, alone] = [0, 1].map(() => new SeriesColumns());
    const books = [together, alone].map(
      (columns) => new SignalBook(columns ?? new SeriesColumns(), ["evidence"]),
    );
    const counts = {
      ...{ records: 5, errors: 1, fatals: 0 },
      ...{ latencyCount: 3, latencyLogSum: 12, foreign: 2, foreignErrors: 1 },
    };
    for (const [index, columns] of [together, alone].entries()) {
      columns?.reserve(0);
      for (let step = 600; step < from; step += 1) books[index]?.closeStep(0, step, counts, false);
    }
    books[0]?.missSteps(0, from, to);
    const none = emptyStep();
    for (let step = from; step < to; step += 1) books[1]?.closeStep(0, step, none, true);
    expect(together).toEqual(alone);
  }
});

describe("what is refused", () => {
  const parts = savedParts(learned(8).detector);
  const head = parts[0] ?? new Uint8Array(0);

  test("a snapshot of another version", () => {
    const other = head.slice();
    new DataView(other.buffer).setFloat64(0, 2, true);
    expect(() => restored([other], {})).toThrow("its version is 2,");
  });

  test("one of the future, beyond what clocks may differ", () => {
    const detector = restored(parts, {});
    expect(() => detector.resume(NOON_MS - 5 * MINUTE - SECOND)).toThrow("future");
    detector.resume(NOON_MS - 5 * MINUTE);
  });

  test("more services than there is room for; as many as fit are taken", () => {
    expect(restored(parts, { seriesMax: 5 }).slotEnd).toBe(5);
    expect(() => restored(parts, { seriesMax: 4 })).toThrow("SERIES_MAX");
  });

  test("more open steps than there is room for; as many as fit are taken", () => {
    const detector = new Detector();
    const deltas = new CountDeltas();
    for (let slot = 0; slot < 3; slot += 1) deltas.add(slot, NOON_MS, 2, Number.NaN);
    detector.observe(deltas, NOON_MS);
    const some = savedParts(detector);
    expect(restored(some, { openStepsMax: 3 }).slotEnd).toBe(3);
    expect(() => restored(some, { openStepsMax: 2 })).toThrow("outside");
  });

  test("blocks that are missing, come twice or out of order", () => {
    const [block = head] = parts.slice(1);
    expect(() => restored([head, block, block], {})).toThrow("outside");
    expect(() => restored([head, head], {})).toThrow("cannot be used");
    expect(() => restored([], {})).toThrow("shorter");
  });
});

test("a column that is not known any more is left out, and one that was not saved holds zeros", () => {
  const detector = learned(9).detector;
  const [head = new Uint8Array(0), ...blocks] = savedParts(detector);
  const at = Buffer.from(head).indexOf("delaySamples");
  const renamed = head.slice();
  renamed.set(new TextEncoder().encode("delaySomething".slice(0, 12)), at);
  const next = restored([renamed, ...blocks], {});
  expect(next.explain(2)).toEqual(detector.explain(2));
  expect(next.bucketsOf(2, 60)).toEqual(detector.bucketsOf(2, 60));
});

test("a thousand services fill a block, one more begins another", () => {
  const detector = new Detector();
  const deltas = new CountDeltas();
  for (let slot = 0; slot < 1_024; slot += 1) deltas.add(slot, NOON_MS, 2, Number.NaN);
  detector.observe(deltas, NOON_MS);
  expect(savedParts(detector)).toHaveLength(2);
  deltas.add(1_024, NOON_MS, 2, Number.NaN);
  detector.observe(deltas, NOON_MS);
  expect(savedParts(detector)).toHaveLength(3);
  expect(restored(savedParts(detector), {}).slotEnd).toBe(1_025);
});

test("a snapshot in event time, hours after the last record, is taken over", () => {
  const feed = new Feed({ seed: 7 });
  feed.replay(NOON_MS, 8 * HOUR, { perMinute: 60 });
  feed.replay(NOON_MS + 8 * HOUR, 3 * HOUR);
  const parts = savedParts(feed.detector);
  const next = new Feed({ seed: 7, detector: restored(parts, {}) });
  expect(next.detector.openSignals()).toEqual(feed.detector.openSignals());
  expect(next.detector.openSignals()).toHaveLength(1);
});
