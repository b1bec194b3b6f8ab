import { type CountDeltas, STEP_MS } from "@tracer/core";
import { describe, expect, test } from "vitest";
import { Detector } from "./detector.ts";
import { Feed, HOUR, MINUTE, NOON_MS, SECOND } from "./feed.test-helper.ts";
import { savedParts } from "./snapshot.test-helper.ts";

const HISTORY_HOURS = 7;

interface Share {
  readonly own: number;
  readonly ownErrors?: number;
  readonly foreign: number;
  readonly foreignErrors?: number;
}

/** Exact counts of a step, and what of them came to another processor. */
function step(
  feed: Feed,
  atMs: number,
  { own, ownErrors = 0, foreign, foreignErrors = 0 }: Share,
): void {
  if (own > 0) feed.post(feed.step(atMs, { records: own, errors: ownErrors }), atMs + STEP_MS);
  else feed.tick(atMs + STEP_MS);
  if (foreign > 0)
    postForeign(feed, feed.step(atMs, { records: foreign, errors: foreignErrors }), atMs);
  // Another service that goes on: nothing from anybody is another kind of silence.
  feed.post(feed.step(atMs, { slot: 1, records: 30 }), atMs + STEP_MS);
}

function postForeign(feed: Feed, deltas: CountDeltas, atMs: number): void {
  feed.detector.observeForeign(deltas, atMs + STEP_MS + 2 * SECOND);
}

function steps(feed: Feed, fromMs: number, lengthMs: number, share: Share): void {
  for (let atMs = fromMs; atMs < fromMs + lengthMs; atMs += STEP_MS) step(feed, atMs, share);
}

function shared(share: Share, options: ConstructorParameters<typeof Feed>[0] = {}): Feed {
  const feed = new Feed(options);
  feed.detector.share(true);
  steps(feed, NOON_MS - HISTORY_HOURS * HOUR, HISTORY_HOURS * HOUR, share);
  return feed;
}

describe("what others count", () => {
  test("counts for the volume: all of it may come to others, and when it stops there too it is a drop", () => {
    const feed = shared({ own: 20, foreign: 20 });
    steps(feed, NOON_MS, 5 * MINUTE, { own: 0, foreign: 40 });
    expect(feed.said("opened")).toEqual([]);
    const closed = feed.detector.bucketsOf(0, 60).filter((bucket) => bucket.closed);
    expect(closed.map(({ records }) => records)).toEqual(closed.map(() => 240));
    steps(feed, NOON_MS + 5 * MINUTE, 2 * MINUTE, { own: 0, foreign: 0 });
    expect(feed.said("opened")).toEqual(["volume/drop"]);
    expect(feed.first("opened", "volume/drop").signal.evidence.observed).toBe(0);
  });

  test("without them the same is a drop: this is what they are for", () => {
    const feed = new Feed();
    steps(feed, NOON_MS - HISTORY_HOURS * HOUR, HISTORY_HOURS * HOUR, { own: 20, foreign: 0 });
    steps(feed, NOON_MS, 3 * MINUTE, { own: 0, foreign: 0 });
    expect(feed.said("opened")).toEqual(["volume/drop"]);
  });

  test("a surge is one of the sum", () => {
    const feed = shared({ own: 20, foreign: 20 });
    steps(feed, NOON_MS, 30 * MINUTE, { own: 40, foreign: 0 });
    expect(feed.said("opened")).toEqual([]);
    steps(feed, NOON_MS + 30 * MINUTE, 30 * MINUTE, { own: 20, foreign: 180 });
    expect(feed.said("opened")).toEqual(["volume/surge"]);
  });

  test("their errors raise nothing here, ours do as if they were alone", () => {
    const feed = shared({ own: 20, foreign: 20 });
    steps(feed, NOON_MS, 10 * MINUTE, { own: 20, foreign: 20, foreignErrors: 15 });
    expect(feed.said("opened")).toEqual([]);
    const minute = feed.detector.bucketsOf(0, 1)[0];
    expect(minute).toMatchObject({ records: 240, errors: 90 });
    const atMs = NOON_MS + 10 * MINUTE;
    for (let at = 0; at < 6; at += 1) {
      const startMs = atMs + at * STEP_MS;
      feed.post(feed.step(startMs, { records: 20, errors: 10 }), startMs + STEP_MS);
    }
    expect(feed.said("opened")).toEqual(["error"]);
    expect(feed.first("opened", "error").signal.evidence.observed).toBeGreaterThan(0.4);
  });

  test("a service that comes over brings its usual errors along; an open signal ends by what others hear", () => {
    const moved = new Feed();
    moved.detector.share(true);
    const usual = { own: 0, foreign: 40, foreignErrors: 4 };
    steps(moved, NOON_MS - HISTORY_HOURS * HOUR, HISTORY_HOURS * HOUR, usual);
    steps(moved, NOON_MS, 10 * MINUTE, { own: 40, ownErrors: 4, foreign: 0 });
    expect(moved.said("opened")).toEqual([]);
    const bad = { own: 40, ownErrors: 30, foreign: 0 };
    steps(moved, NOON_MS + 10 * MINUTE, 2 * MINUTE, bad);
    expect(moved.said("opened")).toEqual(["error"]);
    steps(moved, NOON_MS + 12 * MINUTE, 3 * MINUTE, usual);
    expect(moved.said("resolved")).toEqual(["error"]);
  });

  test("they are arrivals: ticks go on, and nothing from here alone is no broken line", () => {
    const feed = new Feed();
    feed.detector.share(true);
    feed.live(NOON_MS - 2 * HOUR, 2 * HOUR, { perMinute: 600 });
    for (let atMs = NOON_MS; atMs < NOON_MS + 5 * MINUTE; atMs += SECOND) {
      feed.detector.observeForeign(feed.step(atMs, { records: 10 }), atMs + 2 * SECOND);
      feed.tick(atMs + 2 * SECOND);
    }
    expect(feed.detector.pipeline).toBe("ok");
    feed.quiet(NOON_MS + 5 * MINUTE, 3 * MINUTE);
    expect(feed.said("opened")).toEqual(["pipeline"]);
  });
});

