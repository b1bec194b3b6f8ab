import type { Verdict } from "@tracer/core";
import {
  aDeliveryTask,
  aDigestTask,
  SAMPLE_OPENED_MS,
  startFakeComposio,
  startFakePagerduty,
  startFakeSlack,
} from "@tracer/testkit";
import { expect, test } from "vitest";
import { composioSlackChannel } from "./composio/channel.ts";
import { consoleChannel } from "./console/channel.ts";
import { pagerdutyChannel } from "./pagerduty/channel.ts";
import { slackChannel } from "./slack/channel.ts";
import { slackWebhookChannel } from "./slack/webhook.ts";

const { signal } = new AbortController();
const timings = { requestMs: 5_000, lookupMs: 5_000, sendMs: 30_000, settleMs: 1 };
const WAYS = ["slack", "composio tool", "composio proxy"] as const;

async function startWorld(way: (typeof WAYS)[number] = "slack") {
  await using stack = new AsyncDisposableStack();
  const slack = stack.use(await startFakeSlack({ now: () => SAMPLE_OPENED_MS }));
  const composio = stack.use(await startFakeComposio({ slack }));
  const session = { apiKey: composio.apiKey, baseUrl: composio.url, userId: "tracer:test" };
  const open = () =>
    way === "slack"
      ? slackChannel({ ...slack, channel: "C0ALERTS", timings })
      : composioSlackChannel({
          ...{ ...session, channel: "C0ALERTS", timings },
          via: way === "composio tool" ? "tool" : "proxy",
        });
  const receiver = way === "slack" ? slack : composio;
  const route = {
    slack: "chat.postMessage",
    "composio tool": "execute",
    "composio proxy": "proxy_execute",
  }[way];
  const owned = stack.move();
  const dispose = { [Symbol.asyncDispose]: () => owned.disposeAsync() };
  return { slack, receiver, route, open, ...dispose };
}

function receiptOf(verdict: Verdict) {
  return verdict.kind === "sent" ? verdict.receipt : null;
}

test.each(WAYS)("%s: posted, and nobody heard of it: another process finds it", async (way) => {
  await using world = await startWorld(way);
  world.receiver.fail({ route: world.route, when: "after", status: 500 });
  const task = aDigestTask(300);
  expect(await world.open().sendDigest(task, signal)).toMatchObject({ kind: "ambiguous" });
  const again = await world.open().sendDigest({ ...task, uncertain: true, attempts: 1 }, signal);
  expect(world.slack.messages).toHaveLength(1);
  const { ts } = world.slack.messages[0] ?? {};
  expect(again).toEqual({ kind: "sent", receipt: { channel: "C0ALERTS", ts, digest: task.id } });
});

test.each(WAYS)(
  "%s: not posted: looked for, and posted once; another digest is not taken for it",
  async (way) => {
    await using world = await startWorld(way);
    const other = aDigestTask(3, { id: "11111111-6f0e-4c5b-9d5e-0d9f4f6f1a11" });
    await world.open().sendDigest(other, signal);
    await world.open().send(aDeliveryTask("open"), signal);
    const task = aDigestTask(300, { uncertain: true, attempts: 1 });
    const verdict = await world.open().sendDigest(task, signal);
    expect(verdict).toMatchObject({ kind: "sent", receipt: { digest: task.id } });
    expect(verdict).not.toHaveProperty("maybeRepeat");
    expect(world.slack.messages).toHaveLength(3);
  },
);

test("slack: a history that cannot be read: once more, and marked", async () => {
  await using world = await startWorld();
  world.slack.forbidHistory();
  const verdict = await world.open().sendDigest(aDigestTask(3, { uncertain: true }), signal);
  expect(verdict).toMatchObject({ kind: "sent", maybeRepeat: true });
  expect(world.slack.messages[0]?.text).toContain("(may be a repeat)");
});

test("slack: refused blocks go as text", async () => {
  await using world = await startWorld();
  const body = { ok: false, error: "invalid_blocks" };
  world.slack.fail({ route: "chat.postMessage", when: "before", status: 200, body });
  const verdict = await world.open().sendDigest(aDigestTask(300), signal);
  expect(verdict.kind).toBe("sent");
  expect(world.slack.messages[0]?.blocks).toEqual([]);
});

