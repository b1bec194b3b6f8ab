import { TracerError, type Verdict } from "@tracer/core";
import type {
  ClaimedDelivery,
  ClaimedDigest,
  SettleDigestOptions,
  SettleOptions,
} from "@tracer/store";
import { aDeliveryTask, aDigestTask } from "@tracer/testkit";
import { expect, test } from "vitest";
import { IN_FLIGHT_PER_CHANNEL_MAX } from "./channel-pace.ts";
import { DIGEST_DUE_MIN, Dispatcher } from "./dispatcher.ts";
import { recordingObserve } from "./fixtures.test-helper.ts";

function aDelivery(id: number, overrides: Partial<ClaimedDelivery> = {}): ClaimedDelivery {
  const { link: _link, group: _group, ...task } = aDeliveryTask("open");
  return {
    ...task,
    deliveryId: String(id),
    channel: "slack",
    leaseToken: 1,
    ageMs: 5,
    ...overrides,
  };
}

function aDigest(count: number, overrides: Partial<ClaimedDigest> = {}): ClaimedDigest {
  const { link: _link, ...task } = aDigestTask(count);
  const rows = task.entries.map((_, index) => ({ deliveryId: `d${index}`, leaseToken: 1 }));
  return { ...task, channel: "slack", rows, ageMs: 5, ...overrides };
}

interface WorldOptions {
  /** By channel name; `slack` alone when not given. */
  readonly sends?: Readonly<Record<string, () => Promise<Verdict>>>;
  readonly recordAttempt?: () => Promise<string | null>;
  readonly hasStormAlert?: boolean;
  readonly random?: number;
}

const SENT: Verdict = { kind: "sent", receipt: { ts: "1" } };

function world(options: WorldOptions = {}) {
  const { sends, recordAttempt, hasStormAlert = false, random = 0.5 } = options;
  const waiting: ClaimedDelivery[] = [];
  const settled: SettleOptions[] = [];
  const links: string[] = [];
  const pauses: number[] = [];
  const digests: ClaimedDigest[] = [];
  const asked: (number | null)[] = [];
  const settledDigests: SettleDigestOptions[] = [];
  const state = {
    digestAttempt: true,
    digestError: false,
    monotonicMs: 1_000,
    settleErrors: [] as Error[],
  };
  const observe = recordingObserve();
  const send = sends ?? { slack: async () => SENT };
  const dispatcher = new Dispatcher({
    channels: Object.entries(send).map(([name, answer]) => ({
      name,
      kind: name,
      ownAlone: true,
      hasStormAlert,
      send: async (task) => {
        links.push(task.link);
        return answer();
      },
      sendDigest: async (task) => {
        links.push(task.link);
        return answer();
      },
      sendNotice: async () => SENT,
    })),
    claim: async (channel, { limit }) => {
      const taken = waiting.filter((delivery) => delivery.channel === channel).slice(0, limit);
      for (const delivery of taken) waiting.splice(waiting.indexOf(delivery), 1);
      return taken;
    },
    recordAttempt: recordAttempt ?? (async () => "attempt"),
    settle: async (options) => {
      const error = state.settleErrors.shift();
      if (error !== undefined) throw error;
      settled.push(options);
      return "settled";
    },
    claimDigest: async (channel, { due }) => {
      asked.push(due);
      if (state.digestError) throw new Error("slow");
      const index = digests.findIndex((digest) => digest.channel === channel);
      return index < 0 ? null : (digests.splice(index, 1)[0] ?? null);
    },
    recordDigestAttempt: async () => state.digestAttempt,
    settleDigest: async (options) => {
      const error = state.settleErrors.shift();
      if (error !== undefined) throw error;
      settledDigests.push(options);
      return options.digest.rows.length - 1;
    },
    listLink: () => "http://tracer/",
    linkOf: (incidentId) => `http://tracer/i/${incidentId}`,
    monotonicMs: () => state.monotonicMs,
    pause: async (ms) => {
      pauses.push(ms);
      await new Promise(setImmediate);
    },
    random: () => random,
    observe,
    onSettled: () => {},
    onFree: () => {},
  });
  const rounds = async (times: number) => {
    for (let round = 0; round < times; round += 1) {
      await dispatcher.round();
      await new Promise(setImmediate); // What needs no waiting has come to its end.
    }
  };
  return {
    state,
    waiting,
    digests,
    asked,
    settledDigests,
    settled,
    links,
    pauses,
    observe,
    dispatcher,
    rounds,
  };
}

