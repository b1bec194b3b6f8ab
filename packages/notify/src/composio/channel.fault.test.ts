import diagnostics from "node:diagnostics_channel";
import { Socket } from "node:net";
import type { Verdict } from "@tracer/core";
import {
  aDeliveryTask,
  type Fault,
  SAMPLE_OPENED_MS,
  startFakeComposio,
  startFakeSlack,
} from "@tracer/testkit";
import { expect, onTestFinished, test, vi } from "vitest";
import { composioSlackChannel } from "./channel.ts";

const { signal } = new AbortController();
const WAYS = ["tool", "proxy"] as const;

async function startWorld(via: (typeof WAYS)[number] = "tool", overrides = {}) {
  const slack = await startFakeSlack({ now: () => SAMPLE_OPENED_MS });
  const composio = await startFakeComposio({ slack });
  const options = {
    apiKey: composio.apiKey,
    baseUrl: composio.url,
    channel: "C0ALERTS",
    userId: "tracer:test",
    via,
    timings: { requestMs: 5_000, lookupMs: 5_000, sendMs: 30_000, settleMs: 1 },
    ...overrides,
  };
  const channel = composioSlackChannel(options);
  return {
    slack,
    composio,
    channel,
    options,
    route: via === "tool" ? "execute" : "proxy_execute",
    posts: () => slack.messages.length,
    async [Symbol.asyncDispose]() {
      await composio[Symbol.asyncDispose]();
      await slack[Symbol.asyncDispose]();
    },
  };
}

function receiptOf(verdict: Verdict) {
  return verdict.kind === "sent" ? verdict.receipt : null;
}

test("one alert is one execution of SEND_MESSAGE; edit and resolve change the message in place", async () => {
  await using world = await startWorld();
  const receipt = receiptOf(await world.channel.send(aDeliveryTask("open"), signal));
  const slugs = () => world.composio.executions.map(({ slug }) => slug);
  expect(slugs()).toEqual(["SLACKBOT_SEND_MESSAGE"]);
  expect(receipt).toEqual({ channel: "C0ALERTS", ts: world.slack.messages[0]?.ts });
  expect(world.slack.messages[0]?.text).toContain("**CRITICAL checkout-api");
  await world.channel.send(aDeliveryTask("edit", { seq: 2, receipt }), signal);
  await world.channel.send(aDeliveryTask("resolve", { seq: 3, receipt }), signal);
  expect(slugs().slice(1)).toEqual(Array(2).fill("SLACKBOT_UPDATES_A_SLACK_MESSAGE"));
  expect(world.posts()).toBe(1);
  expect(world.slack.messages[0]?.text).toContain("RESOLVED");
  expect(world.composio.sessions).toHaveLength(1);
});

test("through the proxy it is Block Kit with metadata", async () => {
  await using world = await startWorld("proxy");
  const receipt = receiptOf(await world.channel.send(aDeliveryTask("open"), signal));
  expect(world.slack.messages[0]?.blocks.length).toBeGreaterThan(3);
  await world.channel.send(aDeliveryTask("resolve", { seq: 2, receipt }), signal);
  expect(world.posts()).toBe(1);
  expect(world.slack.messages[0]?.metadata).toMatchObject({
    event_payload: { status: "resolved" },
  });
});

test("the session asks for nothing but the toolkit", async () => {
  await using world = await startWorld();
  await world.channel.send(aDeliveryTask(), signal);
  expect(world.composio.requests[0]).toMatchObject({
    route: "session.create",
    headers: { "x-api-key": "ak_test" },
    body: {
      user_id: "tracer:test",
      toolkits: { enable: ["slackbot"] },
      manage_connections: { enable: false },
      workbench: { enable: false },
    },
  });
});

const faults: [string, Omit<Fault, "route">][] = [
  ["a 500", { when: "after", status: 500, body: { error: { message: "x", status: 500 } } }],
  ["a reset", { when: "after", drop: true }],
];

