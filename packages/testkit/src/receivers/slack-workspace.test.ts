import { expect, test } from "vitest";
import { blocksError } from "./slack-blocks.ts";
import { createSlackWorkspace } from "./slack-workspace.ts";

const text = (length: number, type = "mrkdwn") => ({ type, text: "x".repeat(length) });
const section = (length: number) => ({ type: "section", text: text(length) });

test.each([
  [[{ type: "header", text: text(150, "plain_text") }], null],
  [[{ type: "header", text: text(151, "plain_text") }], "invalid_blocks"],
  [[section(3_000)], null],
  [[section(3_001)], "invalid_blocks"],
  [[section(0)], "invalid_blocks"],
  [Array(50).fill(section(1)), null],
  [Array(51).fill(section(1)), "invalid_blocks"],
  [[{ type: "section", fields: Array(10).fill(text(2_000)) }], "msg_blocks_too_long"],
  [[{ type: "section", fields: Array(11).fill(text(1)) }], "invalid_blocks"],
  [[section(3_000), section(3_000), section(3_000), section(3_000), section(1_200)], null],
  [Array(5).fill(section(2_641)), "msg_blocks_too_long"],
  [[{ type: "nonsense" }], "invalid_blocks"],
  ["no list", "invalid_blocks"],
])("blocks %#", (blocks, error) => {
  expect(blocksError(blocks)).toBe(error);
});

test("posts, edits, answers and reads as Slack does", () => {
  const slack = createSlackWorkspace({ now: () => 1_795_356_130_000 });
  const posted = slack.call("chat.postMessage", { channel: "#alerts", text: "one" });
  expect(posted).toMatchObject({ ok: true, channel: "C0ALERTS", ts: "1795356130.000001" });
  const at = { channel: "C0ALERTS", ts: "1795356130.000001" };
  slack.call("chat.postMessage", { channel: "C0ALERTS", text: "re", thread_ts: at.ts });
  expect(slack.call("chat.update", { ...at, text: "two" })).toMatchObject({ ok: true });
  expect(slack.messages).toMatchObject([{ text: "two", earlier: ["one"] }, { threadTs: at.ts }]);
  const history = slack.call("conversations.history", { channel: "C0ALERTS" });
  expect(history["messages"]).toMatchObject([{ text: "two" }]);
  const replies = slack.call("conversations.replies", at);
  expect(replies["messages"]).toMatchObject([{ text: "two" }, { text: "re" }]);
});

test("refuses what Slack refuses", () => {
  const slack = createSlackWorkspace();
  const post = (args: object) => slack.call("chat.postMessage", { channel: "C0ALERTS", ...args });
  expect(post({ channel: "#nowhere", text: "x" })).toMatchObject({ error: "channel_not_found" });
  expect(post({})).toMatchObject({ error: "no_text" });
  expect(post({ text: "x".repeat(40_001) })).toMatchObject({ error: "msg_too_long" });
  expect(post({ markdown_text: "x", text: "y" })).toMatchObject({
    error: "markdown_text_conflict",
  });
  const update = { channel: "C0ALERTS", ts: "1.1", text: "x" };
  expect(slack.call("chat.update", update)).toMatchObject({ error: "message_not_found" });
  const byName = slack.call("conversations.history", { channel: "#alerts" });
  expect(byName).toMatchObject({ error: "channel_not_found" });
  slack.forbidHistory();
  const history = slack.call("conversations.history", { channel: "C0ALERTS" });
  expect(history).toMatchObject({ error: "missing_scope" });
  expect(slack.messages).toHaveLength(0);
});
