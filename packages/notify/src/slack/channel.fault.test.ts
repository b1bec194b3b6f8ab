import type { DeliveryTask, Verdict } from "@tracer/core";
import {
  aDeliveryTask,
  type FakeSlack,
  type Fault,
  SAMPLE_OPENED_MS,
  startFakeSlack,
} from "@tracer/testkit";
import { expect, test } from "vitest";
import type { Channel, Timings } from "../channel.ts";
import { REPLY_BYTES_MAX } from "../http.ts";
import { slackChannel } from "./channel.ts";
import { HISTORY_WAIT_MS, LOOKS_MIN } from "./deliver.ts";
import { HISTORY_PAGE_MESSAGES, HISTORY_PAGES_MAX } from "./history.ts";

const { signal } = new AbortController();
const timings: Timings = { requestMs: 2_000, lookupMs: 2_000, sendMs: 5_000, settleMs: 1 };

async function startWorld(overrides: Partial<Timings> = {}) {
  const slack = await startFakeSlack({ now: () => SAMPLE_OPENED_MS });
  const channel = slackChannel({
    token: slack.token,
    channel: "C0ALERTS",
    apiUrl: slack.apiUrl,
    timings: { ...timings, ...overrides },
  });
  return { slack, channel, [Symbol.asyncDispose]: () => slack[Symbol.asyncDispose]() };
}

/** Sends as the outbox does: again after `retry` and `ambiguous`, told when an earlier end is unknown. */
async function sendAsOutbox(channel: Channel, task: DeliveryTask): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  let uncertain = task.uncertain;
  for (let attempts = 0; attempts < 5; attempts += 1) {
    const verdict = await channel.send({ ...task, attempts, uncertain }, signal);
    verdicts.push(verdict);
    if (verdict.kind !== "retry" && verdict.kind !== "ambiguous") break;
    uncertain ||= verdict.kind === "ambiguous";
  }
  return verdicts;
}

const kinds = (verdicts: readonly Verdict[]) => verdicts.map(({ kind }) => kind);
const postRoute = { route: "chat.postMessage" };

function receiptOf(verdict: Verdict | undefined) {
  return verdict?.kind === "sent" ? verdict.receipt : null;
}

async function openFirst({ slack, channel }: { slack: FakeSlack; channel: Channel }) {
  const verdict = await channel.send(aDeliveryTask("open"), signal);
  expect(slack.messages).toHaveLength(1);
  return receiptOf(verdict);
}

const afterCommit: [string, Omit<Fault, "route">][] = [
  ["a 500", { when: "after", status: 500 }],
  ["a reset", { when: "after", drop: true }],
  ["a 200 that is not Slack's", { when: "after", status: 200, body: "<html>" }],
  ["internal_error", { when: "after", status: 200, body: { ok: false, error: "internal_error" } }],
];

test.each(afterCommit)(
  "%s after the message was posted: still one message",
  async (_name, fault) => {
    await using world = await startWorld();
    world.slack.fail({ ...postRoute, ...fault });
    const verdicts = await sendAsOutbox(world.channel, aDeliveryTask("open"));
    expect(kinds(verdicts)).toEqual(["ambiguous", "sent"]);
    expect(world.slack.messages).toHaveLength(1);
    expect(receiptOf(verdicts[1])).toEqual({
      channel: "C0ALERTS",
      ts: world.slack.messages[0]?.ts,
    });
    expect(verdicts[1]).not.toHaveProperty("maybeRepeat");
  },
);

test("a time-out after the message was posted: still one message", async () => {
  await using world = await startWorld({ requestMs: 100 });
  world.slack.fail({ ...postRoute, when: "after", delayMs: 60_000 });
  const first = await world.channel.send(aDeliveryTask("open"), signal);
  expect(first).toEqual({ kind: "ambiguous", reason: "timeout" });
  const second = secondProcess(world.slack);
  const verdict = await second.send(aDeliveryTask("open", { uncertain: true }), signal);
  expect(verdict).toMatchObject({ kind: "sent" });
  expect(world.slack.messages).toHaveLength(1);
});

