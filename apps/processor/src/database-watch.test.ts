import { TracerError, type Verdict } from "@tracer/core";
import type { Channel, Notice } from "@tracer/notify";
import { expect, test } from "vitest";
import type { ToldState } from "./database-told.ts";
import {
  CHANNEL_TRIES_MAX,
  DATABASE_BACK_SECONDS,
  DATABASE_DOWN_PAGE_SECONDS,
  DatabaseWatch,
  STAGGER_SECONDS,
} from "./database-watch.ts";
import { recordingObserve } from "./fixtures.test-helper.ts";

const SENT: Verdict = { kind: "sent", receipt: { ts: "1" } };
const RETRY: Verdict = { kind: "retry", reason: "ECONNREFUSED", afterMs: null };
const UNKNOWN: Verdict = { kind: "ambiguous", reason: "timeout" };
const NEVER: Verdict = { kind: "permanent", reason: "http_400" };
const NOON_MS = Date.UTC(2026, 10, 22, 12);
const { signal } = new AbortController();

interface WorldOptions {
  /** Kinds of channels; their names are the same. */
  readonly kinds?: readonly string[];
  readonly fallbackChannel?: string | null;
  readonly rank?: number;
  readonly othersTold?: readonly ToldState[];
}

/** A watch whose clock stands still until `pass`, which lets seconds pass one by one. */
function world({
  kinds = ["slack", "pagerduty"],
  fallbackChannel = null,
  rank = 0,
  othersTold = [],
}: WorldOptions = {}) {
  const state = {
    seconds: 0,
    away: false,
    verdicts: [] as Verdict[],
    saved: [] as ToldState[],
    diskFull: false,
  };
  const sent: (Notice & { channel: string; second: number })[] = [];
  const channels = kinds.map(
    (kind): Channel => ({
      name: kind,
      kind,
      ownAlone: true,
      send: async () => SENT,
      sendDigest: async () => SENT,
      sendNotice: async (notice) => {
        sent.push({ ...notice, channel: kind, second: state.seconds });
        return state.verdicts.shift() ?? SENT;
      },
    }),
  );
  const observe = recordingObserve();
  const watch = new DatabaseWatch({
    ...{ channels, fallbackChannel, observe },
    monotonicMs: () => 7_000 + state.seconds * 1_000,
    receiptMs: () => NOON_MS + state.seconds * 1_000,
    pendingCount: () => 12,
    rank: () => rank,
    save: async (told) => {
      if (state.diskFull) throw new Error("ENOSPC");
      state.saved.push(told);
    },
    othersTold: async () => othersTold,
  });
  const heartbeat = async () => {
    if (state.away) throw new TracerError("DATABASE_UNAVAILABLE", "away");
  };
  const pass = async (seconds: number, away = state.away) => {
    state.away = away;
    for (let second = 0; second < seconds; second += 1) {
      state.seconds += 1;
      await watch.attempt(heartbeat).catch(() => {});
      await watch.round(signal);
    }
  };
  return { watch, sent, state, pass, observe };
}

test("a minute without the database is told once, to PagerDuty, and taken back after 10 s of answers", async () => {
  const { sent, pass } = world();
  await pass(5);
  await pass(DATABASE_DOWN_PAGE_SECONDS - 1, true);
  expect(sent).toEqual([]);
  await pass(1);
  expect(sent).toMatchObject([
    {
      channel: "pagerduty",
      key: "tracer-db-down",
      state: "begun",
      title: "Tracer has no database",
    },
  ]);
  expect(sent[0]?.text).toBe(
    "The database has not answered since 2026-11-22T12:00:05Z, for 60 s. Detection goes on. " +
      "12 signals wait and will be announced when it is back; until then no alert, escalation, " +
      "reminder or resolve is sent, and incidents cannot be shown.",
  );
  await pass(600);
  await pass(DATABASE_BACK_SECONDS, false);
  expect(sent).toHaveLength(1);
  await pass(1);
  expect(sent[1]).toMatchObject({ channel: "pagerduty", state: "over", receipt: { ts: "1" } });
  expect(sent[1]?.text).toContain("since 2026-11-22T12:11:06Z; it was away for 11 min.");
  await pass(600);
  expect(sent).toHaveLength(2);
});

