import {
  type Kind,
  type Signal,
  type SignalKey,
  type TemplateCount,
  TracerError,
} from "@tracer/core";
import type { Sighting } from "@tracer/store";
import { expect, test } from "vitest";
import { Announcer } from "./announcer.ts";
import { aSignal, recordingObserve } from "./fixtures.test-helper.ts";
import { PENDING_SAVED_MAX, pendingOfBytes, pendingToBytes } from "./pending-state.ts";

const STALE_SECONDS = 900;

/** An announcer whose clocks stand still until they are set, and a database that can be away. */
function world() {
  const state = {
    receiptMs: 1_040_000,
    monotonicMs: 5_000,
    away: false,
    poison: "",
    lines: ["first line", "password=hunter2secret"],
    templates: [] as readonly TemplateCount[],
    sighted: [] as Sighting[],
    cleared: [] as SignalKey[],
    written: 0,
    mine: null as readonly Kind[] | null,
  };
  const observe = recordingObserve();
  const announcer = new Announcer({
    staleSeconds: STALE_SECONDS,
    sightSeconds: 10,
    receiptMs: () => state.receiptMs,
    monotonicMs: () => state.monotonicMs,
    keyOf: (slot) => ({
      project: "default",
      environment: "prod",
      service: slot === 3 ? "checkout" : `service ${slot}`,
    }),
    announces: (kind) => state.mine?.includes(kind) ?? true,
    templatesOf: () => state.templates,
    linesOf: () => state.lines,
    sight: async (sightings) => {
      if (sightings.some(({ key }) => key.service === state.poison)) throw new Error("refused");
      if (state.away) throw new TracerError("DATABASE_UNAVAILABLE", "away");
      state.sighted.push(...sightings);
      return sightings.map(() => ({
        fingerprint: "f",
        outcome: "created" as const,
        epoch: 1,
        incidentId: "inc_f-1",
      }));
    },
    clear: async (keys) => {
      if (state.away) throw new TracerError("DATABASE_UNAVAILABLE", "away");
      state.cleared.push(...keys);
    },
    observe,
    onWritten: () => {
      state.written += 1;
    },
  });
  const pass = (ms: number) => {
    state.receiptMs += ms;
    state.monotonicMs += ms;
  };
  return { state, announcer, observe, pass };
}

const opened = (signal: Signal) => [
  { state: "opened" as const, reason: "evidence" as const, signal },
];
const resolved = (signal: Signal) => [
  { state: "resolved" as const, reason: "evidence" as const, signal },
];

test("a sighting tells of the kinds of message behind it, as of the beginning of a long incident", async () => {
  const { state, announcer, pass } = world();
  announcer.take(opened(aSignal()));
  await announcer.flush();
  expect(state.sighted.at(-1)?.evidence.templates).toBeUndefined(); // None are known.
  const template = { text: "a <num>", level: "error", before: 0, now: 3, isNew: true } as const;
  state.templates = Array.from({ length: 7 }, (_, now) => ({ ...template, now }));
  const later = async (seconds: number) => {
    pass(seconds * 1_000);
    const lastStepMs = aSignal().lastStepMs + seconds * 1_000;
    announcer.sight([aSignal({ lastStepMs })]);
    await announcer.flush();
    return state.sighted.at(-1)?.evidence.templates;
  };
  expect(await later(10)).toEqual(state.templates.slice(0, 5));
  const before = state.templates;
  state.templates = [template];
  expect(await later(7_200)).toEqual(before.slice(0, 5)); // An hour before the onset is long forgotten.
});

test("an opened signal is sighted with its ages and redacted lines", async () => {
  const { state, announcer } = world();
  announcer.take(opened(aSignal()));
  await announcer.flush();
  expect(state.sighted).toMatchObject([
    {
      key: { service: "checkout", kind: "error", part: "" },
      onsetAgeMs: 40_000,
      ageMs: 0,
      occurrences: 1,
      title: "checkout: error rate spike",
      hasNewText: true,
    },
  ]);
  expect(state.sighted[0]?.exemplars[0]).toBe("first line");
  expect(JSON.stringify(state.sighted)).not.toContain("hunter2");
  expect(state.written).toBe(1);
});

test("what another processor tells of is followed in silence, told when it is ours to tell, and its end is told by all", async () => {
  const { state, announcer, pass } = world();
  state.mine = ["error"];
  const volume = { kind: "volume", part: "drop" } as const;
  announcer.take(opened(aSignal(volume)));
  announcer.take(opened(aSignal()));
  announcer.sight([aSignal(volume)]);
  await announcer.flush();
  expect(state.sighted.map(({ key }) => key.kind)).toEqual(["error"]);
  state.mine = ["error", "volume"];
  pass(1_000);
  announcer.sight([aSignal(volume)]);
  await announcer.flush();
  expect(state.sighted[1]).toMatchObject({ key: { kind: "volume" }, onsetAgeMs: 41_000 });
  state.mine = ["error"];
  announcer.take(resolved(aSignal(volume)));
  announcer.take(resolved(aSignal()));
  await announcer.flush();
  expect(state.cleared.map(({ kind }) => kind)).toEqual(["volume", "error"]);
});

