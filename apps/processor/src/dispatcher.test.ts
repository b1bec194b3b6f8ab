import type { Verdict } from "@tracer/core";
import type { ClaimedDelivery, SettleOptions } from "@tracer/store";
import { aDeliveryTask } from "@tracer/testkit";
import { expect, test } from "vitest";
import { Dispatcher, IN_FLIGHT_MAX } from "./dispatcher.ts";
import { recordingObserve } from "./fixtures.test-helper.ts";

function aDelivery(id: number, overrides: Partial<ClaimedDelivery> = {}): ClaimedDelivery {
  const { link: _link, ...task } = aDeliveryTask("open");
  return {
    ...task,
    deliveryId: String(id),
    channel: "slack",
    leaseToken: 1,
    ageMs: 5,
    ...overrides,
  };
}

interface WorldOptions {
  readonly send?: () => Promise<Verdict>;
  readonly recordAttempt?: () => Promise<string | null>;
  readonly random?: number;
}

function world({ send, recordAttempt, random = 0.5 }: WorldOptions = {}) {
  const waiting: ClaimedDelivery[] = [];
  const settled: SettleOptions[] = [];
  const links: string[] = [];
  const observe = recordingObserve();
  const dispatcher = new Dispatcher({
    channels: [
      {
        name: "slack",
        kind: "slack",
        send: async (task) => {
          links.push(task.link);
          return (await send?.()) ?? { kind: "sent", receipt: { ts: "1" } };
        },
      },
    ],
    claim: async (limit) => waiting.splice(0, limit),
    recordAttempt: recordAttempt ?? (async () => "attempt"),
    settle: async (options) => {
      settled.push(options);
      return "settled";
    },
    linkOf: (incidentId) => `http://tracer/i/${incidentId}`,
    monotonicMs: () => 0,
    random: () => random,
    observe,
    onSettled: () => {},
    onFree: () => {},
  });
  return { waiting, settled, links, observe, dispatcher };
}

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

test("at most IN_FLIGHT_MAX at once; a slow one holds back only itself", async () => {
  let release: () => void = () => {};
  const slow = new Promise<void>((resolve) => {
    release = resolve;
  });
  const send = async (): Promise<Verdict> => {
    await slow;
    return { kind: "sent", receipt: null };
  };
  const { waiting, settled, dispatcher } = world({ send });
  for (let id = 0; id < IN_FLIGHT_MAX + 3; id += 1) waiting.push(aDelivery(id));
  await dispatcher.round();
  await dispatcher.round();
  expect(waiting).toHaveLength(3);
  release();
  await dispatcher.drain(1_000);
  expect(settled).toHaveLength(IN_FLIGHT_MAX);
});

test("how long a retry waits: full jitter that doubles, Retry-After when longer", async () => {
  const delay = async (verdict: Verdict, attempts: number, random: number) => {
    const { waiting, settled, dispatcher } = world({ send: async () => verdict, random });
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
  expect(await delay({ kind: "ambiguous", reason: "http_500" }, 0, 0.5)).toBe(1_000);
  expect(await delay({ kind: "reconnect", reason: "token_revoked" }, 0, 0.5)).toBe(60_000);
});

test("a channel that is not configured any more: permanent, kept as a dead letter", async () => {
  const { waiting, settled, dispatcher } = world();
  waiting.push(aDelivery(1, { channel: "pagerduty" }));
  await dispatcher.round();
  await dispatcher.drain(1_000);
  expect(settled).toMatchObject([{ verdict: { kind: "permanent" } }]);
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