/** Another process on the same Slack: it knows nothing of what the first one did. */
function secondProcess({ token, apiUrl }: FakeSlack): Channel {
  return slackChannel({ token, channel: "C0ALERTS", apiUrl, timings });
}

test.each([
  ["a 500", { when: "before", status: 500 }],
  ["a reset", { when: "before", drop: true }],
] satisfies [string, Omit<Fault, "route">][])(
  "%s before anything was posted: looked for, not found, posted once",
  async (_name, fault) => {
    await using world = await startWorld();
    world.slack.fail({ ...postRoute, ...fault });
    const verdicts = await sendAsOutbox(world.channel, aDeliveryTask("open"));
    expect(kinds(verdicts)).toEqual(["ambiguous", "sent"]);
    expect(world.slack.messages).toHaveLength(1);
    const routes = world.slack.requests.map(({ route }) => route);
    expect(routes).toEqual(["chat.postMessage", "conversations.history", "chat.postMessage"]);
  },
);

test("429: nothing is lost, and the wait is Slack's", async () => {
  await using world = await startWorld();
  const headers = { "retry-after": "7" };
  const body = { ok: false, error: "ratelimited" };
  world.slack.fail({ ...postRoute, when: "before", status: 429, headers, body });
  const verdicts = await sendAsOutbox(world.channel, aDeliveryTask("open"));
  expect(verdicts[0]).toEqual({ kind: "retry", reason: "http_429", afterMs: 7_000 });
  expect(kinds(verdicts)).toEqual(["retry", "sent"]);
  expect(world.slack.messages).toHaveLength(1);
});

test("the history cannot be read: posted once more, and marked", async () => {
  await using world = await startWorld();
  world.slack.forbidHistory();
  world.slack.fail({ ...postRoute, when: "after", status: 500 });
  const verdicts = await sendAsOutbox(world.channel, aDeliveryTask("open"));
  expect(verdicts[1]).toMatchObject({ kind: "sent", maybeRepeat: true });
  expect(world.slack.messages).toHaveLength(2);
  expect(world.slack.messages[1]?.text).toContain("(may be a repeat)");
  const [first, second] = world.slack.messages;
  expect(first?.clientMessageId).toBe(second?.clientMessageId);
});

test("Slack limits looking: not the time to post, and the end stays unknown", async () => {
  await using world = await startWorld();
  const headers = { "retry-after": "3" };
  world.slack.fail({ route: "conversations.history", when: "before", status: 429, headers });
  const verdict = await world.channel.send(aDeliveryTask("open", { uncertain: true }), signal);
  expect(verdict).toEqual({ kind: "retry", reason: "http_429", afterMs: 3_000 });
  expect(world.slack.messages).toHaveLength(0);
});

test("a message of another delivery in the history is not taken for ours", async () => {
  await using world = await startWorld();
  await openFirst(world);
  const other = aDeliveryTask("open", { deliveryId: "18", seq: 2, uncertain: true });
  await world.channel.send(other, signal);
  expect(world.slack.messages).toHaveLength(2);
});

test("our message is found behind a page of others, and not looked for beyond the last page", async () => {
  await using world = await startWorld();
  await openFirst(world);
  const chat = (count: number) => {
    for (let index = 0; index < count; index += 1) {
      world.slack.call("chat.postMessage", { channel: "C0ALERTS", text: `chat ${index}` });
    }
  };
  chat(HISTORY_PAGES_MAX * HISTORY_PAGE_MESSAGES - 1);
  const again = aDeliveryTask("open", { uncertain: true });
  expect(await world.channel.send(again, signal)).toEqual({
    kind: "sent",
    receipt: { channel: "C0ALERTS", ts: world.slack.messages[0]?.ts },
  });
  chat(1);
  expect(await world.channel.send(again, signal)).toMatchObject({ maybeRepeat: true });
});

