import { Composio } from "@composio/core";
import { startFakeComposio, startFakeSlack } from "@tracer/testkit";
import { expect, test } from "vitest";

// Goal: the fake speaks what the real client expects, beyond what the channel uses, so that commands and tests
// built on it are not built on sand.
test("the real client and the fake understand each other", async () => {
  await using slack = await startFakeSlack();
  await using fake = await startFakeComposio({ slack, connected: [] });
  const composio = new Composio({
    apiKey: fake.apiKey,
    baseURL: fake.url,
    allowTracking: false,
    disableVersionCheck: true,
  });
  const config = { toolkits: ["slackbot"], manageConnections: false, sandbox: { enable: false } };
  const session = await composio.create("tracer:test", config);
  const again = await composio.use(session.sessionId);
  expect(again.sessionId).toBe(session.sessionId);

  const before = await session.toolkits({ toolkits: ["slackbot"] });
  expect(before.items[0]?.connection?.isActive).toBe(false);
  const link = await session.authorize("slackbot");
  await fetch(link.redirectUrl ?? ""); // What the user does.
  expect(await link.waitForConnection(5_000)).toMatchObject({ status: "ACTIVE" });
  const after = await session.toolkits({ toolkits: ["slackbot"] });
  expect(after.items[0]?.connection?.isActive).toBe(true);

  const args = { channel: "C0ALERTS", markdown_text: "hello" };
  const ran = await session.execute("SLACKBOT_SEND_MESSAGE", args);
  expect(ran.error).toBeNull();
  expect(slack.messages).toMatchObject([{ text: "hello" }]);
  const unnamed = await session.execute("SLACKBOT_SEND_MESSAGE", { markdown_text: "x" });
  expect(unnamed.error).toContain("Following fields are missing: {'channel'}");

  await composio.connectedAccounts.delete(link.id);
  await expect(session.execute("SLACKBOT_SEND_MESSAGE", args)).rejects.toMatchObject({
    status: 400,
    error: { error: { code: 4302, slug: "ToolRouterV2_NoActiveConnection" } },
  });
  await expect(composio.tools.getRawComposioToolBySlug("NO_SUCH_TOOL")).rejects.toMatchObject({
    name: "ComposioToolNotFoundError",
  });
});
