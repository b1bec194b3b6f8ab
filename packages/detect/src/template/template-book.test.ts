import { LevelIndex, type Signal, STEP_MS } from "@tracer/core";
import { describe, expect, test } from "vitest";
import type { Transition } from "../transition.ts";
import { SIGNALS_PER_HOUR_MAX } from "./novelty.ts";
import { TemplateBook } from "./template-book.ts";

const MINUTE_MS = 60_000;

function aSignal(): Signal {
  return {
    ...{ slot: 0, kind: "error", part: "", severity: "error" },
    ...{ onsetMs: 0, decidedMs: 0, lastStepMs: 0, peak: 0 },
    evidence: {
      ...{ unit: "share", observed: 0, peak: 0, expected: 0, expectedLow: 0, expectedHigh: 0 },
      ...{ ratio: null, z: null, ewma: null, rateOfChange: null, evidence: 0, bar: 0 },
      ...{ sampleSize: 0, baselineAgeSeconds: 0, sparkline: [], sentence: "" },
    },
  };
}
const HOUR_MS = 3_600_000;
const START_MS = Date.parse("2026-06-01T00:00:00Z");
const WORDS = ["apple", "birch", "cedar", "daisy", "elder", "fern", "grass", "holly", "iris"];

function word(at: number): string {
  return `${WORDS[at % 9]}${WORDS[Math.floor(at / 9) % 9]}${WORDS[Math.floor(at / 81) % 9]}`;
}

/** A service whose messages are known, an hour after `hours` of a line of each kind a minute. */
function known({ hours = 48, levels = [2, 3, 4], bytesMax = 64 * 1024 * 1024 } = {}) {
  const book = new TemplateBook({ bytesMax });
  let nowMs = START_MS;
  const seen: Transition[] = [];
  const say = (message: string, level: number, slot = 0) => book.add(slot, nowMs, level, message);
  const advance = (ms: number) => {
    const untilMs = nowMs + ms;
    while (nowMs < untilMs) {
      nowMs += MINUTE_MS;
      for (const level of levels) {
        say(`request ${nowMs} of level ${WORDS[level]} took ${nowMs % 977} ms`, level);
      }
      settle();
    }
  };
  const settle = (closedMs = nowMs) => {
    book.settle(() => closedMs);
    seen.push(...book.takeTransitions());
  };
  advance(hours * HOUR_MS);
  return {
    book,
    say,
    advance,
    settle,
    /** Transitions since it was last asked. */
    taken: () => seen.splice(0),
    get nowMs() {
      return nowMs;
    },
    set nowMs(value) {
      nowMs = value;
    },
  };
}

function parts(transitions: readonly Transition[]): string[] {
  return transitions.map(
    ({ state, signal }) => `${state} ${signal.severity} ${signal.part.length}`,
  );
}