/** A send that hangs until it is let go. */
function hanging(verdict: Verdict = SENT) {
  const { promise, resolve } = Promise.withResolvers<Verdict>();
  return { send: () => promise, letGo: () => resolve(verdict) };
}

const away = () => new TracerError("DATABASE_UNAVAILABLE", "away");

test("claim, attempt, send, settle, with a link to the incident", async () => {
  const { waiting, settled, links, dispatcher } = world();
  waiting.push(aDelivery(1));
  await dispatcher.round();
  await dispatcher.drain(1_000);
  expect(settled).toMatchObject([
    { deliveryId: "1", attemptId: "attempt", verdict: { kind: "sent" } },
  ]);
  expect(links[0]).toMatch(/^http:\/\/tracer\/i\/inc_/);
});

test("without the attempt row nothing is sent: the lease has gone to another", async () => {
  const { waiting, settled, links, dispatcher } = world({ recordAttempt: async () => null });
  waiting.push(aDelivery(1));
  await dispatcher.round();
  await dispatcher.drain(1_000);
  expect([settled, links]).toEqual([[], []]);
});

test("at most IN_FLIGHT_PER_CHANNEL_MAX at once; a channel that hangs holds back only itself", async () => {
  const slack = hanging();
  const { waiting, settled, dispatcher, rounds } = world({
    sends: { slack: slack.send, pagerduty: async () => SENT },
  });
  for (let id = 0; id < 7; id += 1) waiting.push(aDelivery(id));
  for (let id = 10; id < 17; id += 1) waiting.push(aDelivery(id, { channel: "pagerduty" }));
  await rounds(3);
  expect(waiting).toHaveLength(7 - IN_FLIGHT_PER_CHANNEL_MAX);
  expect(settled).toHaveLength(7);
  slack.letGo();
  await dispatcher.drain(1_000);
  expect(settled).toHaveLength(7 + IN_FLIGHT_PER_CHANNEL_MAX);
});

test("Slack: five at once, then one a second", async () => {
  const { state, waiting, settled, rounds } = world();
  for (let id = 0; id < 20; id += 1) waiting.push(aDelivery(id));
  await rounds(5);
  expect(settled).toHaveLength(5);
  state.monotonicMs += 999;
  await rounds(2);
  expect(settled).toHaveLength(5);
  state.monotonicMs += 1;
  await rounds(2);
  expect(settled).toHaveLength(6);
  state.monotonicMs += 60_000;
  await rounds(5);
  expect(settled).toHaveLength(11);
});

test("25 under Retry-After 10: the channel is left alone for that long, then tried with one", async () => {
  const answers: Verdict[] = [];
  const { state, waiting, settled, rounds } = world({
    sends: {
      slack: async () => answers.shift() ?? { kind: "retry", reason: "http_429", afterMs: 10_000 },
      pagerduty: async () => SENT,
    },
  });
  for (let id = 0; id < 25; id += 1) waiting.push(aDelivery(id));
  await rounds(3);
  expect(settled).toHaveLength(IN_FLIGHT_PER_CHANNEL_MAX);
  state.monotonicMs += 9_999;
  waiting.push(aDelivery(30, { channel: "pagerduty" })); // The others go on.
  await rounds(3);
  expect(settled).toHaveLength(IN_FLIGHT_PER_CHANNEL_MAX + 1);
  state.monotonicMs += 1;
  await rounds(3);
  expect(settled).toHaveLength(IN_FLIGHT_PER_CHANNEL_MAX + 2);
  answers.push(SENT, SENT);
  state.monotonicMs += 10_000;
  await rounds(3);
  state.monotonicMs += 1_000;
  await rounds(3);
  expect(settled.slice(-2).map(({ verdict }) => verdict.kind)).toEqual(["sent", "sent"]);
  expect(settled).toHaveLength(IN_FLIGHT_PER_CHANNEL_MAX + 4);
});

