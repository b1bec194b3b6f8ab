import { aDeliveryTask, startFakeSlack } from "@tracer/testkit";
import { expect, test } from "vitest";
import { slackWebhookChannel } from "./webhook.ts";

const { signal } = new AbortController();

test("opens, skips edits, and tells the end in a message of its own", async () => {
  await using slack = await startFakeSlack();
  const channel = slackWebhookChannel({ url: slack.webhookUrl });
  const opened = await channel.send(aDeliveryTask("open"), signal);
  const receipt = { posted: "true" };
  expect(opened).toEqual({ kind: "sent", receipt });
  await channel.send(aDeliveryTask("edit", { receipt }), signal);
  expect(slack.messages).toHaveLength(1);
  await channel.send(aDeliveryTask("resolve", { receipt }), signal);
  expect(slack.messages[1]?.text).toContain("RESOLVED");
  expect(slack.messages[1]?.blocks.length).toBeLessThan(slack.messages[0]?.blocks.length ?? 0);
});

test("nobody was told that it began: nobody is told that it ended", async () => {
  await using slack = await startFakeSlack();
  const channel = slackWebhookChannel({ url: slack.webhookUrl });
  const verdict = await channel.send(aDeliveryTask("resolve"), signal);
  expect(verdict).toEqual({ kind: "sent", receipt: null });
  expect(slack.requests).toHaveLength(0);
});

test("an unknown end cannot be looked up: once more, and marked", async () => {
  await using slack = await startFakeSlack();
  const channel = slackWebhookChannel({ url: slack.webhookUrl });
  slack.fail({ route: "webhook", when: "after", drop: true });
  expect(await channel.send(aDeliveryTask("open"), signal)).toMatchObject({ kind: "ambiguous" });
  const again = await channel.send(aDeliveryTask("open", { uncertain: true }), signal);
  expect(again).toMatchObject({ kind: "sent", maybeRepeat: true });
  expect(slack.messages[1]?.text).toContain("(may be a repeat)");
});

test("429 carries the wait; refused blocks go as text; a revoked webhook is said", async () => {
  await using slack = await startFakeSlack();
  const channel = slackWebhookChannel({ url: slack.webhookUrl });
  const headers = { "retry-after": "30" };
  slack.fail({ route: "webhook", when: "before", status: 429, headers, body: "rate_limited" });
  expect(await channel.send(aDeliveryTask("open"), signal)).toEqual({
    kind: "retry",
    reason: "http_429",
    afterMs: 30_000,
  });
  slack.fail({ route: "webhook", when: "before", status: 400, body: "invalid_blocks" });
  expect(await channel.send(aDeliveryTask("open"), signal)).toMatchObject({ kind: "sent" });
  expect(slack.messages[0]?.blocks).toEqual([]);
  const revoked = slackWebhookChannel({ url: `${slack.url}/services/T0/B0/gone` });
  const verdict = await revoked.send(aDeliveryTask("open"), signal);
  expect(verdict).toEqual({ kind: "reconnect", reason: "no_service" });
});

test("tells of Tracer itself in messages of its own; a mention in it is none", async () => {
  await using slack = await startFakeSlack();
  const channel = slackWebhookChannel({ url: slack.webhookUrl });
  const notice = { key: "k", title: "No <!channel>", text: "since 14:02", receipt: null } as const;
  expect(await channel.sendNotice({ ...notice, state: "begun" }, signal)).toEqual({
    kind: "sent",
    receipt: { posted: "true" },
  });
  await channel.sendNotice({ ...notice, state: "over" }, signal);
  expect(slack.messages.map(({ text }) => text)).toEqual([
    ":rotating_light: *CRITICAL* *No &lt;!channel&gt;*\nsince 14:02",
    ":white_check_mark: *RESOLVED* *No &lt;!channel&gt;*\nsince 14:02",
  ]);
  slack.fail({ route: "webhook", when: "before", status: 500 });
  const refused = await channel.sendNotice({ ...notice, state: "over" }, signal);
  expect(refused).toMatchObject({ kind: "ambiguous" });
});