test("slack: what a digest told ends under it, is raised by a message of its own, and is not edited", async () => {
  await using world = await startWorld();
  const channel = world.open();
  const receipt = receiptOf(await channel.sendDigest(aDigestTask(30), signal));
  const { ts } = world.slack.messages[0] ?? {};
  const told = { receipt, stormOpen: true };
  expect(await channel.send(aDeliveryTask("edit", told), signal)).toMatchObject({ receipt: null });
  expect(world.slack.messages).toHaveLength(1);
  await channel.send(aDeliveryTask("resolve", told), signal);
  expect(world.slack.messages[1]).toMatchObject({ threadTs: ts });
  expect(world.slack.messages[1]?.text).toContain("RESOLVED");
  const own = receiptOf(await channel.send(aDeliveryTask("escalate", told), signal));
  expect(world.slack.messages[2]).toMatchObject({ threadTs: null, ts: own?.["ts"] });
  await channel.send(aDeliveryTask("resolve", { ...told, receipt: own }), signal);
  expect(world.slack.messages).toHaveLength(3);
  expect(world.slack.messages[0]?.earlier).toEqual([]);
  expect(world.slack.messages[2]?.text).toContain("RESOLVED");
});

test("slack: the digest was deleted, or its place is not known: the end is a message of its own", async () => {
  await using world = await startWorld();
  const channel = world.open();
  const receipt = receiptOf(await channel.sendDigest(aDigestTask(30), signal));
  const body = { ok: false, error: "thread_not_found" };
  world.slack.fail({ route: "chat.postMessage", when: "before", status: 200, body });
  const before = world.slack.messages.length;
  await channel.send(aDeliveryTask("resolve", { receipt }), signal);
  await channel.send(aDeliveryTask("resolve", { receipt: { digest: "x" } }), signal);
  const posted = world.slack.messages.slice(before);
  expect(posted.map(({ threadTs }) => threadTs)).toEqual([null, null]);
});

test("webhook and console: one message for the digest, one for an end", async () => {
  await using slack = await startFakeSlack();
  const printed: string[] = [];
  const channels = [
    slackWebhookChannel({ url: slack.webhookUrl }),
    consoleChannel({ write: (card) => printed.push(card) }),
  ];
  for (const channel of channels) {
    const task = aDigestTask(30);
    const receipt = receiptOf(await channel.sendDigest(task, signal));
    expect(receipt).toMatchObject({ digest: task.id });
    await channel.send(aDeliveryTask("edit", { receipt }), signal);
    await channel.send(aDeliveryTask("resolve", { receipt }), signal);
  }
  expect(slack.messages.map(({ text }) => text.split(" ")[0])).toEqual(["Storm:", "RESOLVED"]);
  expect(printed).toHaveLength(2);
});

test("pagerduty: all digests are one alert, resolved with the last incident of them", async () => {
  await using pagerduty = await startFakePagerduty();
  const channel = pagerdutyChannel(pagerduty);
  const alerts = () => [...pagerduty.alerts.values()];
  pagerduty.fail({ route: "enqueue", when: "after", drop: true });
  const task = aDigestTask(300);
  expect(await channel.sendDigest(task, signal)).toMatchObject({ kind: "ambiguous" });
  const receipt = receiptOf(await channel.sendDigest({ ...task, uncertain: true }, signal));
  expect(alerts()).toMatchObject([{ state: "triggered", opened: 1, severity: "error" }]);
  await channel.send(aDeliveryTask("resolve", { receipt, stormOpen: true }), signal);
  expect(alerts()).toMatchObject([{ state: "triggered", opened: 1 }]);
  await channel.send(aDeliveryTask("resolve", { receipt, stormOpen: false }), signal);
  expect(alerts()).toMatchObject([{ state: "resolved", opened: 1 }]);
});

test("pagerduty: the second of two events fails: both again", async () => {
  await using pagerduty = await startFakePagerduty();
  const channel = pagerdutyChannel(pagerduty);
  await channel.sendDigest(aDigestTask(3), signal);
  const receipt = receiptOf(await channel.send(aDeliveryTask("escalate"), signal));
  const isStorm = ({ text }: { text: string }) => text.includes("tracer:storm");
  pagerduty.fail({ route: "enqueue", match: isStorm, when: "before", status: 503 });
  const end = aDeliveryTask("resolve", { receipt, stormOpen: false });
  expect((await channel.send(end, signal)).kind).toBe("ambiguous");
  expect((await channel.send(end, signal)).kind).toBe("sent");
  expect([...pagerduty.alerts.values()].map(({ state }) => state)).toEqual([
    "resolved",
    "resolved",
  ]);
});