describe("what may be missing", () => {
  test("is no silence: neither a drop nor a broken line, until the doubt is over", () => {
    const feed = shared({ own: 20, foreign: 20 });
    feed.detector.doubt({ fromMs: NOON_MS - MINUTE, untilMs: NOON_MS + 4 * MINUTE });
    for (let at = 0; at < 24; at += 1) step(feed, NOON_MS + at * STEP_MS, { own: 3, foreign: 0 });
    steps(feed, NOON_MS + 4 * MINUTE, 20 * SECOND, { own: 3, foreign: 0 });
    expect(feed.said("opened")).toEqual([]);
    feed.detector.doubt({ fromMs: NOON_MS, untilMs: NOON_MS }); // Takes nothing back.
    steps(feed, NOON_MS + 4 * MINUTE + 20 * SECOND, 2 * MINUTE, { own: 3, foreign: 0 });
    expect(feed.said("opened")).toEqual(["volume/drop"]);
    expect(feed.first("opened", "volume/drop").signal.onsetMs).toBe(NOON_MS + 4 * MINUTE);
  });

  test("history that is loaded meanwhile is learned: it is of longer ago", () => {
    const feed = new Feed();
    feed.detector.share(true);
    feed.detector.doubt({ fromMs: NOON_MS - 10 * MINUTE, untilMs: NOON_MS + MINUTE });
    steps(feed, NOON_MS - HISTORY_HOURS * HOUR, HISTORY_HOURS * HOUR, { own: 20, foreign: 20 });
    steps(feed, NOON_MS, MINUTE, { own: 20, foreign: 0 });
    expect(feed.said("opened")).toEqual([]);
    steps(feed, NOON_MS + MINUTE, 2 * MINUTE, { own: 3, foreign: 0 });
    expect(feed.said("opened")).toEqual(["volume/drop"]);
  });

  test("nothing from anybody while in doubt is no broken line", () => {
    const feed = new Feed();
    feed.live(NOON_MS - 2 * HOUR, 2 * HOUR, { perMinute: 600 });
    feed.detector.doubt({ fromMs: NOON_MS, untilMs: NOON_MS + 5 * MINUTE });
    feed.quiet(NOON_MS, 5 * MINUTE - SECOND);
    expect(feed.said("opened")).toEqual([]);
    feed.quiet(NOON_MS + 5 * MINUTE, 2 * SECOND);
    expect(feed.said("opened")).toEqual(["pipeline"]);
  });

  // Goal: counts that take two seconds are in time, also where nobody waits for a late record.
  test.each([0, 10])(
    "a step waits 3 s longer for the others, with a lateness of %i s",
    (seconds) => {
      const feed = new Feed({ latenessSeconds: seconds });
      const closedMs = () => feed.detector.closedMsOf(0);
      const lateness = seconds * SECOND;
      feed.live(NOON_MS - MINUTE, MINUTE + lateness + SECOND, { perMinute: 600 });
      expect(closedMs()).toBe(NOON_MS);
      feed.detector.share(true);
      feed.live(NOON_MS + lateness + SECOND, 11 * SECOND, { perMinute: 600 });
      expect(closedMs()).toBe(NOON_MS);
      const deltas = feed.step(NOON_MS + 9 * SECOND, { records: 5 });
      expect(feed.detector.observeForeign(deltas, NOON_MS + lateness + 12 * SECOND).late).toBe(0);
      feed.live(NOON_MS + lateness + 12 * SECOND, 2 * SECOND, { perMinute: 600 });
      expect(closedMs()).toBe(NOON_MS + STEP_MS);
      expect(feed.detector.observeForeign(deltas, NOON_MS + lateness + 14 * SECOND).late).toBe(5);
    },
  );
});

test("a snapshot keeps what came here of the open steps; the rest is missing, and no silence", () => {
  const feed = shared({ own: 20, foreign: 20 });
  const [head, ...blocks] = savedParts(feed.detector);
  const next = new Detector();
  next.loadHead(head ?? new Uint8Array(0));
  for (const block of blocks) next.loadSlots(block);
  const openOf = (detector: Detector) =>
    detector
      .bucketsOf(0, 60)
      .filter(({ closed }) => !closed)
      .map(({ records }) => records);
  const closedOf = (detector: Detector) => detector.bucketsOf(0, 60).filter(({ closed }) => closed);
  expect(closedOf(next)).toEqual(closedOf(feed.detector));
  expect(openOf(feed.detector).reduce((sum, each) => sum + each, 0)).toBeGreaterThan(
    openOf(next).reduce((sum, each) => sum + each, 0),
  );
  const after = new Feed({ detector: next });
  next.share(true);
  next.resume(NOON_MS + 20 * SECOND);
  steps(after, NOON_MS + 20 * SECOND, 5 * MINUTE, { own: 20, foreign: 20 });
  expect(after.said("opened")).toEqual([]);
});