test("what others wrote before the attempt is not read: the look ends, and nothing is marked", async () => {
  let nowMs = SAMPLE_OPENED_MS;
  await using slack = await startFakeSlack({ now: () => nowMs });
  const channel = slackChannel({ ...slack, channel: "C0ALERTS", timings });
  for (let index = 0; index < HISTORY_PAGES_MAX * HISTORY_PAGE_MESSAGES; index += 1) {
    slack.call("chat.postMessage", { channel: "C0ALERTS", text: `chat ${index}` });
  }
  nowMs += 3_600_000;
  const unknownSince = new Date(nowMs).toISOString();
  const again = aDeliveryTask("open", { uncertain: true, unknownEnds: 1, attempts: 1 });
  const verdict = await channel.send({ ...again, unknownSince }, signal);
  expect(verdict).toEqual({
    kind: "sent",
    receipt: { channel: "C0ALERTS", ts: expect.any(String) },
  });
  const [look] = slack.requests.filter(({ route }) => route === "conversations.history");
  expect(look).toBeDefined();
  expect(await channel.send({ ...again, unknownSince }, signal)).toEqual(verdict);
});

test("edits and the resolve change the one message in place", async () => {
  await using world = await startWorld();
  const receipt = await openFirst(world);
  const edit = aDeliveryTask("edit", { seq: 2, receipt, evidence: { observed: 0.3 } });
  expect(await world.channel.send(edit, signal)).toEqual({ kind: "sent", receipt });
  expect(world.slack.messages[0]?.text).toContain("30 % vs 0.6 % expected");
  await world.channel.send(aDeliveryTask("resolve", { seq: 3, receipt }), signal);
  expect(world.slack.messages).toHaveLength(1);
  expect(world.slack.messages[0]?.text).toMatch(/^RESOLVED .* after 18 min, peak 12\.4 %$/);
  expect(world.slack.messages[0]?.metadata).toMatchObject({
    event_payload: { status: "resolved" },
  });
  expect(world.slack.messages[0]?.earlier).toHaveLength(2);
});

test("an escalation and a reminder answer under the first message, seen in the channel", async () => {
  await using world = await startWorld();
  const receipt = await openFirst(world);
  for (const [action, seq] of [
    ["escalate", 2],
    ["repeat", 3],
  ] as const) {
    const task = aDeliveryTask(action, { deliveryId: `d${seq}`, seq, receipt });
    expect(await world.channel.send(task, signal)).toEqual({ kind: "sent", receipt });
  }
  const [first, ...replies] = world.slack.messages;
  expect(replies).toHaveLength(2);
  for (const reply of replies) {
    expect(reply).toMatchObject({ threadTs: first?.ts, broadcast: true });
  }
});

test("a reset after an answer was posted under the message: still one answer", async () => {
  await using world = await startWorld();
  const receipt = await openFirst(world);
  world.slack.fail({ ...postRoute, when: "after", drop: true });
  const task = aDeliveryTask("escalate", { deliveryId: "d2", seq: 2, receipt });
  const verdicts = await sendAsOutbox(world.channel, task);
  expect(kinds(verdicts)).toEqual(["ambiguous", "sent"]);
  expect(receiptOf(verdicts[1])).toEqual(receipt);
  expect(world.slack.messages).toHaveLength(2);
});

test("nothing was ever posted: an edit and a resolve stay silent, an escalation opens", async () => {
  await using world = await startWorld();
  const nothing = { kind: "sent", receipt: null };
  expect(await world.channel.send(aDeliveryTask("edit"), signal)).toEqual(nothing);
  expect(await world.channel.send(aDeliveryTask("resolve"), signal)).toEqual(nothing);
  expect(world.slack.messages).toHaveLength(0);
  expect(await world.channel.send(aDeliveryTask("escalate"), signal)).toMatchObject({
    kind: "sent",
  });
  expect(world.slack.messages[0]?.threadTs).toBeNull();
});