describe("a new kind", () => {
  test("of error: at its first line, as soon as the step of that line is closed", () => {
    const world = known();
    expect(world.taken()).toEqual([]);
    world.say("payment gateway refused 4711: card declined", LevelIndex.error);
    const stepEndMs = world.nowMs - (world.nowMs % STEP_MS) + STEP_MS;
    world.settle(stepEndMs - STEP_MS);
    expect(world.taken()).toEqual([]);
    world.settle(stepEndMs);
    const [opened, ...others] = world.taken();
    expect(others).toEqual([]);
    expect(opened).toMatchObject({
      state: "opened",
      reason: "evidence",
      signal: {
        ...{ slot: 0, kind: "template", severity: "error", decidedMs: stepEndMs },
        ...{ onsetMs: stepEndMs - STEP_MS, lastStepMs: stepEndMs, peak: 1 },
        evidence: {
          ...{ unit: "records_per_minute", observed: 1, expected: 0, ratio: null, sampleSize: 1 },
          sentence: 'A new kind of error: "payment gateway refused <num>: card declined", once',
        },
      },
    });
    const { evidence, part } = opened?.signal ?? {};
    expect(part).toMatch(/^[0-9a-f]{12}$/u);
    expect(evidence?.evidence).toBeGreaterThanOrEqual(evidence?.bar ?? Number.NaN);
    expect(evidence?.sparkline).toHaveLength(30);
  });

  test.each([
    [LevelIndex.warn, "warning", "A new kind of warning"],
    [LevelIndex.error, "error", "A new kind of error"],
    [LevelIndex.fatal, "error", "A new kind of fatal error"],
  ])("level %i is of severity %s", (level, severity, sentence) => {
    const world = known();
    world.say("disk quota exceeded", level);
    world.settle(world.nowMs + STEP_MS);
    const [opened] = world.taken();
    expect(opened?.signal.severity).toBe(severity);
    expect(opened?.signal.evidence.sentence).toMatch(sentence);
  });

  test("a known message at a graver level is one, too", () => {
    const world = known();
    world.say("request 5 of level cedar took 5 ms", LevelIndex.error);
    world.settle(world.nowMs + STEP_MS);
    expect(parts(world.taken())).toEqual(["opened error 12"]);
  });

  test("of info: when it is much of what the service says, and for minutes", () => {
    const world = known({ levels: [2, 2, 2, 2, 2, 2] });
    world.say("cache was warmed", LevelIndex.info);
    world.advance(10 * MINUTE_MS);
    expect(world.taken()).toEqual([]);
    for (let minute = 0; minute < 20; minute += 1) {
      for (let line = 0; line < 6; line += 1) world.say("leader was elected", LevelIndex.info);
      world.advance(MINUTE_MS);
    }
    const [opened, ...others] = world.taken();
    expect(others).toEqual([]);
    expect(opened?.signal.severity).toBe("info");
    expect(opened?.signal.evidence.sentence).toMatch(
      /^A new kind of message: "leader was elected"/,
    );
  });

  test("while the service is being learned it is only learned", () => {
    const world = known({ hours: 35 });
    expect(world.book.stateOf(0)).toBe("learning");
    world.say("disk quota exceeded", LevelIndex.error);
    world.advance(2 * HOUR_MS);
    expect(world.book.stateOf(0)).toBe("ok");
    world.say("disk quota exceeded", LevelIndex.error);
    world.advance(MINUTE_MS);
    expect(world.taken()).toEqual([]);
  });

  test("says no secret, whatever the line says", () => {
    const world = known();
    world.say(
      "login of x failed: password=hunter authorization: Bearer abcDEFghij",
      LevelIndex.error,
    );
    world.settle(world.nowMs + STEP_MS);
    const [opened] = world.taken();
    expect(opened?.signal.evidence.sentence).not.toMatch(/hunter|abcDEF/u);
    expect(opened?.signal.evidence.sentence).toMatch(/password=‹redacted›/u);
  });
});

describe("a rare kind of a healthy service", () => {
  /** Eight kinds of error, each every three days or so. */
  function rare() {
    const world = known({ hours: 1, levels: [2] });
    for (let kind = 0; kind < 8; kind += 1) {
      world.advance(6 * HOUR_MS);
      world.say(`${word(kind * 31)} ${word(kind * 17 + 5)} broke`, LevelIndex.error);
    }
    return world;
  }

  test("is not told of at its first line where others came only once", () => {
    const world = rare();
    world.say("one more that nobody has seen", LevelIndex.error);
    world.advance(3 * HOUR_MS);
    expect(world.taken()).toEqual([]);
  });

  test("a few lines within minutes are no rare kind", () => {
    const world = rare();
    for (let line = 0; line < 3; line += 1) {
      world.say("one more that nobody has seen", LevelIndex.error);
      world.advance(5 * MINUTE_MS);
    }
    expect(parts(world.taken())).toEqual(["opened error 12"]);
  });

  test("lines within seconds may be one event", () => {
    const world = rare();
    for (let line = 0; line < 20; line += 1) {
      world.say("one more that nobody has seen", LevelIndex.error);
      world.nowMs += 1_000;
    }
    world.advance(3 * HOUR_MS);
    expect(world.taken()).toEqual([]);
  });

  test("a flood of errors washes it up; its cause is told of", () => {
    const world = rare();
    for (let line = 0; line < 60; line += 1) {
      world.say(`${word(0)} ${word(5)} broke`, LevelIndex.error);
      if (line % 9 === 0) world.say("seldom but there", LevelIndex.error);
      world.nowMs += 10_000;
    }
    world.settle();
    expect(world.taken()).toEqual([]);
    for (let line = 0; line < 200; line += 1) {
      world.say("upstream went away", LevelIndex.error);
      world.nowMs += 10_000;
    }
    world.settle();
    expect(world.taken().map(({ signal }) => signal.evidence.sentence)).toEqual([
      expect.stringMatching(/upstream went away/u),
    ]);
  });
});