for (const via of WAYS) {
  // Goal: the client's own retries would make two messages of it and report success; they are off.
  test.each(faults)(
    `by ${via}: %s after the message was posted: still one message`,
    async (_, fault) => {
      await using world = await startWorld(via);
      world.composio.fail({ route: world.route, ...fault });
      const first = await world.channel.send(aDeliveryTask("open"), signal);
      expect(first.kind).toBe("ambiguous");
      expect(world.composio.requests.filter(({ route }) => route === world.route)).toHaveLength(1);
      const again = await world.channel.send(aDeliveryTask("open", { uncertain: true }), signal);
      expect(again).toEqual({
        kind: "sent",
        receipt: { channel: "C0ALERTS", ts: world.slack.messages[0]?.ts },
      });
      expect(world.posts()).toBe(1);
    },
  );

  test(`by ${via}: 429 is not slept through inside the client, and nothing is lost`, async () => {
    await using world = await startWorld(via);
    const headers = { "retry-after": "7" };
    const body = { message: "Rate limit exceeded." };
    world.composio.fail({ route: world.route, when: "before", status: 429, headers, body });
    const first = await world.channel.send(aDeliveryTask("open"), signal);
    expect(first).toMatchObject({ kind: "retry", afterMs: 7_000 });
    expect(await world.channel.send(aDeliveryTask("open"), signal)).toMatchObject({ kind: "sent" });
    expect(world.posts()).toBe(1);
  });

  test(`by ${via}: a dead connection says reconnect`, async () => {
    await using world = await startWorld(via);
    world.composio.disconnect("slackbot");
    expect(await world.channel.send(aDeliveryTask(), signal)).toEqual({
      kind: "reconnect",
      reason: "ToolRouterV2_NoActiveConnection",
    });
    world.composio.connect("slackbot");
    expect(await world.channel.send(aDeliveryTask(), signal)).toMatchObject({ kind: "sent" });
  });

  test(`by ${via}: an escalation answers under the message, also after a reset`, async () => {
    await using world = await startWorld(via);
    const receipt = receiptOf(await world.channel.send(aDeliveryTask("open"), signal));
    world.composio.fail({ route: world.route, when: "after", drop: true });
    const task = aDeliveryTask("escalate", { deliveryId: "d2", seq: 2, receipt });
    expect(await world.channel.send(task, signal)).toMatchObject({ kind: "ambiguous" });
    const again = await world.channel.send({ ...task, uncertain: true }, signal);
    expect(again).toEqual({ kind: "sent", receipt });
    expect(world.slack.messages).toHaveLength(2);
    expect(world.slack.messages[1]?.threadTs).toBe(receipt?.["ts"]);
  });

  test(`by ${via}: the session is gone: a new one, once, and the alert in it`, async () => {
    await using world = await startWorld(via);
    await world.channel.send(aDeliveryTask("open"), signal);
    world.composio.forgetSessions();
    const second = aDeliveryTask("open", { deliveryId: "d2", incident: { id: "inc_other-1" } });
    expect(await world.channel.send(second, signal)).toMatchObject({ kind: "sent" });
    expect(world.composio.sessions).toEqual(["trs_0001", "trs_0002"]);
    expect(world.posts()).toBe(2);
  });
}

test("the proxy is closed: the tool for the history is asked instead", async () => {
  await using world = await startWorld();
  world.composio.fail({ route: "execute", when: "after", drop: true });
  await world.channel.send(aDeliveryTask("open"), signal);
  const body = { error: { message: "x", code: 4324, slug: "ToolRouterV2_ToolkitNotAllowed" } };
  world.composio.fail({ route: "proxy_execute", when: "before", status: 400, body, times: 9 });
  const again = await world.channel.send(aDeliveryTask("open", { uncertain: true }), signal);
  expect(again).toMatchObject({ kind: "sent" });
  expect(again).not.toHaveProperty("maybeRepeat");
  expect(world.posts()).toBe(1);
  expect(world.composio.executions.at(-1)?.slug).toBe("SLACKBOT_FETCH_CONVERSATION_HISTORY");
});

