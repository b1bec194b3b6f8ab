import {
  aDeliveryTask,
  createSlackWorkspace,
  type Fault,
  startFakeComposio,
} from "@tracer/testkit";
import { expect, test } from "vitest";
import { type ComposioToolChannelOptions, composioToolChannel } from "./channel.ts";

const { signal } = new AbortController();

async function startWorld(overrides: Partial<ComposioToolChannelOptions> = {}) {
  const composio = await startFakeComposio({ slack: createSlackWorkspace(), connected: ["jira"] });
  const options: ComposioToolChannelOptions = {
    apiKey: composio.apiKey,
    baseUrl: composio.url,
    userId: "tracer:test",
    toolkit: "jira",
    open: {
      tool: "JIRA_CREATE_ISSUE",
      arguments: { project_key: "OPS", summary: "{{title}}", labels: ["tracer", "{{severity}}"] },
    },
    keep: { issue: "key" },
    resolve: {
      tool: "JIRA_ADD_COMMENT",
      arguments: { issue_id_or_key: "{{kept.issue}}", comment: "{{change}}" },
    },
    ...overrides,
  };
  const channel = composioToolChannel(options);
  return {
    ...{ composio, options, channel },
    [Symbol.asyncDispose]: () => composio[Symbol.asyncDispose](),
  };
}

test("what the answer to `open` holds is given to `resolve`; the session wants nothing but the toolkit", async () => {
  await using world = await startWorld();
  const opened = await world.channel.send(aDeliveryTask("open"), signal);
  expect(opened).toEqual({
    kind: "sent",
    receipt: { tool: "JIRA_CREATE_ISSUE", "kept.issue": "OPS-1001" },
  });
  const receipt = opened.kind === "sent" ? opened.receipt : null;
  await world.channel.send(aDeliveryTask("escalate", { receipt }), signal); // No `update`: not told.
  await world.channel.send(aDeliveryTask("resolve", { receipt }), signal);
  expect(world.composio.made).toMatchObject([
    {
      arguments: {
        project_key: "OPS",
        summary: "checkout-api: error rate spike",
        labels: ["tracer", "critical"],
      },
    },
    { arguments: { issue_id_or_key: "OPS-1001", comment: "resolved after 18 min" } },
  ]);
  expect(world.composio.requests[0]?.body).toMatchObject({ toolkits: { enable: ["jira"] } });
});

test("what only a digest told is updated, not closed with it; and what nobody was told has no end", async () => {
  const comment = {
    tool: "JIRA_ADD_COMMENT",
    arguments: { issue_id_or_key: "{{kept.issue}}", comment: "{{summary}}" },
  };
  const move = {
    tool: "JIRA_TRANSITION_ISSUE",
    arguments: { issue_id_or_key: "{{kept.issue}}", transition_id_or_name: "Done" },
  };
  await using world = await startWorld({ update: comment, resolve: move });
  await world.channel.send(aDeliveryTask("open"), signal);
  const receipt = { "kept.issue": "OPS-1001", digest: "d" };
  await world.channel.send(aDeliveryTask("resolve", { receipt }), signal);
  await world.channel.send(aDeliveryTask("resolve"), signal);
  expect(world.composio.made.map(({ slug }) => slug)).toEqual([
    "JIRA_CREATE_ISSUE",
    "JIRA_ADD_COMMENT",
  ]);
});

const cases: readonly (readonly [
  string,
  Omit<Fault, "route" | "when"> & { when?: "after" },
  object,
])[] = [
  [
    "429",
    { status: 429, headers: { "retry-after": "9" }, body: { message: "Rate limit exceeded." } },
    { kind: "retry", afterMs: 9_000 },
  ],
  ["a 500", { when: "after", status: 500, body: {} }, { kind: "ambiguous" }],
  ["a cut", { when: "after", drop: true }, { kind: "ambiguous" }],
  [
    "a refusal in a 200",
    { status: 200, body: { data: {}, error: "Error 403: the project is archived", log_id: "l" } },
    { kind: "permanent" },
  ],
  [
    "the provider's own limit in a 200",
    { status: 200, body: { data: {}, error: "429 Too Many Requests", log_id: "l" } },
    { kind: "retry", afterMs: null },
  ],
  [
    "the provider's own end in a 200",
    { status: 200, body: { data: {}, error: "HTTP 502 Bad Gateway", log_id: "l" } },
    { kind: "ambiguous" },
  ],
  [
    "a grant that lacks something, in a 200",
    { status: 200, body: { data: {}, error: "Insufficient Permission: scope", log_id: "l" } },
    { kind: "reconnect" },
  ],
  ["something else", { status: 200, body: "hello" }, { kind: "ambiguous" }],
];