test("while an alert about errors is out, it tells of what is new; afterwards there are alerts again", () => {
  const world = known();
  const base = { slot: 0, kind: "error", part: "", onsetMs: world.nowMs } as const;
  const signal = { ...aSignal(), ...base };
  world.book.follow([{ state: "opened", reason: "evidence", signal }]);
  world.say("disk quota exceeded", LevelIndex.error);
  world.say("lease was lost", LevelIndex.warn);
  world.advance(10 * MINUTE_MS);
  expect(world.taken().map(({ signal: { severity } }) => severity)).toEqual(["warning"]);
  world.book.follow([{ state: "resolved", reason: "evidence", signal }]);
  world.say("certificate has expired", LevelIndex.error);
  world.advance(MINUTE_MS);
  expect(parts(world.taken())).toEqual(["opened error 12"]);
});

describe("the end", () => {
  test("half an hour after the last line; after that the kind is known", () => {
    const world = known();
    world.say("disk quota exceeded", LevelIndex.error);
    world.advance(20 * MINUTE_MS);
    world.say("disk quota exceeded", LevelIndex.error);
    const lastMs = world.nowMs;
    world.advance(29 * MINUTE_MS);
    expect(parts(world.taken())).toEqual(["opened error 12"]);
    expect(world.book.openSignals()).toHaveLength(1);
    world.advance(MINUTE_MS);
    const [resolved] = world.taken();
    expect(resolved).toMatchObject({
      state: "resolved",
      signal: { lastStepMs: lastMs + 1_800_000 },
    });
    expect(resolved?.signal.evidence.sentence).toMatch(
      /2 times in .*Not seen any more for 30 min$/u,
    );
    expect(world.book.openSignals()).toEqual([]);
    world.say("disk quota exceeded", LevelIndex.error);
    world.advance(MINUTE_MS);
    expect(world.taken()).toEqual([]);
  });

  test("what goes on for six hours is known", () => {
    const world = known();
    for (let minute = 0; minute <= 6 * 60; minute += 1) {
      world.say("disk quota exceeded", LevelIndex.error);
      world.advance(MINUTE_MS);
    }
    const transitions = world.taken();
    expect(parts(transitions)).toEqual(["opened error 12", "resolved error 12"]);
    expect(transitions[1]?.signal.evidence.sentence).toMatch(/After 6 hours it counts as known$/u);
  });

  test("accepted by hand: at once, and the kind is known", () => {
    const world = known();
    world.say("disk quota exceeded", LevelIndex.error);
    world.settle(world.nowMs + STEP_MS);
    const part = world.taken()[0]?.signal.part ?? "";
    expect([0, 1].map((slot) => world.book.isOpen(slot))).toEqual([true, false]);
    expect(world.book.accept(0, "another")).toBe(false);
    expect(world.book.accept(1, part)).toBe(false);
    expect(world.book.accept(0, part)).toBe(true);
    expect(world.book.accept(0, part)).toBe(false);
    const [ended, ...others] = world.book.takeTransitions();
    expect(others).toEqual([]);
    expect(ended).toMatchObject({ state: "resolved", reason: "accepted" });
    expect(ended?.signal.evidence.sentence).toMatch(/Accepted by hand: it is known$/);
    expect([world.book.openSignals(), world.book.isOpen(0)]).toEqual([[], false]);
    for (let line = 0; line < 20; line += 1) world.say("disk quota exceeded", LevelIndex.error);
    world.advance(HOUR_MS);
    expect(world.taken()).toEqual([]);
  });

  test("a service that is given back: at once, and everything of it is forgotten", () => {
    const world = known();
    world.say("disk quota exceeded", LevelIndex.error);
    world.advance(MINUTE_MS);
    world.taken();
    world.book.release(0);
    expect(parts(world.book.takeTransitions())).toEqual(["resolved error 12"]);
    expect(world.book.openSignals()).toEqual([]);
    expect(world.book.bytes).toBe(0);
    expect(world.book.has(0)).toBe(false);
    expect(world.book.stateOf(0)).toBe("learning");
  });
});

