import { startFakePagerduty, startFakeSlack } from "@tracer/testkit";
import { expect, test } from "vitest";
import { runTracer } from "./tracer-process.ts";

test("send-test: a marked message and its resolve through each channel, with the provider's answer", async () => {
  await using slack = await startFakeSlack();
  await using pagerduty = await startFakePagerduty();
  const environment = {
    SLACK_BOT_TOKEN: slack.token,
    SLACK_CHANNEL: "C0ALERTS",
    SLACK_API_URL: slack.apiUrl,
    PAGERDUTY_ROUTING_KEY: pagerduty.routingKey,
    PAGERDUTY_EVENTS_URL: pagerduty.eventsUrl,
  };
  const all = await runTracer(["send-test"], environment);
  expect([all.code, all.stderr]).toEqual([0, ""]);
  expect(all.stdout).toMatch(/^slack: test sent \(.*ts \d+\.\d+.*\) in \d+ ms$/m);
  expect(all.stdout).toMatch(/^pagerduty: resolve sent .*in \d+ ms$/m);
  expect(slack.messages).toHaveLength(1);
  expect(slack.messages[0]?.earlier[0]).toContain("TEST");
  expect([...pagerduty.alerts.values()]).toMatchObject([{ state: "resolved", severity: "info" }]);
  expect(JSON.stringify(slack.messages)).not.toMatch(/NaN|Infinity|undefined/);

  const one = await runTracer(["send-test", "pagerduty"], environment);
  expect([one.code, slack.messages.length]).toEqual([0, 1]);
  const unknown = await runTracer(["send-test", "teams"], environment);
  expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining("slack, pagerduty")]);
});

test("send-test: a refusal is told in the provider's words, with the way out, and 1", async () => {
  await using slack = await startFakeSlack();
  const environment = {
    SLACK_BOT_TOKEN: slack.token,
    SLACK_CHANNEL: "#nowhere",
    SLACK_API_URL: slack.apiUrl,
  };
  const { code, stdout } = await runTracer(["send-test"], environment);
  expect(code).toBe(1);
  expect(stdout).toContain("channel_not_found");
  expect(stdout).toContain("invite the bot");
  expect(stdout).not.toContain(slack.token);
});