test("a retry that names no time does not hold the channel", async () => {
  const { waiting, settled, rounds } = world({
    sends: { slack: async () => ({ kind: "retry", reason: "ECONNREFUSED", afterMs: null }) },
  });
  for (let id = 0; id < 5; id += 1) waiting.push(aDelivery(id));
  await rounds(3);
  expect(settled).toHaveLength(5);
});

test("the database is away when an answer is known: kept, and written before anything else is claimed", async () => {
  const { state, waiting, settled, pauses, observe, dispatcher } = world();
  state.settleErrors = Array.from({ length: 6 }, away);
  waiting.push(aDelivery(1));
  await dispatcher.round();
  while (state.settleErrors.length > 3) await new Promise(setImmediate);
  waiting.push(aDelivery(2));
  await dispatcher.round();
  expect(waiting).toHaveLength(1); // Not claimed yet.
  while (settled.length === 0) await new Promise(setImmediate);
  expect(settled).toMatchObject([{ deliveryId: "1", verdict: { kind: "sent" } }]);
  expect(pauses).toEqual([250, 500, 1_000, 2_000, 2_000, 2_000]);
  await new Promise(setImmediate);
  await dispatcher.round();
  await dispatcher.drain(1_000);
  expect(settled).toHaveLength(2);
  const names = observe.events.map(({ name }) => name);
  expect(names.filter((name) => name.startsWith("loop"))).toEqual([
    "loop_failed",
    "loop_recovered",
  ]);
});

test("an answer that the database refuses for another reason is given up; the lease runs out", async () => {
  const { state, waiting, settled, observe, dispatcher } = world();
  state.settleErrors = [new Error("a mistake of ours")];
  waiting.push(aDelivery(1));
  await dispatcher.round();
  await dispatcher.drain(1_000);
  expect(settled).toEqual([]);
  expect(observe.events).toMatchObject([{ name: "loop_failed", loop: "deliver" }]);
});

test("a stop ends the tries for a database that stays away", async () => {
  const { state, waiting, settled, dispatcher } = world();
  state.settleErrors = Array.from({ length: 100_000 }, away);
  waiting.push(aDelivery(1));
  await dispatcher.round();
  await dispatcher.drain(0);
  expect(settled).toEqual([]);
});

test("how long a retry waits: full jitter that doubles, Retry-After when longer", async () => {
  const delay = async (verdict: Verdict, attempts: number, random: number) => {
    const { waiting, settled, dispatcher } = world({
      sends: { slack: async () => verdict },
      random,
    });
    waiting.push(aDelivery(1, { attempts }));
    await dispatcher.round();
    await dispatcher.drain(1_000);
    return settled[0]?.retryAfterMs;
  };
  const retry = (afterMs: number | null): Verdict => ({
    kind: "retry",
    reason: "http_429",
    afterMs,
  });
  expect(await delay(retry(null), 0, 0)).toBe(500);
  expect(await delay(retry(null), 3, 0.5)).toBe(4_000);
  expect(await delay(retry(null), 60, 0.999_999)).toBeLessThanOrEqual(300_000);
  expect(await delay(retry(30_000), 0, 0.5)).toBe(30_000);
  const ambiguous: Verdict = { kind: "ambiguous", reason: "http_500" };
  expect(await delay(ambiguous, 0, 0)).toBe(1_000);
  expect(await delay(ambiguous, 0, 0.75)).toBe(1_500);
  expect(await delay(ambiguous, 4, 0.5)).toBe(16_000);
  expect(await delay(ambiguous, 60, 0.999)).toBeCloseTo(299_700);
  expect(await delay({ kind: "reconnect", reason: "token_revoked" }, 0, 0.5)).toBe(60_000);
});

test("a database that goes away in the middle is reported, and the dispatcher goes on", async () => {
  const { waiting, observe, dispatcher } = world({
    recordAttempt: async () => Promise.reject(new Error("away")),
  });
  waiting.push(aDelivery(1));
  await dispatcher.round();
  await dispatcher.drain(1_000);
  expect(observe.events).toMatchObject([{ name: "loop_failed", loop: "deliver" }]);
  await dispatcher.round();
});