describe("a flood of new kinds", () => {
  test("so many signals in an hour, then one for all that come beyond", () => {
    const world = known();
    for (let kind = 0; kind < SIGNALS_PER_HOUR_MAX + 4; kind += 1) {
      world.say(`${word(kind * 31)} ${word(kind * 57)} ${word(kind * 13)} broke`, LevelIndex.fatal);
      world.advance(MINUTE_MS);
    }
    const transitions = world.taken();
    expect(transitions).toHaveLength(SIGNALS_PER_HOUR_MAX + 1);
    expect(transitions.at(-1)?.signal.part).toBe("more");
    expect(
      world.book
        .openSignals()
        .map(({ evidence }) => evidence.sentence)
        .at(-1),
    ).toMatch(/^4 more new kinds of messages within/u);
    expect(world.book.accept(0, "more")).toBe(true);
    expect(world.book.openSignals()).toHaveLength(SIGNALS_PER_HOUR_MAX);
    world.advance(HOUR_MS);
    const ended = world.taken();
    expect(ended.map(({ state }) => state)).toEqual(
      Array.from({ length: SIGNALS_PER_HOUR_MAX + 1 }, () => "resolved"),
    );
    expect(ended.filter(({ reason }) => reason === "accepted")).toHaveLength(1);
    expect(world.book.openSignals()).toEqual([]);
    world.say("disk quota exceeded", LevelIndex.fatal);
    world.advance(MINUTE_MS);
    expect(parts(world.taken())).toEqual(["opened error 12"]);
  });

  test("prose: no memory without end, no alert, and it says so", () => {
    const world = known();
    const before = world.book.bytes;
    for (let line = 0; line < 30_000; line += 1) {
      const text = Array.from({ length: 8 }, (_, at) => word(line * 7 + at * 131 + (line % 11)));
      world.say(text.join(" "), LevelIndex.warn);
      world.nowMs += 500;
      if (line % 100 === 0) world.settle();
    }
    world.settle();
    expect(world.book.bytes - before).toBeLessThan(200_000);
    expect(world.book.stateOf(0)).toBe("free_text");
    expect(world.taken().filter(({ state }) => state === "opened").length).toBeLessThanOrEqual(4);
    world.say("disk quota exceeded", LevelIndex.error); // Errors are kinds as before.
    world.settle(world.nowMs + STEP_MS);
    expect(parts(world.taken()).filter((each) => each.includes("error"))).toEqual([
      "opened error 12",
    ]);
  });

  test("services beyond the bytes allowed are not learned, and it says so", () => {
    const book = new TemplateBook({ bytesMax: 10_000 });
    for (let slot = 0; slot < 100; slot += 1) {
      for (let line = 0; line < 5; line += 1) {
        book.add(slot, START_MS, LevelIndex.error, `${word(line)} ${word(slot * 7)} broke`);
      }
      expect(book.bytes).toBeLessThanOrEqual(10_000 + 1_200);
    }
    expect(book.stateOf(0)).toBe("learning");
    expect(book.stateOf(99)).toBe("no_room");
    book.release(0);
    book.add(99, START_MS, LevelIndex.error, "something broke");
    expect(book.stateOf(99)).toBe("learning");
  });
});

describe("the kinds behind a signal", () => {
  test("with how often they came before and since, most first, and which are new", () => {
    const world = known({ levels: [4, 4, 3] });
    const onsetMs = world.nowMs;
    for (let minute = 0; minute < 10; minute += 1) {
      for (let line = 0; line < 5; line += 1) world.say("upstream 10.0.0.1 went away", 4);
      world.advance(MINUTE_MS);
    }
    const signal = { slot: 0, part: "", onsetMs } as const;
    const [first, second, ...others] = world.book.templatesOf({ ...signal, kind: "error" });
    expect(others).toEqual([]);
    expect(first).toMatchObject({ text: "upstream <ip> went away", level: "error", isNew: true });
    expect(first?.before).toBe(0);
    expect(first?.now).toBeCloseTo(5, 0);
    expect(second).toMatchObject({ level: "error", isNew: false });
    expect(second?.before).toBeCloseTo(2, 1);
    expect(second?.now).toBeCloseTo(2, 0);
    const levels = world.book
      .templatesOf({ ...signal, kind: "volume", part: "surge" })
      .map(({ level }) => level);
    expect(levels.sort()).toEqual(["error", "error", "warn"]);
    expect(world.book.templatesOf({ ...signal, kind: "volume", part: "drop" })).toEqual([]);
    expect(world.book.templatesOf({ ...signal, kind: "latency" })).toEqual([]);
    expect(world.book.templatesOf({ ...signal, slot: 9, kind: "error" })).toEqual([]);
  });

  test("at most five", () => {
    const world = known({ levels: [2] });
    for (let kind = 0; kind < 6; kind += 1) {
      world.say(`${word(kind * 31)} ${word(kind * 57)} broke`, LevelIndex.error);
    }
    const signal = { slot: 0, kind: "error", part: "", onsetMs: world.nowMs } as const;
    expect(world.book.templatesOf(signal)).toHaveLength(5);
  });
});