test("what another processor told of and is over before it is ours to tell: its end is told, that of the past not", async () => {
  const { state, announcer, pass } = world();
  const volume = { kind: "volume", part: "drop" } as const;
  state.mine = [];
  announcer.take(opened(aSignal(volume)));
  announcer.take(resolved(aSignal(volume)));
  await announcer.flush();
  expect(state.sighted).toEqual([]);
  expect(state.cleared).toMatchObject([{ kind: "volume", service: "checkout" }]);
  announcer.take(opened(aSignal(volume)));
  announcer.take(opened(aSignal()));
  pass(STALE_SECONDS * 1_000);
  announcer.take(resolved(aSignal(volume)));
  announcer.take(resolved(aSignal()));
  await announcer.flush();
  expect(state.cleared).toHaveLength(1);
});

test("what another processor is to tell of and stays is told from here, too: the other may know less", async () => {
  const { state, announcer } = world();
  state.mine = ["error"];
  const volume = aSignal({ kind: "volume", part: "drop" });
  announcer.take(opened(volume));
  announcer.sight([{ ...volume, lastStepMs: volume.decidedMs + 29_000 }]);
  await announcer.flush();
  expect(state.sighted).toEqual([]);
  const stays = { ...volume, lastStepMs: volume.decidedMs + 30_000 };
  announcer.sight([stays]);
  await announcer.flush();
  expect(state.sighted.map(({ key }) => key.kind)).toEqual(["volume"]);
  announcer.take(resolved(stays));
  await announcer.flush();
  expect(state.cleared.map(({ kind }) => kind)).toEqual(["volume"]);
});

test("an open signal is sighted at every step, and between steps at least each ten seconds", async () => {
  const { state, announcer, pass } = world();
  announcer.take(opened(aSignal()));
  await announcer.flush();
  announcer.sight([aSignal()]);
  expect(announcer.pendingCount).toBe(0);
  pass(9_999);
  announcer.sight([aSignal()]);
  expect(announcer.pendingCount).toBe(0);
  pass(1);
  announcer.sight([aSignal()]);
  expect(announcer.pendingCount).toBe(1);
  await announcer.flush();
  announcer.sight([aSignal({ lastStepMs: 1_040_000 })]);
  await announcer.flush();
  expect(state.sighted).toHaveLength(3);
});

test("a signal in the past is recorded and sends nothing; when its steps reach the present it counts", async () => {
  const { state, announcer, observe } = world();
  const old = aSignal();
  state.receiptMs = old.decidedMs + STALE_SECONDS * 1_000 + 1;
  announcer.take(opened(old));
  announcer.sight([old]);
  await announcer.flush();
  expect(state.sighted).toEqual([]);
  expect(observe.events.map(({ name }) => name)).toEqual(["signal_stale"]);
  announcer.sight([aSignal({ lastStepMs: old.decidedMs + 10_000 })]);
  await announcer.flush();
  expect(state.sighted).toHaveLength(1);
});

test("a signal that began and ended in the past is never written", async () => {
  const { state, announcer } = world();
  state.receiptMs += 86_400_000;
  announcer.take([...opened(aSignal()), ...resolved(aSignal())]);
  await announcer.flush();
  expect([state.sighted, state.cleared]).toEqual([[], []]);
});

test("the end of a signal clears it, after what was still to be sighted", async () => {
  const { state, announcer } = world();
  announcer.take([...opened(aSignal()), ...resolved(aSignal())]);
  await announcer.flush();
  expect(state.sighted).toHaveLength(1);
  expect(state.cleared).toMatchObject([{ service: "checkout", kind: "error" }]);
});

test("an end that is no recovery says so in one more sighting, before it clears", async () => {
  const { state, announcer } = world();
  announcer.take(opened(aSignal()));
  await announcer.flush();
  const { evidence } = aSignal();
  const sentence = `${evidence.sentence}. Accepted by hand as the new normal`;
  const told = { ...evidence, sentence, ending: "accepted_by_hand" as const };
  const signal = aSignal({ evidence: told });
  announcer.take([{ state: "resolved", reason: "accepted", signal }]);
  await announcer.flush();
  expect(state.sighted.map((sighting) => sighting.evidence.sentence)).toEqual([
    evidence.sentence,
    told.sentence,
  ]);
  expect(state.cleared).toHaveLength(1);
  expect(announcer.pendingCount).toBe(0);
});

test("database away: one entry per fingerprint, written with its age when it is back", async () => {
  const { state, announcer, pass } = world();
  state.away = true;
  announcer.take(opened(aSignal()));
  await expect(announcer.flush()).rejects.toThrow("away");
  for (let step = 1; step <= 5; step += 1) {
    pass(10_000);
    announcer.sight([aSignal({ lastStepMs: 1_030_000 + step * 10_000 })]);
    await expect(announcer.flush()).rejects.toThrow("away");
    expect(announcer.pendingCount).toBe(1);
  }
  pass(3_000);
  state.away = false;
  await announcer.flush();
  expect(state.sighted).toMatchObject([{ occurrences: 6, onsetAgeMs: 93_000, ageMs: 3_000 }]);
});