test("a first message whose receipt was lost is found and resolved in place", async () => {
  await using world = await startWorld();
  const receipt = await openFirst(world);
  await world.channel.send(
    aDeliveryTask("escalate", { deliveryId: "d2", seq: 2, receipt }),
    signal,
  );
  const verdict = await world.channel.send(aDeliveryTask("resolve", { seq: 3 }), signal);
  expect(verdict).toEqual({ kind: "sent", receipt });
  expect(world.slack.messages[0]?.text).toContain("RESOLVED");
  expect(world.slack.messages).toHaveLength(2);
});

test("somebody deleted the message: an edit is dropped, an end and an escalation are told anew", async () => {
  await using world = await startWorld();
  const receipt = await openFirst(world);
  world.slack.remove(receipt?.["ts"] ?? "");
  const edited = await world.channel.send(aDeliveryTask("edit", { receipt }), signal);
  expect(edited).toEqual({ kind: "sent", receipt });
  expect(world.slack.messages).toHaveLength(0);
  await world.channel.send(aDeliveryTask("resolve", { receipt, seq: 3 }), signal);
  expect(world.slack.messages).toHaveLength(1);
  expect(world.slack.messages[0]).toMatchObject({ threadTs: null });
  expect(world.slack.messages[0]?.text).toContain("RESOLVED");
});

test("edits are not allowed any more: the end is told under the message", async () => {
  await using world = await startWorld();
  const receipt = await openFirst(world);
  const body = { ok: false, error: "edit_window_closed" };
  world.slack.fail({ route: "chat.update", when: "before", status: 200, body });
  await world.channel.send(aDeliveryTask("resolve", { receipt, seq: 3 }), signal);
  expect(world.slack.messages[1]).toMatchObject({ threadTs: receipt?.["ts"] });
  expect(world.slack.messages[1]?.text).toContain("RESOLVED");
});

test.each(["invalid_blocks", "msg_blocks_too_long"])("%s: sent as plain text", async (error) => {
  await using world = await startWorld();
  world.slack.fail({ ...postRoute, when: "before", status: 200, body: { ok: false, error } });
  const receipt = receiptOf(await world.channel.send(aDeliveryTask("open"), signal));
  expect(world.slack.messages).toHaveLength(1);
  expect(world.slack.messages[0]?.blocks).toEqual([]);
  expect(world.slack.messages[0]?.text).toContain("payment gateway timeout");
  const body = { ok: false, error };
  world.slack.fail({ route: "chat.update", when: "before", status: 200, body });
  await world.channel.send(aDeliveryTask("resolve", { receipt }), signal);
  expect(world.slack.messages[0]?.text).toContain("RESOLVED");
});

test("a revoked token needs a new one; a wrong channel helps no retry", async () => {
  await using world = await startWorld();
  const { apiUrl, token } = world.slack;
  const wrong = slackChannel({ token: "xoxb-revoked", channel: "C0ALERTS", apiUrl, timings });
  expect(await wrong.send(aDeliveryTask(), signal)).toEqual({
    kind: "reconnect",
    reason: "invalid_auth",
  });
  const nowhere = slackChannel({ token, channel: "#nowhere", apiUrl, timings });
  expect(await nowhere.send(aDeliveryTask(), signal)).toEqual({
    kind: "permanent",
    reason: "channel_not_found",
  });
});

test("a channel's name is enough: its id is learned from the first answer", async () => {
  await using world = await startWorld();
  const { apiUrl, token } = world.slack;
  const byName = slackChannel({ token, channel: "#alerts", apiUrl, timings });
  const verdict = await byName.send(aDeliveryTask("open"), signal);
  expect(receiptOf(verdict)).toMatchObject({ channel: "C0ALERTS" });
  world.slack.fail({ ...postRoute, when: "after", status: 500 });
  const second = aDeliveryTask("open", { deliveryId: "d2", incident: { id: "inc_other-1" } });
  expect(kinds(await sendAsOutbox(byName, second))).toEqual(["ambiguous", "sent"]);
  expect(world.slack.messages).toHaveLength(2);
});

