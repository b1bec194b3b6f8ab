import { describe, expect, test } from "vitest";
import {
  DAY,
  Feed,
  HOUR,
  MINUTE,
  MONDAY_MS,
  nameOf,
  notFinite,
  type TrafficAt,
} from "./feed.test-helper.ts";
import { restored, savedParts } from "./snapshot.test-helper.ts";
import type { Transition } from "./transition.ts";

/** Records a minute on the average of a day: one service of each size. */
const RATES = [5, 60, 600];
const BATCH_HOUR = 2;
const BATCH_MS = 10 * MINUTE;
const BATCH_FACTOR = 2.5;
const MONDAY = 0;
const THURSDAY = 3;
const SATURDAY = 5;

/** Day since the first Monday, hour of the day, day of the week from Monday. */
function calendar(atMs: number): { day: number; hour: number; weekday: number } {
  const day = Math.floor((atMs - MONDAY_MS) / DAY);
  return { day, hour: (atMs - MONDAY_MS - day * DAY) / HOUR, weekday: day % 7 };
}

function dayMs(day: number, hour = 0): number {
  return MONDAY_MS + day * DAY + hour * HOUR;
}

/** Six times as much at 14:00 as at 2:00; 1 on the average. */
function curveAt(atMs: number): number {
  return 1 + (5 / 7) * Math.cos((2 * Math.PI * (calendar(atMs).hour - 14)) / 24);
}

function isBatchAt(atMs: number): boolean {
  const sinceMs = (calendar(atMs).hour - BATCH_HOUR) * HOUR;
  return sinceMs >= 0 && sinceMs < BATCH_MS;
}

function weekendAt(atMs: number): number {
  return calendar(atMs).weekday >= SATURDAY ? 0.4 : 1;
}

/** A shop: a strong daily curve, quiet weekends, a batch each night. */
function shopAt(atMs: number): number {
  return curveAt(atMs) * weekendAt(atMs) * (isBatchAt(atMs) ? BATCH_FACTOR : 1);
}

/** The same shape for services of every size. */
function shaped(shapeAt: (atMs: number) => number, rates: readonly number[] = RATES): TrafficAt {
  return (atMs) => rates.map((rate, slot) => ({ slot, perMinute: rate * shapeAt(atMs) }));
}

/** What opened, as "60 volume/drop d3 11:05", and not before `fromMs`. */
function openedSince(feed: Feed, fromMs: number, rates: readonly number[] = RATES): string[] {
  return feed.transitions
    .filter(({ state, signal }) => state === "opened" && signal.decidedMs > fromMs)
    .map(({ signal }) => {
      const { day, hour } = calendar(signal.decidedMs);
      const minute = Math.floor((hour % 1) * 60);
      return `${rates[signal.slot]} ${nameOf(signal)} d${day} ${Math.floor(hour)}:${minute}`;
    });
}

function volumeOf(feed: Feed, slot: number): { expected: number; why: string } {
  const found = feed.detector.explain(slot).find(({ kind }) => kind === "volume");
  if (found === undefined) throw new Error(`volume of ${slot} is not explained`);
  return found;
}

/** A feed that goes on where another one was, with other luck. */
function goneOn(parts: readonly Uint8Array[], seed: number): Feed {
  return new Feed({ seed, detector: restored([...parts], {}) });
}

/** The shop's first days, up to a midnight. */
function shopUntil(day: number, seed: number): { feed: Feed; parts: Uint8Array[] } {
  const feed = new Feed({ seed });
  feed.follow(MONDAY_MS, day * DAY, shaped(shopAt));
  return { feed, parts: savedParts(feed.detector) };
}

const shop = shopUntil(THURSDAY, 1);