test("a shorter outage is told to nobody, and does not count towards the next", async () => {
  const { sent, pass, watch } = world();
  await pass(2, true);
  expect(watch.outage).toBeNull(); // A hiccup.
  await pass(1);
  expect(watch.outage).toEqual({ sinceMs: NOON_MS, seconds: 3 });
  await pass(47);
  expect(watch.outage).toEqual({ sinceMs: NOON_MS, seconds: 50 });
  await pass(DATABASE_BACK_SECONDS + 1, false);
  expect(watch.outage).toBeNull();
  await pass(59, true);
  await pass(60, false);
  expect(sent).toEqual([]);
});

test("a database that answers for a moment now and then is away", async () => {
  const { sent, pass } = world();
  await pass(30, true);
  await pass(DATABASE_BACK_SECONDS - 1, false);
  await pass(30, true);
  expect(sent).toHaveLength(1);
  await pass(DATABASE_BACK_SECONDS - 1, false);
  await pass(300, true);
  await pass(DATABASE_BACK_SECONDS + 1, false);
  expect(sent.map(({ state }) => state)).toEqual(["begun", "over"]);
});

test.each([
  [["slack", "pagerduty"], "slack", "pagerduty"],
  [["composio-slack", "slack-webhook"], "slack-webhook", "slack-webhook"],
  [["composio-slack", "slack-webhook"], null, "composio-slack"],
  [["console", "slack"], null, "slack"],
  [["console"], null, "console"],
])("of %j with fall-back %s it is told to %s", async (kinds, fallbackChannel, told) => {
  const { sent, pass } = world({ kinds, fallbackChannel });
  await pass(61, true);
  expect(sent.map(({ channel }) => channel)).toEqual([told]);
});

