import { type DeliveryTask, fingerprintOf, type GroupMember, incidentIdOf } from "@tracer/core";
import {
  aDeliveryTask,
  SAMPLE_OPENED_MS,
  startFakeComposio,
  startFakeSlack,
} from "@tracer/testkit";
import { expect, test } from "vitest";
import type { Channel } from "../channel.ts";
import { composioSlackChannel } from "../composio/channel.ts";
import { slackChannel } from "./channel.ts";

const { signal } = new AbortController();
const timings = { requestMs: 5_000, lookupMs: 5_000, sendMs: 30_000, settleMs: 1 };
const WAYS = ["slack", "composio tool", "composio proxy"] as const;

async function startWorld(way: (typeof WAYS)[number] = "slack") {
  await using stack = new AsyncDisposableStack();
  const slack = stack.use(await startFakeSlack({ now: () => SAMPLE_OPENED_MS }));
  const composio = stack.use(await startFakeComposio({ slack }));
  const session = { apiKey: composio.apiKey, baseUrl: composio.url, userId: "tracer:test" };
  const channel =
    way === "slack"
      ? slackChannel({ ...slack, channel: "C0ALERTS", timings })
      : composioSlackChannel({
          ...{ ...session, channel: "C0ALERTS", timings },
          via: way === "composio tool" ? "tool" : "proxy",
        });
  const owned = stack.move();
  return { slack, channel, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

type Kind = "error" | "latency" | "volume";

/** A task of an incident of its own, by service and kind. */
function taskOf(
  action: DeliveryTask["action"],
  {
    service = "checkout",
    kind = "error" as Kind,
    ...incident
  }: Partial<DeliveryTask["incident"]> & {
    readonly kind?: Kind;
  },
): DeliveryTask {
  const fingerprint = fingerprintOf({ project: "p", environment: "", service, kind, part: "" });
  const names = { service, kind, fingerprint, id: incidentIdOf(fingerprint, 1) };
  const title = `${service}: ${kind} trouble`;
  const deliveryId = String(1 + ["error", "latency", "volume"].indexOf(kind) * 10 + service.length);
  return aDeliveryTask(action, { deliveryId, incident: { title, ...names, ...incident } });
}

function memberOf({ incident, link }: DeliveryTask): GroupMember {
  return { incident, link };
}

/** Opens the first of `tasks` with a message, and lets the others join it. */
async function openAll(channel: Channel, tasks: readonly DeliveryTask[]) {
  const [first, ...others] = tasks;
  if (first === undefined) throw new Error("Nothing to open.");
  const sent = await channel.send(first, signal);
  const receipt = sent.kind === "sent" ? sent.receipt : null;
  for (const [index, task] of others.entries()) {
    const group = tasks.slice(0, index + 2).map(memberOf);
    expect(await channel.send({ ...task, receipt, group }, signal)).toEqual({
      kind: "sent",
      receipt,
    });
  }
  return receipt;
}

test.each(WAYS)("%s: what joins is named in the one message", async (way) => {
  await using world = await startWorld(way);
  const tasks = [
    taskOf("open", { severity: "critical" }),
    taskOf("open", { kind: "latency", severity: "warning" }),
    taskOf("open", { service: "cart", severity: "error" }),
  ];
  await openAll(world.channel, tasks);
  expect(world.slack.messages).toHaveLength(1);
  const shown = JSON.stringify(world.slack.messages[0]);
  for (const text of [
    "checkout: error trouble",
    "checkout: latency trouble",
    "cart: error trouble",
  ]) {
    expect(shown).toContain(text);
  }
  expect(shown).toContain("2 more");
});

test("what is worse than all before it is also said under the message, and leads it", async () => {
  await using world = await startWorld();
  const tasks = [
    taskOf("open", { kind: "latency", severity: "warning" }),
    taskOf("open", { severity: "critical" }),
  ];
  await openAll(world.channel, tasks);
  const [card, reply, ...more] = world.slack.messages;
  expect(more).toEqual([]);
  expect(reply?.threadTs).toBe(card?.ts);
  expect(card?.text).toMatch(/^CRITICAL checkout: error trouble \(and 1 more\)/);
  expect(reply?.text).toMatch(/^CRITICAL checkout: error trouble –/);
});

test("the end of one shows in the message, and the end of the last ends it", async () => {
  await using world = await startWorld();
  const open = [
    taskOf("open", { severity: "critical" }),
    taskOf("open", { kind: "latency", severity: "warning" }),
  ];
  const receipt = await openAll(world.channel, open);
  const ended = taskOf("resolve", { severity: "critical" });
  const still = open[1];
  if (still === undefined) throw new Error("There are two.");
  const group = [ended, still].map(memberOf);
  await world.channel.send({ ...ended, seq: 2, receipt, group }, signal);
  expect(world.slack.messages[0]?.text).toMatch(/^WARNING checkout: latency trouble/);
  expect(JSON.stringify(world.slack.messages[0])).toContain("✅ checkout: error trouble, resolved");
  const last = taskOf("resolve", { kind: "latency", severity: "warning" });
  const all = [ended, last].map(memberOf);
  await world.channel.send({ ...last, seq: 2, receipt, group: all }, signal);
  expect(world.slack.messages).toHaveLength(1);
  expect(world.slack.messages[0]?.text).toMatch(/^RESOLVED checkout: error trouble \(and 1 more\)/);
});

test("the message keeps the name of the incident that it began with, and names them all", async () => {
  await using world = await startWorld();
  const tasks = [
    taskOf("open", { kind: "latency", severity: "warning" }),
    taskOf("open", { kind: "volume", severity: "warning" }),
  ];
  await openAll(world.channel, tasks);
  expect(world.slack.messages[0]?.metadata).toMatchObject({
    event_payload: {
      incident_id: tasks[0]?.incident.id,
      delivery_id: tasks[1]?.deliveryId,
      members: tasks.map(({ incident }) => `${incident.id} open`),
    },
  });
});

test("the message is gone: whoever would join it has one of its own", async () => {
  await using world = await startWorld();
  const first = taskOf("open", { severity: "error" });
  const receipt = await openAll(world.channel, [first]);
  world.slack.remove(receipt?.["ts"] ?? "");
  const task = taskOf("open", { kind: "latency", severity: "warning" });
  const group = [first, task].map(memberOf);
  const verdict = await world.channel.send({ ...task, receipt, group }, signal);
  expect(verdict).toMatchObject({ kind: "sent" });
  expect(world.slack.messages.map(({ text }) => text)).toEqual([
    expect.stringMatching(/^WARNING checkout: latency trouble –/),
  ]);
});

test("joining is an edit: tried again after an unknown end it changes nothing", async () => {
  await using world = await startWorld();
  const first = taskOf("open", { severity: "error" });
  const receipt = await openAll(world.channel, [first]);
  world.slack.fail({ route: "chat.update", when: "after", status: 500 });
  const task = taskOf("open", { kind: "latency", severity: "warning" });
  const group = [first, task].map(memberOf);
  const joining = { ...task, receipt, group };
  expect(await world.channel.send(joining, signal)).toMatchObject({ kind: "ambiguous" });
  const again = { ...joining, uncertain: true, unknownEnds: 1, attempts: 1 };
  expect(await world.channel.send(again, signal)).toEqual({ kind: "sent", receipt });
  expect(world.slack.messages).toHaveLength(1);
});