test("nobody listens: not sent, to be tried again; an abort before it began, too", async () => {
  const world = await startWorld();
  await world[Symbol.asyncDispose]();
  expect(await world.channel.send(aDeliveryTask(), signal)).toEqual({
    kind: "retry",
    reason: "ECONNREFUSED",
    afterMs: null,
  });
  const aborted = AbortSignal.abort();
  expect(await world.channel.send(aDeliveryTask(), aborted)).toMatchObject({
    kind: "retry",
    reason: "aborted",
  });
});

test("an abort under way leaves the end unknown", async () => {
  await using world = await startWorld();
  world.slack.fail({ ...postRoute, when: "after", delayMs: 60_000 });
  const stop = new AbortController();
  const sending = world.channel.send(aDeliveryTask(), stop.signal);
  await world.slack.waitFor(() => world.slack.messages.length === 1);
  stop.abort();
  expect(await sending).toEqual({ kind: "ambiguous", reason: "aborted" });
});

test("a redirect is not followed", async () => {
  await using world = await startWorld();
  await using elsewhere = await startFakeSlack();
  const headers = { location: `${elsewhere.apiUrl}/chat.postMessage` };
  world.slack.fail({ ...postRoute, when: "before", status: 307, headers, body: "" });
  expect(await world.channel.send(aDeliveryTask(), signal)).toEqual({
    kind: "permanent",
    reason: "http_307",
  });
  expect(elsewhere.requests).toHaveLength(0);
});

test("looking and posting together have a deadline; what could not begin by then was not sent", async () => {
  await using world = await startWorld({ sendMs: 150 });
  world.slack.fail({ route: "conversations.history", when: "before", delayMs: 60_000 });
  expect(await world.channel.send(aDeliveryTask("open", LONG_UNKNOWN), signal)).toMatchObject({
    kind: "retry",
    reason: "aborted",
  });
  expect(world.slack.messages).toHaveLength(0);
});

test("a history that is out of order is waited for: still one message", async () => {
  await using world = await startWorld();
  world.slack.fail({ ...postRoute, when: "after", status: 500 });
  world.slack.fail({ route: "conversations.history", when: "before", status: 500, times: 2 });
  const verdicts = await sendAsOutbox(world.channel, aDeliveryTask("open"));
  expect(kinds(verdicts)).toEqual(["ambiguous", "retry", "retry", "sent"]);
  expect(verdicts.at(-1)).not.toHaveProperty("maybeRepeat");
  expect(world.slack.messages).toHaveLength(1);
});

/** Uncertain for as long as a history that is out of order is waited for. */
const LONG_UNKNOWN = {
  ...{ uncertain: true, unknownEnds: 1, unknownMs: HISTORY_WAIT_MS, attempts: LOOKS_MIN + 1 },
} as const;

// Only looks that failed are attempts here: none of them brings a second copy nearer.
test.each([
  ["waited for and asked for often enough", {}, "sent"],
  ["asked too seldom", { attempts: LOOKS_MIN }, "retry"],
  ["asked for ever, but not for long", { unknownMs: HISTORY_WAIT_MS - 1, attempts: 50 }, "retry"],
  ["a copy is already out: waited longer", { unknownEnds: 2, attempts: 50 }, "retry"],
  [
    "a copy is already out, and waited for that long",
    { unknownEnds: 2, unknownMs: 4 * HISTORY_WAIT_MS, attempts: 50 },
    "sent",
  ],
])("a history out of order, %s", async (_, changes, kind) => {
  await using world = await startWorld();
  world.slack.fail({ route: "conversations.history", when: "before", status: 500 });
  const task = aDeliveryTask("open", { ...LONG_UNKNOWN, ...changes });
  const verdict = await world.channel.send(task, signal);
  expect(verdict).toMatchObject(
    kind === "sent" ? { kind, maybeRepeat: true } : { kind, reason: "look: http_500" },
  );
  expect(world.slack.messages).toHaveLength(kind === "sent" ? 1 : 0);
});

