import { CountDeltas, LevelIndex, TracerError } from "@tracer/core";
import { type Peer, STEP_COUNTS_MAX, type StepCount } from "@tracer/store";
import { describe, expect, test } from "vitest";
import { recordingObserve } from "./fixtures.test-helper.ts";
import {
  DOUBT_MS_MAX,
  FLUSH_AGE_MS_MAX,
  FLUSH_TRIES_MAX,
  MOVE_MS,
  PENDING_CELLS_MAX,
  SharedCounts,
} from "./shared-counts.ts";

const NOW_MS = 1_767_610_000_000;

function aPeer(overrides: Partial<Peer> = {}): Peer {
  return {
    ...{ processorId: "p2", newestFlush: 4, flushAgeMs: 500, flushes: [], hasMore: false },
    ...overrides,
  };
}

function aCount(records = 7): StepCount {
  return {
    ...{ project: "default", environment: "prod", service: "checkout" },
    ...{ newestMs: NOW_MS, records, errors: 2 },
  };
}

function deltasOf(cells: number, records = 3): CountDeltas {
  const deltas = new CountDeltas();
  for (let slot = 0; slot < cells; slot += 1) {
    deltas.add(slot, NOW_MS, LevelIndex.info, 12, records - 1);
    deltas.add(slot, NOW_MS, LevelIndex.error, Number.NaN, 1);
  }
  return deltas;
}

function setUp({ peers = [aPeer()] }: { peers?: readonly Peer[] } = {}) {
  const state = {
    peers,
    atMs: 0,
    away: false,
    refuses: "" as "" | "flush" | "hold",
    holds: false,
    released: 0,
    flushes: [] as { flush: number; counts: readonly StepCount[] }[],
    doubtedUntilMs: [] as number[],
    sharing: [] as boolean[],
    counted: 0,
  };
  const asked = () => {
    if (state.away) throw new TracerError("DATABASE_UNAVAILABLE", "away");
  };
  const observe = recordingObserve();
  const shared = new SharedCounts({
    detector: {
      share: (sharing) => void state.sharing.push(sharing),
      doubt: ({ untilMs }) => void state.doubtedUntilMs.push(untilMs - NOW_MS - state.atMs),
    },
    keyOf: (slot) => ({ project: "default", environment: "", service: `service-${slot}` }),
    slotOf: () => 0,
    receiptMs: () => NOW_MS + state.atMs,
    monotonicMs: () => state.atMs,
    count: (deltas) => {
      for (let cell = 0; cell < deltas.length; cell += 1)
        state.counted += deltas.records[cell] ?? 0;
      return { late: 0 };
    },
    flush: async (flush, counts) => {
      if (state.refuses === "flush") throw new Error("refused");
      state.flushes.push({ flush, counts }); // Written, and the answer may be lost.
      asked();
    },
    read: async () => {
      asked();
      return state.peers;
    },
    hold: async () => {
      if (state.refuses === "hold") throw new Error("refused");
      return state.holds;
    },
    release: async () => {
      state.released += 1;
    },
    observe,
  });
  return { state, shared, observe };
}

test("alone: nothing is kept, nothing written, nothing doubted, and every kind told of", async () => {
  const { state, shared } = setUp({ peers: [] });
  await shared.round();
  shared.collect(deltasOf(3));
  state.away = true;
  await expect(shared.round()).rejects.toThrow("away");
  state.away = false;
  await shared.round();
  await shared.stop();
  expect(state.flushes).toEqual([]);
  expect(state.doubtedUntilMs).toEqual([]);
  expect(state.sharing).toEqual([false, false]);
  expect(shared.announces("volume")).toBe(true);
});