test("it is tried again, at ever longer intervals of a minute at most, until it is sent", async () => {
  const { sent, state, pass } = world();
  state.verdicts = Array(9).fill(RETRY);
  await pass(600, true);
  const pauses = sent.map(({ second }, index) => second - (sent[index - 1]?.second ?? 0));
  expect(pauses).toEqual([60, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
  const asked = ["pagerduty", "slack", "pagerduty"].flatMap((name) =>
    Array(CHANNEL_TRIES_MAX).fill(name),
  );
  expect(sent.map(({ channel }) => channel)).toEqual([...asked, "slack"]);
});

test("where nobody knows whether it was sent the next is asked; whoever may have heard is told the end", async () => {
  const { sent, state, pass } = world({ kinds: ["slack-webhook", "slack"] });
  state.verdicts = [UNKNOWN];
  await pass(600, true);
  expect(sent.map(({ channel }) => channel)).toEqual(["slack-webhook", "slack"]);
  await pass(60, false);
  expect(sent.slice(2).map(({ channel, state }) => [channel, state])).toEqual([
    ["slack-webhook", "over"],
    ["slack", "over"],
  ]);
});

test("with nobody else to ask, one that may have heard is asked again, and told that it may be a repeat", async () => {
  const { sent, state, pass } = world({ kinds: ["slack-webhook"] });
  state.verdicts = [UNKNOWN, RETRY];
  await pass(600, true);
  expect(sent).toHaveLength(3);
  expect(sent.map(({ text }) => text.includes("May be a repeat"))).toEqual([false, true, true]);
});

test("a restart: whom the process before has told, it takes back; what it cannot know stays with a channel that is gone", async () => {
  const before = world();
  before.state.verdicts = [UNKNOWN, SENT];
  await before.pass(65, true);
  const saved = before.state.saved.at(-1) ?? { sinceMs: 0, told: [] };
  expect(saved.told).toEqual([{ channel: "pagerduty", receipt: { ts: "1" }, isSure: true }]);
  // Also that it was about to be sent is known, when the process dies meanwhile.
  expect(before.state.saved[0]?.told).toMatchObject([{ channel: "pagerduty", isSure: false }]);

  const after = world();
  const gone = { channel: "gone", receipt: null, isSure: true };
  await after.watch.inherit({ sinceMs: NOON_MS - 600_000, told: [gone, ...saved.told] });
  await after.pass(DATABASE_BACK_SECONDS + 1);
  expect(after.sent).toMatchObject([{ channel: "pagerduty", state: "over", receipt: { ts: "1" } }]);
  expect(after.sent[0]?.text).toContain("it was away for 10 min");
  expect(after.state.saved.at(-1)?.told).toEqual([]);
  await after.pass(65, true);
  expect(after.sent.slice(1).map(({ state }) => state)).toEqual(["begun"]);
});

test("a restart into an outage that people know of tells them nothing new", async () => {
  const { watch, sent, pass } = world();
  await pass(1, true);
  const told = [{ channel: "slack", receipt: null, isSure: true }];
  await watch.inherit({ sinceMs: NOON_MS - 60_000, told });
  await pass(600, true);
  expect(sent).toEqual([]);
  await pass(60, false);
  expect(sent).toMatchObject([{ channel: "slack", state: "over" }]);
});

test("one after the other where what was told can be seen; PagerDuty makes one alert of it anyway", async () => {
  for (const [kinds, second] of [
    [["slack", "pagerduty"], DATABASE_DOWN_PAGE_SECONDS],
    [["slack"], DATABASE_DOWN_PAGE_SECONDS + 2 * STAGGER_SECONDS],
  ] as const) {
    const { sent, pass } = world({ kinds, rank: 2 });
    await pass(300, true);
    expect(sent.map((notice) => notice.second)).toEqual([second]);
  }
});

test("what a process on the same folder has told of the same outage is not told again; of another it is", async () => {
  const told = [{ channel: "slack", receipt: null, isSure: true }];
  for (const [sinceMs, count] of [
    [NOON_MS + 59_000, 0],
    [NOON_MS - 61_000, 1],
  ] as const) {
    const { sent, pass } = world({ kinds: ["slack"], othersTold: [{ sinceMs, told }] });
    await pass(300, true);
    expect(sent).toHaveLength(count);
  }
});

test("a disk that is full costs the memory of it, not the page", async () => {
  const { sent, pass, observe, state } = world();
  state.diskFull = true;
  await pass(65, true);
  await pass(60, false);
  expect(sent.map((notice) => notice.state)).toEqual(["begun", "over"]);
  expect(observe.events.map(({ name }) => name)).toContain("told_not_kept");
});

test("a wait that was asked for is waited", async () => {
  const { sent, state, pass } = world();
  state.verdicts = [{ kind: "retry", reason: "http_429", afterMs: 20_000 }];
  await pass(100, true);
  expect(sent.map(({ second }) => second)).toEqual([60, 80]);
});

test("where it can never be sent the next channel is asked, round and round", async () => {
  const { sent, state, pass } = world({ kinds: ["pagerduty", "slack"] });
  state.verdicts = [NEVER, NEVER, NEVER];
  await pass(100, true);
  const asked = ["pagerduty", "slack", "pagerduty", "slack"];
  expect(sent.map(({ channel }) => channel)).toEqual(asked);
  await pass(DATABASE_BACK_SECONDS + 1, false);
  expect(sent.at(-1)).toMatchObject({ channel: "slack", state: "over" });
});

test("what was never told is not taken back; what was told is, whatever it takes", async () => {
  const untold = world();
  untold.state.verdicts = Array(5).fill(RETRY);
  await untold.pass(65, true);
  await untold.pass(60, false);
  expect(untold.sent.map(({ state }) => state)).not.toContain("over");

  const told = world();
  told.state.verdicts = [SENT, NEVER, RETRY];
  await told.pass(65, true);
  await told.pass(60, false);
  expect(told.sent.map(({ state, channel }) => [state, channel])).toEqual([
    ["begun", "pagerduty"],
    ["over", "pagerduty"],
    ["over", "pagerduty"],
    ["over", "pagerduty"],
  ]);
});

test("what cannot be taken back for good does not keep the next outage from being told", async () => {
  const { state, sent, pass } = world();
  state.verdicts = [SENT, ...Array(5).fill(NEVER)];
  await pass(65, true);
  await pass(1_200, false);
  const before = sent.length;
  await pass(65, true);
  expect(sent.slice(before).map((notice) => notice.state)).toEqual(["begun"]);
});

test("an answer that refuses is an answer", async () => {
  const { watch } = world();
  const refused = async () => {
    throw new Error("violates check constraint");
  };
  await expect(watch.attempt(refused)).rejects.toThrow("violates");
  expect(watch.outage).toBeNull();
});
