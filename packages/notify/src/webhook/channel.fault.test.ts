import { createServer } from "node:http";
import { aDeliveryTask, aDigestTask, type FakeWebhook, startFakeWebhook } from "@tracer/testkit";
import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { webhookChannel } from "./channel.ts";

const { signal } = new AbortController();
const SECRET = `whsec_${Buffer.alloc(24, 7).toString("base64")}`;
const OLD_SECRET = `whsec_${Buffer.alloc(64, 9).toString("base64")}`;

async function startWorld({ secret = SECRET, allowHosts = "127.0.0.1" } = {}) {
  const receiver = await startFakeWebhook();
  const channel = webhookChannel({ url: receiver.webhookUrl, secret, allowHosts });
  return { receiver, channel, [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose]() };
}

/** What a receiver with the vendor's own library makes of the first events; throws when a signature is wrong. */
function verified({ events }: FakeWebhook, secret: string): unknown[] {
  return [...events.values()].map(({ text, headers }) => new Webhook(secret).verify(text, headers));
}

test("every change is an event of its own, and its signature is the standard's", async () => {
  await using world = await startWorld();
  const receipt = { event: "msg_1" };
  for (const [seq, action] of (
    ["open", "edit", "escalate", "repeat", "resolve"] as const
  ).entries()) {
    const task = aDeliveryTask(action, { seq, ...(seq === 0 ? {} : { receipt }) });
    expect(await world.channel.send(task, signal)).toMatchObject({ kind: "sent" });
  }
  expect(verified(world.receiver, SECRET)).toMatchObject([
    {
      type: "incident.opened",
      data: { incident: { service: "checkout-api", severity: "critical" } },
    },
    { type: "incident.updated" },
    { type: "incident.escalated" },
    { type: "incident.reminder" },
    { type: "incident.resolved", data: { incident: { state: "resolved" } } },
  ]);
});

test("while a secret is replaced, both verify", async () => {
  await using world = await startWorld({ secret: `${SECRET} ${OLD_SECRET}` });
  await world.channel.send(aDeliveryTask(), signal);
  expect(verified(world.receiver, SECRET)).toHaveLength(1);
  expect(verified(world.receiver, OLD_SECRET)).toHaveLength(1);
});

test("an answer that got lost: the same event again, under the same id", async () => {
  await using world = await startWorld();
  world.receiver.fail({ route: "event", when: "after", drop: true });
  expect((await world.channel.send(aDeliveryTask(), signal)).kind).toBe("ambiguous");
  const again = await world.channel.send(
    aDeliveryTask("open", { uncertain: true, attempts: 1 }),
    signal,
  );
  expect(again.kind).toBe("sent");
  expect(world.receiver.requests).toHaveLength(2);
  expect(world.receiver.events.size).toBe(1);
  // A newer edit is another event, also when it goes out as the same delivery.
  const newer = { incident: { occurrences: 99_999 } };
  await world.channel.send(aDeliveryTask("edit"), signal);
  await world.channel.send(aDeliveryTask("edit", newer), signal);
  expect(world.receiver.events.size).toBe(3);
});

test.each([
  [
    { status: 429, headers: { "retry-after": "9" } },
    { kind: "retry", reason: "http_429", afterMs: 9_000 },
  ],
  [{ status: 503 }, { kind: "retry", reason: "http_503", afterMs: null }],
  [{ status: 500 }, { kind: "ambiguous", reason: "http_500" }],
  [{ status: 410 }, { kind: "reconnect", reason: "http_410" }],
  [{ status: 404 }, { kind: "permanent", reason: "http_404" }],
])("%j", async (fault, verdict) => {
  await using world = await startWorld();
  world.receiver.fail({ route: "event", when: "before", ...fault });
  expect(await world.channel.send(aDeliveryTask(), signal)).toEqual(verdict);
});

test("a redirect is not followed", async () => {
  await using world = await startWorld();
  const headers = { location: `${world.receiver.url}/elsewhere` };
  world.receiver.fail({ route: "event", when: "before", status: 307, headers });
  const verdict = await world.channel.send(aDeliveryTask(), signal);
  expect(verdict).toEqual({ kind: "permanent", reason: "redirected" });
  expect(world.receiver.requests).toHaveLength(1);
});

test.each(["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"])(
  "a private target that nobody listed is not connected to: %s",
  async (host) => {
    let connections = 0;
    const server = createServer();
    server.on("connection", () => {
      connections += 1;
    });
    await new Promise<void>((resolve) => server.listen(0, resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    try {
      const channel = webhookChannel({ url: `http://${host}:${port}/`, secret: SECRET });
      expect(await channel.send(aDeliveryTask(), signal)).toEqual({
        kind: "permanent",
        reason: "private_address: list the host in WEBHOOK_ALLOW_HOSTS",
      });
      expect(connections).toBe(0);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  },
);

test("a digest and a notice are events, too", async () => {
  await using world = await startWorld();
  const digest = await world.channel.sendDigest(aDigestTask(60), signal);
  expect(digest).toMatchObject({ kind: "sent", receipt: { digest: aDigestTask(1).id } });
  const notice = { key: "tracer-db-down", title: "No database", text: "-", receipt: null } as const;
  await world.channel.sendNotice({ ...notice, state: "begun" }, signal);
  await world.channel.sendNotice({ ...notice, state: "over" }, signal);
  expect(verified(world.receiver, SECRET)).toMatchObject([
    {
      type: "incident.digest",
      data: {
        more: "… and 20 more: 20 error · in 1 service-40, 1 service-41, 1 service-42, 1 service-43, 1 service-44, 15 others",
      },
    },
    { type: "tracer.notice.begun", data: { key: "tracer-db-down" } },
    { type: "tracer.notice.over" },
  ]);
});

test("the end of an incident that it was never told of is no event", async () => {
  await using world = await startWorld();
  expect(await world.channel.send(aDeliveryTask("resolve"), signal)).toMatchObject({
    kind: "sent",
  });
  expect(world.receiver.requests).toEqual([]);
});

test.each(["short", "whsec_!!!", `whsec_${Buffer.alloc(65).toString("base64")}`, ""])(
  "%s is no secret",
  (secret) => {
    expect(() => webhookChannel({ url: "https://hooks.example/", secret })).toThrow(
      "WEBHOOK_SECRET",
    );
  },
);