test("no way to look: posted once more, and marked", async () => {
  await using world = await startWorld();
  world.slack.forbidHistory();
  const again = await world.channel.send(aDeliveryTask("open", { uncertain: true }), signal);
  expect(again).toMatchObject({ kind: "sent", maybeRepeat: true });
  expect(world.slack.messages[0]?.text).toContain("(may be a repeat)");
});

test("a 200 with an error is no success", async () => {
  await using world = await startWorld("tool", { channel: "#nowhere" });
  expect(await world.channel.send(aDeliveryTask(), signal)).toEqual({
    kind: "permanent",
    reason: "channel_not_found",
  });
  const answers: [unknown, string][] = [
    [{ data: {}, error: '{"ok":false,"error":"token_revoked"}', log_id: "l" }, "reconnect"],
    [{ data: { ok: false, error: "is_archived" }, error: null, log_id: "l" }, "permanent"],
    [{ data: {}, error: "ratelimited", log_id: "l" }, "retry"],
    ["not what was agreed", "ambiguous"],
  ];
  for (const [body, kind] of answers) {
    world.composio.fail({ route: "execute", when: "before", status: 200, body });
    expect((await world.channel.send(aDeliveryTask(), signal)).kind).toBe(kind);
  }
});

test("the provider's own limit inside the proxy's answer carries its wait", async () => {
  await using world = await startWorld("proxy");
  const inner = {
    status: 429,
    data: { ok: false, error: "ratelimited" },
    headers: { "retry-after": "9" },
  };
  world.composio.fail({ route: "proxy_execute", when: "before", status: 200, body: inner });
  const limited = await world.channel.send(aDeliveryTask(), signal);
  expect(limited).toEqual({ kind: "retry", reason: "http_429", afterMs: 9_000 });
  const broken = { status: 502, data: "bad gateway", headers: {} };
  world.composio.fail({ route: "proxy_execute", when: "after", status: 200, body: broken });
  expect(await world.channel.send(aDeliveryTask(), signal)).toMatchObject({ kind: "ambiguous" });
});

test("a bad key, and a failure while the session is made: surely not sent", async () => {
  await using world = await startWorld();
  const wrong = composioSlackChannel({ ...world.options, apiKey: "ak_wrong" });
  const refused = await wrong.send(aDeliveryTask(), signal);
  expect(refused).toEqual({ kind: "reconnect", reason: "HTTP_Unauthorized" });
  world.composio.fail({ route: "session.create", when: "after", drop: true });
  expect(await world.channel.send(aDeliveryTask(), signal)).toMatchObject({ kind: "retry" });
  expect(await world.channel.send(aDeliveryTask(), signal)).toMatchObject({ kind: "sent" });
  expect(world.posts()).toBe(1);
});

test("a stored session is used again, and a store that fails costs nothing but a session", async () => {
  const saved: string[] = [];
  const sessionStore = {
    load: async () => saved.at(-1) ?? null,
    save: async (id: string) => void saved.push(id),
  };
  await using world = await startWorld("tool", { sessionStore });
  await world.channel.send(aDeliveryTask("open"), signal);
  const restarted = composioSlackChannel({ ...world.options });
  await restarted.send(aDeliveryTask("open", { deliveryId: "d2" }), signal);
  expect(world.composio.sessions).toEqual(saved);
  expect(saved).toHaveLength(1);
  const broken = {
    load: () => Promise.reject(new Error("disk")),
    save: () => Promise.reject(new Error("disk")),
  };
  const unlucky = composioSlackChannel({ ...world.options, sessionStore: broken });
  expect(await unlucky.send(aDeliveryTask(), signal)).toMatchObject({ kind: "sent" });
});