describe("a day that is known", () => {
  test("its expected volume follows the curve, and nothing is said", () => {
    const feed = goneOn(shop.parts, 2);
    const worst = RATES.map(() => 0);
    for (let fromMs = dayMs(THURSDAY); fromMs < dayMs(THURSDAY + 2); fromMs += HOUR) {
      feed.follow(fromMs, HOUR / 2, shaped(shopAt));
      RATES.forEach((rate, slot) => {
        const usual = rate * shopAt(fromMs + HOUR / 2);
        const apart = Math.abs(volumeOf(feed, slot).expected / usual - 1);
        worst[slot] = Math.max(worst[slot] ?? 0, apart);
        expect(volumeOf(feed, slot).why).not.toContain("not known yet");
      });
      feed.follow(fromMs + HOUR / 2, HOUR / 2, shaped(shopAt));
    }
    const [low = 1, middle = 1, high = 1] = worst;
    expect(high).toBeLessThan(0.15);
    expect(middle).toBeLessThan(0.25); // At night 17 a minute: chance alone is a quarter of one of them.
    expect(low).toBeLessThan(0.6);
    expect(openedSince(feed, 0)).toEqual([]);
    expect(notFinite([feed.detector.explain(0), feed.detector.bucketsOf(0, 60)])).toEqual([]);
  });

  test.each([1, 2, 3])(
    "a batch of each night alerts nobody from the second night on (seed %s)",
    (seed) => {
      const feed = seed === 1 ? shop.feed : shopUntil(THURSDAY, seed).feed;
      // Of a small service a batch is some dozens of records: it takes a night more to know it.
      const knownMs = (slot: number) => dayMs(slot === 0 ? 2 : 1);
      for (const { signal } of feed.transitions) {
        expect(signal.decidedMs).toBeLessThan(knownMs(signal.slot));
        expect(calendar(signal.onsetMs).hour).toBeCloseTo(BATCH_HOUR, 0);
      }
      const parts = savedParts(feed.detector);
      const next = goneOn(parts, 10 + seed);
      next.follow(dayMs(THURSDAY), BATCH_HOUR * HOUR + BATCH_MS / 2, shaped(shopAt));
      for (const slot of [1, 2]) {
        const rate = RATES[slot] ?? 0;
        const most = 1.3 * rate * shopAt(dayMs(THURSDAY, BATCH_HOUR));
        expect(volumeOf(next, slot).expected).toBeLessThan(most);
        const band = next.detector.bucketsOf(slot, 1).at(-1);
        expect(band?.high).toBeGreaterThan(1.3 * rate * curveAt(dayMs(THURSDAY, BATCH_HOUR)));
      }
    },
  );

  test("a batch that does not come one night alerts nobody, and is known the night after", () => {
    const feed = goneOn(shop.parts, 3);
    const missed = (atMs: number) => curveAt(atMs) * weekendAt(atMs);
    feed.follow(dayMs(THURSDAY), DAY, shaped(missed));
    feed.follow(dayMs(THURSDAY + 1), DAY / 2, shaped(shopAt));
    expect(openedSince(feed, 0)).toEqual([]);
  });

  test("an outage of half an hour is found, and makes no surge of the same time on the next day", () => {
    const feed = goneOn(shop.parts, 4);
    const outageMs = dayMs(THURSDAY, 11);
    const out = (atMs: number) => atMs >= outageMs && atMs < outageMs + 30 * MINUTE;
    feed.follow(
      dayMs(THURSDAY),
      2 * DAY,
      shaped((atMs) => (out(atMs) ? 0 : shopAt(atMs))),
    );
    expect(feed.said("opened")).toEqual(RATES.map(() => "volume/drop"));
    expect(feed.said("resolved")).toEqual(RATES.map(() => "volume/drop"));
    for (const { state, signal } of feed.transitions) {
      expect(signal.severity).toBe("critical");
      const lateMs = state === "opened" ? signal.decidedMs - outageMs : 0;
      expect(lateMs).toBeLessThan(5 * MINUTE);
      expect(signal.lastStepMs).toBeLessThan(outageMs + 35 * MINUTE);
    }
  });

  test("a holiday on which traffic slowly falls to a half, and comes back: nothing is said", () => {
    const feed = goneOn(shop.parts, 5);
    feed.follow(
      dayMs(THURSDAY),
      2 * DAY,
      shaped((atMs) => {
        const { day, hour } = calendar(atMs);
        const gone = Math.min(1, hour / 4);
        return shopAt(atMs) * (day === THURSDAY ? 1 - gone / 2 : 0.5 + gone / 2);
      }),
    );
    expect(openedSince(feed, 0)).toEqual([]);
  });

  test("three times as much that stays: accepted after six hours, and the curve is followed from there", () => {
    const feed = goneOn(shop.parts, 6);
    const shiftMs = dayMs(THURSDAY, 10);
    const shifted = shaped((atMs) => shopAt(atMs) * (atMs >= shiftMs ? 3 : 1));
    feed.follow(dayMs(THURSDAY), DAY, shifted);
    expect(feed.said("opened")).toEqual(RATES.map(() => "volume/surge"));
    for (const { state, reason, signal } of feed.transitions) {
      const { evidence, onsetMs, lastStepMs } = signal;
      expect(Math.abs(onsetMs - shiftMs)).toBeLessThan(5 * MINUTE);
      if (state !== "resolved") continue;
      expect(reason).toBe("accepted");
      expect(evidence.sentence).toContain("new normal");
      expect(lastStepMs - shiftMs).toBeLessThan(6 * HOUR + 20 * MINUTE);
    }
    expect(feed.said("resolved")).toHaveLength(RATES.length);
    feed.follow(dayMs(THURSDAY + 1), 20 * HOUR, shifted);
    expect(openedSince(feed, dayMs(THURSDAY + 1))).toEqual([]);
    const usual = 3 * 600 * shopAt(dayMs(THURSDAY + 1, 20));
    expect(Math.abs(volumeOf(feed, 2).expected / usual - 1)).toBeLessThan(0.15);
  });

  test.each([2.5, 5])("a surge by %s leaves what is expected as it was", (factor) => {
    const calm = goneOn(shop.parts, 7);
    const busy = goneOn(shop.parts, 7);
    const surgeMs = dayMs(THURSDAY, 10);
    calm.follow(dayMs(THURSDAY), 10 * HOUR + 30 * MINUTE, shaped(shopAt));
    busy.follow(
      dayMs(THURSDAY),
      10 * HOUR + 30 * MINUTE,
      shaped((atMs) => shopAt(atMs) * (atMs >= surgeMs ? factor : 1)),
    );
    expect(busy.said("opened")).toEqual(RATES.map(() => "volume/surge"));
    RATES.forEach((_, slot) => {
      const apart = volumeOf(busy, slot).expected / volumeOf(calm, slot).expected - 1;
      expect(Math.abs(apart)).toBeLessThan(slot === 0 ? 0.25 : 0.1);
    });
  });

  test.each([
    { factor: 2.7, minutes: 4, opened: [] },
    { factor: 6, minutes: 1, opened: [] },
    { factor: 2.7, minutes: 8, opened: ["volume/surge"] },
    { factor: 6, minutes: 4, opened: ["volume/surge"] },
  ])("a surge by $factor for $minutes min: $opened", ({ factor, minutes, opened }) => {
    const feed = goneOn(shop.parts, 9);
    const surgeMs = dayMs(THURSDAY, 10);
    const isBusy = (atMs: number) => atMs >= surgeMs && atMs < surgeMs + minutes * MINUTE;
    feed.follow(dayMs(THURSDAY), 11 * HOUR, (atMs) =>
      RATES.map((rate, slot) => ({
        slot,
        perMinute: rate * shopAt(atMs) * (slot === 2 && isBusy(atMs) ? factor : 1),
      })),
    );
    expect(feed.said("opened")).toEqual(opened);
  });
});