describe("what is flushed", () => {
  test("each count once: a flush that failed is tried again as it was, what came meanwhile goes with the next", async () => {
    const { state, shared } = setUp();
    await shared.round();
    shared.collect(deltasOf(1));
    shared.collect(deltasOf(1));
    state.away = true;
    await expect(shared.round()).rejects.toThrow("away");
    shared.collect(deltasOf(2, 5));
    state.away = false;
    await shared.round();
    await shared.round();
    const series = { project: "default", environment: "", newestMs: NOW_MS };
    const [one, two] = ["service-0", "service-1"].map((service) => ({ ...series, service }));
    const first = { flush: 1, counts: [{ ...one, records: 6, errors: 2 }] };
    const rest = [
      { ...one, records: 5, errors: 1 },
      { ...two, records: 5, errors: 1 },
    ];
    const none = { flush: 3, counts: [] };
    expect(state.flushes).toEqual([first, first, { flush: 2, counts: rest }, none]);
  });

  test("as many cells as there is room for, in several flushes; with one more a number is left out", async () => {
    const { state, shared } = setUp();
    await shared.round();
    shared.collect(deltasOf(PENDING_CELLS_MAX));
    await shared.round();
    expect(state.flushes.map(({ flush, counts }) => [flush, counts.length])).toEqual(
      Array.from({ length: PENDING_CELLS_MAX / STEP_COUNTS_MAX }, (_, at) => [
        at + 1,
        STEP_COUNTS_MAX,
      ]),
    );
    state.flushes.length = 0;
    shared.collect(deltasOf(PENDING_CELLS_MAX + 1));
    await shared.round();
    expect(state.flushes[0]?.flush).toBe(7);
    expect(state.flushes).toHaveLength(5);
  });

  test("what could not be flushed for ten minutes is of no use: left out, and a number with it", async () => {
    const { state, shared } = setUp();
    await shared.round();
    await shared.round();
    state.away = true;
    for (const seconds of [1, 599, 601]) {
      shared.collect(deltasOf(1));
      state.atMs = seconds * 1_000;
      await expect(shared.round()).rejects.toThrow("away");
    }
    state.away = false;
    shared.collect(deltasOf(2));
    await shared.round();
    const [last, before] = state.flushes.toReversed();
    expect(before).toMatchObject({ flush: 2, counts: [{ records: 3 }] }); // May have been written.
    expect(last).toMatchObject({ flush: 4, counts: [{ records: 3 }, { records: 3 }] });
  });

  test("the last counts, and the lease, at the end", async () => {
    const { state, shared } = setUp();
    state.holds = true;
    await shared.round();
    shared.collect(deltasOf(1));
    await shared.stop();
    expect(state.flushes).toMatchObject([{ flush: 1, counts: [{ records: 3 }] }]);
    expect(state.released).toBe(1);
  });
});

describe("what is read", () => {
  test("is counted; a number left out, and a peer that is behind, are doubts", async () => {
    const { state, shared, observe } = setUp();
    const read = async (peer: Partial<Peer>) => {
      state.doubtedUntilMs = [];
      state.peers = [aPeer(peer)];
      await shared.round();
      return state.doubtedUntilMs;
    };
    expect(await read({})).toEqual([MOVE_MS]); // It has come.
    expect(await read({ flushes: [{ flush: 5, counts: [aCount(), aCount(4)] }] })).toEqual([]);
    expect(state.counted).toBe(11);
    expect(observe.events).toContainEqual({ name: "foreign_counted", records: 11, late: 0 });
    expect(await read({ flushAgeMs: FLUSH_AGE_MS_MAX })).toEqual([]);
    expect(await read({ flushAgeMs: FLUSH_AGE_MS_MAX + 1 })).not.toEqual([]);
    expect(await read({ flushAgeMs: null })).not.toEqual([]);
    expect(await read({ flushes: [{ flush: 7, counts: [aCount()] }] })).toEqual([MOVE_MS]);
    state.away = true;
    await expect(read({})).rejects.toThrow("away");
    expect(state.doubtedUntilMs).toHaveLength(1);
  });

  test("a minute after the last peer has gone there is nobody to share with", async () => {
    const { state, shared } = setUp();
    await shared.round();
    state.peers = [];
    state.doubtedUntilMs = [];
    state.atMs = MOVE_MS - 1;
    await shared.round();
    expect(state.doubtedUntilMs).toEqual([MOVE_MS]);
    expect(state.sharing.at(-1)).toBe(true);
    state.atMs = MOVE_MS;
    await shared.round();
    expect(state.sharing.at(-1)).toBe(false);
    expect(shared.peers).toBe(0);
  });
});