test("an end whose beginning is uncertain waits for the history, too", async () => {
  await using world = await startWorld();
  world.slack.fail({ ...postRoute, when: "after", status: 500 });
  await world.channel.send(aDeliveryTask("open"), signal);
  world.slack.fail({ route: "conversations.history", when: "before", status: 500 });
  const end = aDeliveryTask("resolve", { deliveryId: "18", seq: 2 });
  expect(await world.channel.send(end, signal)).toMatchObject({ kind: "retry" });
  expect(await world.channel.send(end, signal)).toMatchObject({ kind: "sent" });
  expect(world.slack.messages).toMatchObject([{ text: expect.stringContaining("RESOLVED") }]);
});

test("a look that takes too long is no look: posted once more, and marked", async () => {
  await using world = await startWorld({ lookupMs: 100 });
  world.slack.fail({ route: "conversations.history", when: "before", delayMs: 60_000 });
  const task = aDeliveryTask("open", LONG_UNKNOWN);
  expect(await world.channel.send(task, signal)).toMatchObject({ kind: "sent", maybeRepeat: true });
});

test.each([
  [REPLY_BYTES_MAX, "sent"],
  [REPLY_BYTES_MAX + 1, "ambiguous"], // Cut off, it cannot be read, so nobody knows.
])("an answer of %i bytes: %s", async (bytes, kind) => {
  await using world = await startWorld();
  const answer = { ok: true, channel: "C0ALERTS", ts: "1.000001", pad: "" };
  const pad = "x".repeat(bytes - JSON.stringify(answer).length);
  world.slack.fail({ ...postRoute, when: "after", status: 200, body: { ...answer, pad } });
  expect((await world.channel.send(aDeliveryTask(), signal)).kind).toBe(kind);
});

test("tells of Tracer itself, and under that, for all to see, that it is over", async () => {
  await using world = await startWorld();
  const notice = { key: "k", title: "No database", text: "since 14:02" } as const;
  const begun = await world.channel.sendNotice(
    { ...notice, state: "begun", receipt: null },
    signal,
  );
  const receipt = receiptOf(begun);
  expect(receipt).toEqual({ channel: "C0ALERTS", ts: world.slack.messages[0]?.ts });
  await world.channel.sendNotice({ ...notice, state: "over", receipt: receipt ?? null }, signal);
  expect(world.slack.messages).toMatchObject([
    { threadTs: null, text: ":rotating_light: *CRITICAL* *No database*\nsince 14:02" },
    { threadTs: receipt?.["ts"], broadcast: true },
  ]);
  world.slack.fail({ ...postRoute, when: "before", status: 200, body: { ok: false, error: "x" } });
  const refused = await world.channel.sendNotice(
    { ...notice, state: "begun", receipt: null },
    signal,
  );
  expect(refused).toEqual({ kind: "permanent", reason: "x" });
});

test("what is told of Tracer itself is told once, whoever tells it, and so is its end; then it may begin anew", async () => {
  await using world = await startWorld();
  const since = new Date(SAMPLE_OPENED_MS).toISOString();
  const tell = (state: "begun" | "over", key = "k") =>
    world.channel.sendNotice({ key, state, since, title: "t", text: "x", receipt: null }, signal);
  const first = receiptOf(await tell("begun"));
  expect(receiptOf(await tell("begun"))).toEqual(first);
  await tell("over");
  await tell("over");
  expect(world.slack.messages).toHaveLength(2);
  await tell("begun", "another");
  await tell("begun");
  expect(world.slack.messages).toHaveLength(4);
  world.slack.fail({ route: "conversations.history", when: "before", status: 500 });
  expect(await tell("begun")).toMatchObject({ kind: "sent" }); // Twice is better than never.
  expect(world.slack.messages).toHaveLength(5);
});