test("the last message that may go out now is for a digest; a new one only if more is due than can go alone", async () => {
  const { state, waiting, digests, asked, settledDigests, settled, links, observe, rounds } =
    world();
  waiting.push(aDelivery(1), aDelivery(2));
  await rounds(1);
  expect(asked).toEqual([null]); // One that waits for its next try would be taken all the same.
  expect(settled).toHaveLength(2);
  for (let id = 10; id < 30; id += 1) waiting.push(aDelivery(id));
  digests.push(aDigest(300));
  await rounds(1);
  expect(asked).toEqual([null, DIGEST_DUE_MIN]);
  expect(settledDigests).toMatchObject([{ verdict: { kind: "sent" }, retryAfterMs: 0 }]);
  expect(links.at(-1)).toBe("http://tracer/");
  expect(settled).toHaveLength(4); // Five messages in all.
  const said = observe.events.filter(({ name }) => name === "digest_settled");
  expect(said).toMatchObject([{ outcome: "sent", deliveries: 299, fenced: 1 }]);
  state.monotonicMs += 1_000; // One token: the digest is asked for first.
  await rounds(1);
  expect(settled).toHaveLength(5);
});

test("one digest of a channel at a time, and its failure is tried again later, whole", async () => {
  const slack = hanging({ kind: "retry", reason: "http_429", afterMs: 30_000 });
  const { waiting, digests, settledDigests, dispatcher, rounds } = world({
    sends: { slack: slack.send },
  });
  for (let id = 0; id < 20; id += 1) waiting.push(aDelivery(id));
  digests.push(aDigest(300), aDigest(200));
  await rounds(3);
  expect(digests).toHaveLength(1);
  slack.letGo();
  await dispatcher.drain(1_000);
  expect(settledDigests).toMatchObject([
    { digest: { id: aDigest(1).id }, verdict: { kind: "retry" }, retryAfterMs: 30_000 },
  ]);
});

test("without the attempt rows a digest is not sent", async () => {
  const { state, digests, settledDigests, links, rounds } = world();
  state.digestAttempt = false;
  digests.push(aDigest(30));
  await rounds(2);
  expect([settledDigests, links, digests]).toEqual([[], [], []]);
});

test("the answer to a digest is kept, too, while the database is away", async () => {
  const { state, digests, settledDigests, rounds } = world();
  state.settleErrors = [away(), away()];
  digests.push(aDigest(30));
  await rounds(8);
  expect(settledDigests).toHaveLength(1);
});

test("a claim that fails holds back neither the channel's own deliveries nor the other channels", async () => {
  const { state, waiting, settled, rounds } = world({
    sends: { slack: async () => SENT, pagerduty: async () => SENT },
  });
  state.digestError = true;
  for (let id = 0; id < 8; id += 1) {
    waiting.push(aDelivery(id), aDelivery(100 + id, { channel: "pagerduty" }));
  }
  await expect(rounds(1)).rejects.toThrow("slow");
  await new Promise(setImmediate);
  expect(settled).toHaveLength(2 * IN_FLIGHT_PER_CHANNEL_MAX);
});

test("what was said of a storm goes with its settle, where all of a storm is one alert", async () => {
  for (const hasStormAlert of [true, false]) {
    const { waiting, digests, dispatcher, rounds, settled, settledDigests } = world({
      hasStormAlert,
    });
    waiting.push(aDelivery(1), aDelivery(2, { stormOpen: false }));
    const entries = aDigest(2).entries.map((entry) => ({ ...entry, action: "resolve" as const }));
    digests.push(aDigest(2, { stillOpen: true }), aDigest(2, { entries, stillOpen: true }));
    await rounds(4);
    await dispatcher.drain(1_000);
    const told = settled.map(({ toldStormOpen }) => toldStormOpen);
    expect(told.toSorted()).toEqual(hasStormAlert ? [false, undefined] : [undefined, undefined]);
    const toldByDigests = settledDigests.map(({ toldStormOpen }) => toldStormOpen);
    expect(toldByDigests).toEqual([undefined, hasStormAlert ? true : undefined]);
  }
});