describe("what is refused", () => {
  test("a flush is tried some times, given up and counted; the rest of the round is done meanwhile", async () => {
    const { state, shared, observe } = setUp();
    state.holds = true;
    await shared.round();
    shared.collect(deltasOf(2));
    state.refuses = "flush";
    state.doubtedUntilMs = [];
    for (let tries = 1; tries < FLUSH_TRIES_MAX; tries += 1) {
      await expect(shared.round()).rejects.toThrow("refused");
    }
    expect(observe.events.map(({ name }) => name)).not.toContain("counts_dropped");
    expect(shared.announces("volume")).toBe(true);
    state.holds = false;
    await expect(shared.round()).rejects.toThrow("refused");
    expect(observe.events).toContainEqual({
      ...{ name: "counts_dropped", services: 2, records: 6, error: new Error("refused") },
    });
    expect(shared.announces("volume")).toBe(false); // The lease is another's, and that was seen.
    expect(state.doubtedUntilMs).toEqual([]); // The others are in doubt, not this one.
    state.refuses = "";
    shared.collect(deltasOf(1));
    await shared.round();
    expect(state.flushes).toMatchObject([{ flush: 2, counts: [{ records: 3 }] }]); // 1 is left out.
  });

  test("a lease that cannot be renewed is not held, unless it is the database that is away", async () => {
    const { state, shared } = setUp();
    state.holds = true;
    await shared.round();
    state.away = true;
    await expect(shared.round()).rejects.toThrow("away");
    expect(shared.announces("volume")).toBe(true);
    state.away = false;
    state.refuses = "hold";
    await expect(shared.round()).rejects.toThrow("refused");
    expect(shared.announces("volume")).toBe(false);
  });
});

describe("doubt has an end", () => {
  const said = (observe: ReturnType<typeof setUp>["observe"]) =>
    observe.events.flatMap((event) =>
      event.name === "peers_given_up" || event.name === "peers_certain" ? [event] : [],
    );

  test("a peer that never tells its counts is waited for ten minutes, and then said once", async () => {
    const { state, shared, observe } = setUp();
    state.peers = [aPeer({ flushAgeMs: null })]; // Of an older version.
    const pass = async (untilMs: number) => {
      for (; state.atMs < untilMs; state.atMs += 1_000) await shared.round();
    };
    await pass(DOUBT_MS_MAX);
    expect(shared.drops).toBe("not");
    expect(said(observe)).toEqual([]);
    state.doubtedUntilMs = [];
    await pass(DOUBT_MS_MAX + MOVE_MS);
    expect(state.doubtedUntilMs).toEqual([]);
    expect(shared.drops).toBe("on_part");
    expect(said(observe)).toEqual([
      { name: "peers_given_up", reason: "silent", processorId: "p2", seconds: 600 },
    ]);
    // Another that comes is waited for as ever.
    state.peers = [...state.peers, aPeer({ processorId: "p3" })];
    await pass(state.atMs + 1_000);
    expect(state.doubtedUntilMs).toEqual([MOVE_MS]);
    state.peers = [aPeer()]; // It has been replaced by the new version.
    await pass(state.atMs + 1_000);
    expect(said(observe).at(-1)).toEqual({ name: "peers_certain" });
  });

  test("peers that come and go without a minute of rest: judged on what is known after ten minutes", async () => {
    const { state, shared, observe } = setUp({ peers: [] });
    const crash = async (times: number) => {
      for (let time = 0; time < times; time += 1) {
        state.peers = [aPeer({ processorId: `p${state.atMs}` })];
        await shared.round();
        state.atMs += 30_000;
        state.peers = [];
        await shared.round();
        state.atMs += 25_000;
      }
    };
    await crash(Math.floor(DOUBT_MS_MAX / 55_000));
    expect(said(observe)).toEqual([]);
    await crash(3);
    expect(said(observe)).toMatchObject([{ name: "peers_given_up", reason: "restless" }]);
    state.doubtedUntilMs = [];
    await crash(10);
    expect(state.doubtedUntilMs).toEqual([]);
    expect(shared.drops).toBe("on_part");
    state.atMs += MOVE_MS;
    await shared.round();
    expect(said(observe).at(-1)).toEqual({ name: "peers_certain" });
    await crash(1);
    expect(state.doubtedUntilMs).toEqual([MOVE_MS, MOVE_MS]);
  });
});

test("volumes and silences are told of by who holds the lease, or is alone; the rest by everybody", async () => {
  const { state, shared } = setUp();
  const told = () =>
    (["error", "latency", "template", "volume", "pipeline"] as const).filter((kind) =>
      shared.announces(kind),
    );
  await shared.round();
  expect(told()).toEqual(["error", "latency", "template"]);
  state.holds = true;
  await shared.round();
  expect(told()).toHaveLength(5);
  state.holds = false;
  await shared.round();
  expect(told()).toHaveLength(3);
  state.peers = [];
  await shared.round();
  expect(told()).toHaveLength(5);
});