test("database away: a clear waits too, and a new onset takes it back", async () => {
  const { state, announcer } = world();
  announcer.take(opened(aSignal()));
  await announcer.flush();
  state.away = true;
  announcer.take(resolved(aSignal()));
  await expect(announcer.flush()).rejects.toThrow("away");
  announcer.take(opened(aSignal({ onsetMs: 1_035_000 })));
  state.away = false;
  await announcer.flush();
  expect(state.cleared).toEqual([]);
  expect(state.sighted).toHaveLength(2);
});

test("after a restart an open signal is sighted at once, not counted as new, and its end is told", async () => {
  const { state, announcer, observe, pass } = world();
  announcer.resume([aSignal()]);
  await announcer.flush();
  expect(state.sighted).toMatchObject([{ key: { service: "checkout" }, occurrences: 1 }]);
  expect(observe.events.map(({ name }) => name)).toEqual(["reserved"]);
  pass(1_000);
  announcer.take(resolved(aSignal())); // Before any other sighting.
  await announcer.flush();
  expect(state.cleared).toMatchObject([{ service: "checkout", kind: "error", part: "" }]);
});

test("one that the database refuses is dropped and said; the others are written", async () => {
  const { state, announcer, observe } = world();
  state.poison = "service 1";
  for (const slot of [0, 1, 2]) announcer.take(opened(aSignal({ slot })));
  await announcer.flush();
  expect(state.sighted.map(({ key }) => key.service)).toEqual(["service 0", "service 2"]);
  expect(observe.events.filter(({ name }) => name === "sighting_dropped")).toMatchObject([
    { service: "service 1", kind: "error" },
  ]);
  expect(announcer.pendingCount).toBe(0);
});

/** What one process leaves, as it comes out of a file. */
function kept(announcer: Announcer) {
  return pendingOfBytes(pendingToBytes(announcer.pendingState()));
}

test("a signal that began and ended while the database was away outlives a restart, with its ages", async () => {
  const before = world();
  before.state.away = true;
  before.announcer.take(opened(aSignal()));
  before.pass(30_000);
  before.announcer.sight([aSignal({ lastStepMs: 1_060_000 })]);
  before.pass(5_000);
  before.announcer.take(resolved(aSignal()));
  await expect(before.announcer.flush()).rejects.toThrow("away");
  const after = world(); // Another process: its monotonic clock has nothing to do with the first one's.
  after.state.monotonicMs = 77;
  after.state.receiptMs = before.state.receiptMs + 60_000;
  after.announcer.restorePending(kept(before.announcer));
  await after.announcer.flush();
  expect(after.state.sighted).toMatchObject([
    {
      key: { service: "checkout", kind: "error" },
      ...{ ageMs: 65_000, onsetAgeMs: 135_000, occurrences: 2, hasNewText: true },
      ...{ title: "checkout: error rate spike", exemplars: ["first line", expect.any(String)] },
    },
  ]);
  expect(after.state.cleared).toMatchObject([{ service: "checkout", kind: "error" }]);
});

test("what is being written is kept too; written again it is one", async () => {
  const { state, announcer } = world();
  announcer.take(opened(aSignal()));
  const writing = announcer.flush();
  announcer.sight([aSignal({ lastStepMs: 1_040_000 })]);
  expect(kept(announcer)).toMatchObject([{ occurrences: 2 }]);
  await writing;
  await announcer.flush();
  expect(kept(announcer)).toEqual([]);
  expect(state.sighted).toHaveLength(2);
});

test("a clock that went back gives no negative age; what is open again is not cleared", async () => {
  const before = world();
  before.announcer.take([...opened(aSignal()), ...resolved(aSignal())]);
  const after = world();
  after.state.receiptMs = 500_000;
  after.announcer.restorePending(kept(before.announcer));
  after.announcer.resume([aSignal()]);
  expect(after.announcer.pendingCount).toBe(1);
  await after.announcer.flush();
  expect(after.state.sighted).toMatchObject([{ ageMs: 0, onsetAgeMs: 0, occurrences: 2 }]);
  expect(after.state.cleared).toEqual([]);
});

test("at most PENDING_SAVED_MAX are kept, and of signals that have ended all that fit", () => {
  const { announcer } = world();
  for (let slot = 10; slot < 10 + PENDING_SAVED_MAX; slot += 1)
    announcer.take(opened(aSignal({ slot })));
  expect(announcer.pendingState()).toHaveLength(PENDING_SAVED_MAX);
  announcer.take([...opened(aSignal({ slot: 5_000 })), ...resolved(aSignal({ slot: 5_000 }))]);
  const states = kept(announcer);
  expect(states).toHaveLength(PENDING_SAVED_MAX);
  expect(states[0]).toMatchObject({ clear: true, key: { service: "service 5000" } });
});

test.each(["[", "{}", "[{}]", '[{"key":null}]', "[1e999]"])(
  "what is not pending state is refused: %s",
  (text) => {
    expect(() => pendingOfBytes(new TextEncoder().encode(text))).toThrow("cannot be used");
  },
);