describe("a first day", () => {
  test.each([2.5, 5])("a surge by %s leaves the level as it was", (factor) => {
    const flat = shaped(() => 1);
    const calm = new Feed({ seed: 8 });
    const busy = new Feed({ seed: 8 });
    for (const feed of [calm, busy]) feed.follow(MONDAY_MS, 5 * HOUR, flat);
    calm.follow(dayMs(MONDAY, 5), HOUR, flat);
    busy.follow(
      dayMs(MONDAY, 5),
      HOUR,
      shaped(() => factor),
    );
    expect(busy.said("opened")).toEqual(RATES.map(() => "volume/surge"));
    RATES.forEach((_, slot) => {
      const apart = volumeOf(busy, slot).expected / volumeOf(calm, slot).expected - 1;
      expect(Math.abs(apart)).toBeLessThan(slot === 0 ? 0.25 : 0.1);
    });
  });

  test("a job of one minute each hour, two and a half times as much: nothing is said for two days", () => {
    const feed = new Feed({ seed: 9 });
    feed.follow(
      MONDAY_MS,
      2 * DAY,
      shaped((atMs) => (atMs % HOUR < MINUTE ? 2.5 : 1)),
    );
    expect(openedSince(feed, 0)).toEqual([]);
  });

  test.each([11, 12])(
    "three times as much that stays, from ten o'clock: told once more for the hours before it, and then no more (seed %s)",
    (seed) => {
      const rates = [60, 600];
      const feed = new Feed({ seed });
      const shiftMs = dayMs(MONDAY, 10);
      const shifted = shaped((atMs) => (atMs >= shiftMs ? 3 : 1), rates);
      feed.follow(MONDAY_MS, 3 * DAY, shifted);
      expect(feed.said("opened")).toEqual(Array(4).fill("volume/surge"));
      expect(openedSince(feed, dayMs(MONDAY + 1, 1), rates)).toEqual([]);
      for (const { state, reason } of feed.transitions) {
        if (state === "resolved") expect(reason).toBe("accepted");
      }
    },
  );
});