test.each(cases)("%s", async (_name, fault, verdict) => {
  await using world = await startWorld();
  world.composio.fail({ when: "before", ...fault, route: "execute" });
  expect(await world.channel.send(aDeliveryTask(), signal)).toMatchObject(verdict);
});

test("a dead connection, a grant that was taken back unnoticed, and a tool of another name", async () => {
  await using world = await startWorld();
  const { channel, composio } = world;
  const states = async () => (await channel.check?.(signal))?.map(({ state }) => state);
  expect(await states()).toEqual(["ok", "ok", "ok", "ok"]);

  composio.revoke("jira");
  const revoked = await channel.send(aDeliveryTask(), signal);
  expect(revoked).toMatchObject({
    kind: "reconnect",
    reason: expect.stringContaining("invalid_grant"),
  });
  expect(channel.fixOf?.(revoked.kind === "reconnect" ? revoked.reason : "")).toContain(
    "tracer connect jira",
  );
  // The connection reads ACTIVE; only the read tells.
  expect(await states()).toEqual(["ok", "ok", "ok", "failed"]);

  composio.disconnect("jira");
  const dead = await channel.send(aDeliveryTask(), signal);
  expect(dead).toEqual({ kind: "reconnect", reason: "ToolRouterV2_NoActiveConnection" });

  composio.rename("JIRA_CREATE_ISSUE");
  const renamed = await channel.send(aDeliveryTask(), signal);
  expect(renamed).toEqual({ kind: "permanent", reason: "ToolRouterV2_ToolNotFound" });
  const findings = await channel.check?.(signal);
  expect(findings).toMatchObject([
    {
      what: "connection jira",
      state: "failed",
      fix: expect.stringContaining("tracer connect jira"),
    },
    { what: "tool JIRA_CREATE_ISSUE", state: "failed", fix: expect.stringContaining("open.tool") },
    { what: "tool JIRA_ADD_COMMENT", state: "ok" },
    { what: "read jira", state: "failed" },
  ]);
});

test("after an unknown end it is called again, and says so", async () => {
  await using world = await startWorld();
  world.composio.fail({ route: "execute", when: "after", drop: true });
  await world.channel.send(aDeliveryTask(), signal);
  const again = await world.channel.send(aDeliveryTask("open", { uncertain: true }), signal);
  expect(again).toMatchObject({ kind: "sent", maybeRepeat: true });
  expect(world.composio.made.map(({ arguments: args }) => args)).toMatchObject([
    { summary: "checkout-api: error rate spike" },
    { summary: "checkout-api: error rate spike (may be a repeat)" },
  ]);
});

test("arguments that the tool wants and is not given are named before any alert", async () => {
  const open = { tool: "JIRA_CREATE_ISSUE", arguments: { summary: "x", colour: "red" } };
  await using world = await startWorld({ open });
  const finding = (await world.channel.check?.(signal))?.[1];
  expect(finding).toMatchObject({
    state: "failed",
    detail: expect.stringContaining("project_key"),
  });
  expect(await world.channel.send(aDeliveryTask(), signal)).toMatchObject({
    kind: "permanent",
    reason: expect.stringContaining("fields are missing"),
  });
});

test("an id with anything in it but an id's letters is not kept", async () => {
  await using world = await startWorld();
  const body = { data: { key: "OPS-1 <!channel>" }, error: null, log_id: "l" };
  world.composio.fail({ route: "execute", when: "before", status: 200, body });
  const sent = await world.channel.send(aDeliveryTask(), signal);
  expect(sent).toEqual({ kind: "sent", receipt: { tool: "JIRA_CREATE_ISSUE" } });
});