test("a time-out, a refused connection and an abort", async () => {
  const timings = { requestMs: 150, lookupMs: 150, sendMs: 30_000, settleMs: 1 };
  const world = await startWorld("tool", { timings });
  await world.channel.send(aDeliveryTask(), signal);
  world.composio.fail({ route: "execute", when: "after", delayMs: 60_000 });
  const late = await world.channel.send(aDeliveryTask(), signal);
  expect(late).toEqual({ kind: "ambiguous", reason: "timeout" });
  const aborted = await world.channel.send(aDeliveryTask(), AbortSignal.abort());
  expect(aborted).toMatchObject({ kind: "retry", reason: "aborted" });
  await world[Symbol.asyncDispose]();
  const refused = await world.channel.send(aDeliveryTask(), signal);
  expect(refused).toEqual({ kind: "retry", reason: "ECONNREFUSED", afterMs: null });
});

test("the slack toolkit speaks as its own tools", async () => {
  await using world = await startWorld("tool", { toolkits: ["slack"] });
  world.composio.connect("slack");
  await world.channel.send(aDeliveryTask(), signal);
  expect(world.composio.executions[0]?.slug).toBe("SLACK_SEND_MESSAGE");
});

// Goal: nothing leaves for a host that nobody configured; the SDK phones home by default. Method: watch every
// connection of the process, with the SDK's own switches for tests taken away, through all it can meet.
test("nothing contacts a host other than loopback", async () => {
  vi.stubEnv("NODE_ENV", "production");
  vi.stubEnv("TELEMETRY_DISABLED", undefined);
  vi.stubEnv("CI", undefined);
  onTestFinished(() => void vi.unstubAllEnvs());
  const hosts: string[] = [];
  const byFetch = (message: unknown) =>
    hosts.push(JSON.stringify(message).match(/"hostname":"([^"]*)"/)?.[1] ?? "?");
  const bySocket = (message: unknown) => {
    if (typeof message !== "object" || message === null || !("socket" in message)) return;
    const { socket } = message;
    if (socket instanceof Socket) socket.on("connectionAttempt", (ip) => hosts.push(ip));
  };
  diagnostics.subscribe("undici:client:beforeConnect", byFetch);
  diagnostics.subscribe("net.client.socket", bySocket);
  onTestFinished(() => {
    diagnostics.unsubscribe("undici:client:beforeConnect", byFetch);
    diagnostics.unsubscribe("net.client.socket", bySocket);
  });
  for (const via of WAYS) {
    await using world = await startWorld(via);
    const receipt = receiptOf(await world.channel.send(aDeliveryTask("open"), signal));
    world.composio.fail({ route: world.route, when: "after", status: 500, body: {} });
    await world.channel.send(aDeliveryTask("resolve", { receipt }), signal);
    world.composio.disconnect("slackbot");
    await world.channel.send(aDeliveryTask("escalate", { receipt }), signal);
    await new Promise(setImmediate); // What was put off to a later turn would begin now.
    // The watch itself works: another address of loopback is seen.
    await fetch(world.composio.url.replace("127.0.0.1", "127.0.0.2")).catch(() => null);
  }
  expect(new Set(hosts)).toEqual(new Set(["127.0.0.1", "127.0.0.2"]));
});

test("an empty key is named at once, not looked for elsewhere", () => {
  const options = { apiKey: "", channel: "C1", userId: "u" };
  expect(() => composioSlackChannel(options)).toThrow("COMPOSIO_API_KEY is empty");
});

test.each(WAYS)("by %s: tells of Tracer itself, and under that that it is over", async (via) => {
  await using world = await startWorld(via);
  const notice = { key: "k", title: "No database", text: "since 14:02" } as const;
  const begun = await world.channel.sendNotice(
    { ...notice, state: "begun", receipt: null },
    signal,
  );
  const receipt = receiptOf(begun);
  expect(receipt).toEqual({ channel: "C0ALERTS", ts: world.slack.messages[0]?.ts });
  await world.channel.sendNotice({ ...notice, state: "over", receipt }, signal);
  const [first, second] = world.slack.messages;
  expect(first?.text).toContain("CRITICAL");
  expect(second).toMatchObject({ threadTs: receipt?.["ts"], broadcast: true });
  expect(second?.text).toMatch(/RESOLVED.*No database.*since 14:02/su);
});