describe("weekends", () => {
  const fortnight = goneOn(shop.parts, 20);
  fortnight.follow(dayMs(THURSDAY), 9 * DAY, shaped(shopAt));
  const secondSaturday = savedParts(fortnight.detector);

  test("of 40 %: the first, the Monday after and the second alert nobody", () => {
    const feed = goneOn(secondSaturday, 21);
    feed.follow(dayMs(SATURDAY + 7), 2.5 * DAY, shaped(shopAt));
    expect(openedSince(fortnight, 0)).toEqual([]);
    expect(openedSince(feed, 0)).toEqual([]);
  });

  test("a silence on the second Saturday is found", () => {
    const feed = goneOn(secondSaturday, 22);
    const outMs = dayMs(SATURDAY + 7, 10);
    feed.follow(
      dayMs(SATURDAY + 7),
      12 * HOUR,
      shaped((atMs) => (atMs < outMs ? shopAt(atMs) : 0)),
    );
    expect(feed.said("opened")).toEqual(RATES.map(() => "volume/drop"));
    for (const { signal } of feed.transitions) {
      expect(signal.decidedMs - outMs).toBeLessThan(10 * MINUTE);
    }
  });
});

/** Transitions that opened from a time on. */
function opened(feed: Feed, fromMs: number): Transition[] {
  return feed.transitions.filter(
    ({ state, signal }) => state === "opened" && signal.decidedMs > fromMs,
  );
}

describe("a service that sleeps", () => {
  const awake = (atMs: number) => calendar(atMs).hour >= 6 && calendar(atMs).hour < 20;
  const rates = [20, 100, 600];
  const week = new Feed({ seed: 30 });
  week.follow(
    MONDAY_MS,
    3.5 * DAY,
    shaped((atMs) => (awake(atMs) ? 1 : 0), rates),
  );
  const thursdayNoon = savedParts(week.detector);

  test("at night: nothing is said from the third evening on, neither then nor in the morning", () => {
    const feed = goneOn(thursdayNoon, 31);
    feed.follow(
      dayMs(3, 12),
      1.5 * DAY,
      shaped((atMs) => (awake(atMs) ? 1 : 0), rates),
    );
    expect(openedSince(week, dayMs(2), rates)).toEqual([]);
    expect(openedSince(feed, dayMs(2), rates)).toEqual([]);
  });

  test("and does not come back in the morning: found soon after its usual time", () => {
    const feed = goneOn(thursdayNoon, 32);
    const gone = shaped((atMs) => (awake(atMs) && atMs < dayMs(4) ? 1 : 0), rates);
    feed.follow(dayMs(3, 12), DAY, gone);
    const found = opened(feed, dayMs(4));
    expect(found.map(({ signal }) => signal.slot).sort()).toEqual([0, 1, 2]);
    for (const { signal } of found) {
      expect(nameOf(signal)).toBe("volume/drop");
      expect(signal.decidedMs).toBeGreaterThan(dayMs(4, 6));
      // Up to the middle of the hour it may begin at any minute.
      expect(signal.decidedMs).toBeLessThanOrEqual(dayMs(4, 6.5) + 10 * MINUTE);
    }
  });
});

describe("a service of weekdays only", () => {
  test("keeps what is known of it over the weekend, and its Monday alerts nobody", () => {
    const feed = new Feed({ seed: 40 });
    const workday = shaped((atMs) => (calendar(atMs).weekday >= SATURDAY ? 0 : curveAt(atMs)));
    feed.follow(MONDAY_MS, 5 * DAY, workday);
    for (let day = SATURDAY; day < 7; day += 1) {
      feed.follow(dayMs(day), DAY, workday);
      expect(feed.detector.idleSlots(dayMs(day + 1))).toEqual([]);
    }
    feed.follow(dayMs(7), DAY, workday);
    expect(openedSince(feed, dayMs(SATURDAY, 12))).toEqual([]);
    RATES.forEach((rate, slot) => {
      const { why, expected } = volumeOf(feed, slot);
      expect(why).not.toContain("not known yet");
      const usual = rate * curveAt(dayMs(8));
      expect(Math.abs(expected / usual - 1)).toBeLessThan(slot === 0 ? 0.6 : 0.25);
    });
  });
});
