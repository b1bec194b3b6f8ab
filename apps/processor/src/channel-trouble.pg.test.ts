import { composioSlackChannel, slackChannel } from "@tracer/notify";
import * as store from "@tracer/store";
import {
  aDeliveryTask,
  createTestDatabase,
  startFakeComposio,
  startFakeSlack,
} from "@tracer/testkit";
import { expect, test } from "vitest";
import { createChannelTrouble, lookAtChannels } from "./channel-watch.ts";
import { composioSessions, connectedAccounts, keepAccount } from "./composio-sessions.ts";
import { createObserve } from "./observe.ts";

const { signal } = new AbortController();
const NOW_MS = Date.parse("2026-11-23T06:00:00Z");

/** Two processors, one database; Composio speaks to one workspace, the fall-back to another. */
async function startWorld() {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await createTestDatabase());
  const { pool } = database;
  const slack = stack.use(await startFakeSlack());
  const backup = stack.use(await startFakeSlack());
  const composio = stack.use(await startFakeComposio({ slack }));
  const key = { apiKey: composio.apiKey, baseUrl: composio.url, userId: "tracer" };
  const toolkits = ["slackbot"];
  const sessionStore = composioSessions(pool)({ ...key, toolkits });
  const timings = { lookupMs: 10_000, settleMs: 1 };
  const broken = composioSlackChannel({
    ...{ ...key, toolkits, channel: "C0ALERTS", sessionStore, timings },
  });
  const { token, apiUrl } = backup;
  const fallback = slackChannel({ name: "backup", token, apiUrl, channel: "C0ALERTS", timings });
  const channels = [broken, fallback];
  const observe = createObserve("silent", { write: () => true });
  stack.defer(() => observe.close());
  const processorOf = (processorId: string) =>
    createChannelTrouble({
      ...{ pool, processorId, observe },
      channels: () => channels,
      fallback: () => "backup",
      linkOf: (id) => id,
      nowMs: () => NOW_MS,
    });
  const one = processorOf("one");
  const two = processorOf("two");
  const owned = stack.move();
  return {
    ...{ pool, slack, backup, composio, broken, channels, key, one, two, processorOf },
    async sends() {
      const verdict = await broken.send(aDeliveryTask(), signal);
      const fix = verdict.kind === "sent" ? null : (broken.fixOf?.(verdict.reason) ?? null);
      for (const each of [one, two]) each.settled(broken.name, verdict, fix);
      return verdict;
    },
    async rounds() {
      await Promise.all([one.round(), two.round()]);
      await Promise.all([one.round(), two.round()]);
    },
    notices: () => backup.messages.map(({ text }) => text),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

test("a dead connection is told once through the fall-back, with what to do, and once that it is well", async () => {
  await using world = await startWorld();
  world.composio.disconnect("slackbot");
  expect(await world.sends()).toMatchObject({ kind: "reconnect" });
  await world.rounds();
  await world.sends();
  await world.rounds();
  expect(world.notices()).toEqual([
    expect.stringMatching(
      /CRITICAL.*composio-slack.*NoActiveConnection.*tracer connect slackbot/su,
    ),
  ]);
  // Whoever starts now knows that it was told.
  const three = world.processorOf("three");
  three.settled("composio-slack", { kind: "reconnect", reason: "again" }, null);
  await three.round();
  expect(world.notices()).toHaveLength(1);
  world.composio.connect("slackbot");
  expect(await world.sends()).toMatchObject({ kind: "sent" });
  await world.rounds();
  await world.sends();
  await world.rounds();
  expect(world.notices()).toHaveLength(2);
  expect(world.notices()[1]).toMatch(/RESOLVED.*composio-slack/su);
});

test("a look finds a connection that has expired before any alert does; ACTIVE is no proof that a revoked one is well", async () => {
  await using world = await startWorld();
  const look = () => lookAtChannels(world.channels, world.one, signal);
  await look();
  await world.one.round();
  expect(world.notices()).toEqual([]);
  world.composio.disconnect("slackbot");
  await look();
  await world.one.round();
  expect(world.notices()).toEqual([expect.stringContaining("connection slackbot there is none")]);
  world.composio.connect("slackbot");
  await look();
  await world.one.round();
  expect(world.notices()).toHaveLength(2);

  world.composio.revoke("slackbot");
  expect(await world.sends()).toMatchObject({ kind: "reconnect", reason: "token_revoked" });
  await world.rounds();
  expect(world.notices()).toHaveLength(3);
  const nothing = lookAtChannels([{ ...world.broken, check: async () => [] }], world.one, signal);
  await nothing;
  await world.one.round();
  expect(world.notices()).toHaveLength(3);
});

test("nobody can be told: it is kept for later, and not tried in a hurry", async () => {
  await using world = await startWorld();
  world.composio.disconnect("slackbot");
  await world.sends();
  world.backup.fail({ route: "chat.postMessage", when: "before", status: 503, times: 2 });
  await world.rounds();
  await world.rounds();
  expect(world.notices()).toEqual([]);
  const asked = world.backup.requests.filter(({ route }) => route === "chat.postMessage");
  expect(asked).toHaveLength(2); // Once by each.
  expect(await store.listKept(world.pool, "trouble:")).toEqual([]);
});

test("what passes by itself, and a refusal of one message, is no news", async () => {
  await using world = await startWorld();
  world.one.settled("composio-slack", { kind: "retry", reason: "http_429", afterMs: 1 }, null);
  world.one.settled("composio-slack", { kind: "ambiguous", reason: "timeout" }, null);
  world.one.settled("composio-slack", { kind: "permanent", reason: "msg_too_long" }, null);
  await world.one.round();
  expect(world.notices()).toEqual([]);
});

test("the session is kept: a restart uses it, one that is gone is made anew, another account is another session", async () => {
  await using world = await startWorld();
  const { composio, key, pool } = world;
  const again = () =>
    composioSlackChannel({
      ...{ ...key, toolkits: ["slackbot"], channel: "C0ALERTS" },
      sessionStore: composioSessions(pool)({ ...key, toolkits: ["slackbot"] }),
    });
  await world.broken.send(aDeliveryTask(), signal);
  await again().send(aDeliveryTask(), signal);
  expect(composio.sessions).toEqual(["trs_0001"]);
  expect(composio.requests.map(({ route }) => route)).toContain("session.get");
  composio.forgetSessions();
  expect(await again().send(aDeliveryTask(), signal)).toMatchObject({ kind: "sent" });
  await again().send(aDeliveryTask(), signal);
  expect(composio.sessions).toEqual(["trs_0001", "trs_0002"]);
  await keepAccount(pool, { ...key, toolkit: "slackbot", accountId: "ca_slackbot" });
  expect(await connectedAccounts(pool, key)).toEqual({ slackbot: "ca_slackbot" });
  expect(await again().send(aDeliveryTask(), signal)).toMatchObject({ kind: "sent" });
  const created = composio.requests.filter(({ route }) => route === "session.create");
  expect(created.at(-1)?.body).toMatchObject({ connected_accounts: { slackbot: ["ca_slackbot"] } });
  // One that does not exist any more would fail every session: it is left out.
  await keepAccount(pool, { ...key, toolkit: "slackbot", accountId: "ca_gone" });
  expect(await again().send(aDeliveryTask(), signal)).toMatchObject({ kind: "sent" });
  const rows = JSON.stringify(await store.listKept(pool, ""));
  expect(rows).not.toContain(key.apiKey);
});
