import {
  aDeliveryTask,
  aDigestTask,
  type FakeSmtp,
  type SmtpFault,
  startFakeSmtp,
} from "@tracer/testkit";
import { expect, test } from "vitest";
import { emailChannel } from "./channel.ts";

const { signal } = new AbortController();
const FROM = "Tracer <tracer@example.org>";

async function startWorld(options: Parameters<typeof startFakeSmtp>[0] = {}, overrides = {}) {
  const smtp = await startFakeSmtp(options);
  const to = "ops@example.org, oncall@example.org";
  const channel = emailChannel({ smtpUrl: smtp.smtpUrl, from: FROM, to, ...overrides });
  return { smtp, channel, [Symbol.asyncDispose]: () => smtp[Symbol.asyncDispose]() };
}

/** Bodies as a program would show them, with the encoding for transport undone. */
function readable({ mails }: FakeSmtp, index = 0): string {
  const raw = mails[index]?.raw ?? "";
  const parts = raw.split(/\r\n--[^\r\n]*\r\n/u);
  return parts
    .map((part) =>
      /base64/iu.test(part)
        ? Buffer.from(part.split("\r\n\r\n")[1] ?? "", "base64").toString("utf8")
        : part
            .replace(/=\r\n/gu, "")
            .replace(/(?:=[0-9A-F]{2})+/gu, (bytes) =>
              Buffer.from(bytes.replaceAll("=", ""), "hex").toString("utf8"),
            ),
    )
    .join("\n");
}

test("the mails of an incident are one thread, and an edit is none", async () => {
  await using world = await startWorld();
  const { smtp, channel } = world;
  const opened = await channel.send(aDeliveryTask("open"), signal);
  expect(opened).toMatchObject({ kind: "sent" });
  const receipt = opened.kind === "sent" ? opened.receipt : null;
  await channel.send(aDeliveryTask("edit", { seq: 2, receipt }), signal);
  await channel.send(aDeliveryTask("escalate", { seq: 3, receipt }), signal);
  await channel.send(aDeliveryTask("resolve", { seq: 4, receipt }), signal);
  expect(smtp.mails).toHaveLength(3);
  const [first, second, third] = smtp.mails.map(({ headers }) => headers);
  expect(first?.["message-id"]).toMatch(/^<tracer\.[0-9a-f]{32}@example\.org>$/u);
  expect(first).toMatchObject({
    subject: "[CRITICAL] checkout-api: error rate spike",
    "auto-submitted": "auto-generated",
    from: FROM,
  });
  for (const later of [second, third]) {
    expect(later).toMatchObject({
      "in-reply-to": first?.["message-id"],
      references: first?.["message-id"],
      subject: `Re: ${first?.["subject"]}`,
    });
    expect(later?.["message-id"]).not.toBe(first?.["message-id"]);
  }
  expect(smtp.mails[0]?.to).toEqual(["ops@example.org", "oncall@example.org"]);
  expect(readable(smtp)).toContain("12.4 % vs 0.6 % expected");
  expect(readable(smtp, 2)).toContain("RESOLVED checkout-api");
});

test("log text makes no link, no markup and no header", async () => {
  await using world = await startWorld();
  const evil =
    '<img src="https://evil.example/x"> <b>x</b> admin@evil.example\r\nBcc: z@evil.example';
  const task = aDeliveryTask("open", {
    incident: { service: evil, title: `${evil}: spike`, exemplars: [evil] },
  });
  expect(await world.channel.send(task, signal)).toMatchObject({ kind: "sent" });
  const [mail] = world.smtp.mails;
  expect(mail?.headers).not.toHaveProperty("bcc");
  expect(mail?.to).toHaveLength(2);
  const text = readable(world.smtp);
  const html = text.slice(text.indexOf("<!doctype"));
  expect(html).not.toMatch(/<img|<b>/u);
  expect(text.replaceAll("http://127.0.0.1:4318/incidents/sample", "")).not.toContain("://");
  expect(text).not.toMatch(/admin@|z@/u);
});

const faults: readonly (readonly [SmtpFault, object])[] = [
  [
    { stage: "connect", code: 421 },
    { kind: "retry", reason: expect.stringMatching(/^smtp_421 /u) },
  ],
  [{ stage: "connect", drop: true }, { kind: "ambiguous" }],
  [{ stage: "mail", code: 550 }, { kind: "permanent" }],
  [
    { stage: "rcpt", code: 450, times: 2 },
    { kind: "retry", afterMs: null },
  ],
  [
    { stage: "rcpt", code: 550, text: "5.1.1 no such user", times: 2 },
    { kind: "permanent", reason: expect.stringContaining("smtp_550 550 5.1.1 no such user") },
  ],
  [{ stage: "data", code: 451 }, { kind: "retry" }],
  [{ stage: "data", code: 554 }, { kind: "permanent" }],
  [{ stage: "data", when: "after", drop: true }, { kind: "ambiguous" }],
];

test.each(faults)("%j", async (fault, verdict) => {
  await using world = await startWorld();
  world.smtp.fail(fault);
  expect(await world.channel.send(aDeliveryTask(), signal)).toMatchObject(verdict);
});

test("an answer that got lost: the same mail again, under the same id and marked", async () => {
  await using world = await startWorld();
  world.smtp.fail({ stage: "data", when: "after", drop: true });
  expect((await world.channel.send(aDeliveryTask(), signal)).kind).toBe("ambiguous");
  const again = await world.channel.send(aDeliveryTask("open", { uncertain: true }), signal);
  expect(again).toMatchObject({ kind: "sent", maybeRepeat: true });
  const ids = world.smtp.mails.map(({ headers }) => headers["message-id"]);
  expect(ids).toHaveLength(2);
  expect(new Set(ids).size).toBe(1);
  expect(readable(world.smtp, 1)).toContain("may be a repeat");
});

test("a wrong password needs a person, and a look says so before any mail", async () => {
  await using world = await startWorld({ credentials: "tracer:right" });
  expect(await world.channel.check?.(signal)).toMatchObject([{ what: "server", state: "ok" }]);
  expect(await world.channel.send(aDeliveryTask(), signal)).toMatchObject({ kind: "sent" });
  const smtpUrl = world.smtp.smtpUrl.replace("right", "wrong");
  const wrong = emailChannel({ smtpUrl, from: FROM, to: "ops@example.org" });
  const verdict = await wrong.send(aDeliveryTask(), signal);
  expect(verdict).toMatchObject({ kind: "reconnect" });
  expect(JSON.stringify(verdict)).not.toContain("wrong");
  expect(await wrong.check?.(signal)).toMatchObject([
    { state: "failed", fix: expect.stringContaining("SMTP_URL") },
  ]);
});

test("nobody listens, a server that hangs, and an abort", async () => {
  const world = await startWorld();
  const timings = { requestMs: 500, sendMs: 2_000 };
  const { smtpUrl } = world.smtp;
  const hasty = emailChannel({ smtpUrl, from: FROM, to: "ops@example.org", timings });
  world.smtp.fail({ stage: "data", hang: true });
  expect(await hasty.send(aDeliveryTask(), signal)).toMatchObject({ kind: "ambiguous" });
  expect(await world.channel.send(aDeliveryTask(), AbortSignal.abort())).toMatchObject({
    kind: "retry",
  });
  await world[Symbol.asyncDispose]();
  expect(await world.channel.send(aDeliveryTask(), signal)).toEqual({
    kind: "retry",
    reason: "ECONNREFUSED",
    afterMs: null,
  });
});

test("a digest and a notice are mails; the end of what a digest told answers it", async () => {
  await using world = await startWorld();
  const digest = await world.channel.sendDigest(aDigestTask(60), signal);
  expect(digest).toMatchObject({ kind: "sent", receipt: { digest: aDigestTask(1).id } });
  const receipt = digest.kind === "sent" ? digest.receipt : null;
  await world.channel.send(aDeliveryTask("resolve", { receipt }), signal);
  const notice = { key: "k", title: "No database", text: "since 14:02" } as const;
  const begun = await world.channel.sendNotice(
    { ...notice, state: "begun", receipt: null },
    signal,
  );
  const told = begun.kind === "sent" ? begun.receipt : null;
  await world.channel.sendNotice({ ...notice, state: "over", receipt: told }, signal);
  const headers = world.smtp.mails.map((mail) => mail.headers);
  expect(headers[0]?.["subject"]).toContain("Storm: 60 incidents opened");
  expect(headers[1]?.["in-reply-to"]).toBe(headers[0]?.["message-id"]);
  expect(headers[3]?.["in-reply-to"]).toBe(headers[2]?.["message-id"]);
});

test("the end of an incident that nobody was told of is no mail", async () => {
  await using world = await startWorld();
  expect(await world.channel.send(aDeliveryTask("resolve"), signal)).toMatchObject({
    kind: "sent",
  });
  expect(world.smtp.mails).toEqual([]);
});

test.each([
  [{ smtpUrl: "https://x" }, "SMTP_URL"],
  [{ smtpUrl: "smtp://user@host" }, "SMTP_URL"],
  [{ from: "nobody" }, "EMAIL_FROM"],
  [{ from: "a@b.c\r\nBcc: x@y.z" }, "EMAIL_FROM"],
  [{ to: "a@b.c, not one" }, "EMAIL_TO"],
  [{ to: "" }, "EMAIL_TO"],
  [{ to: Array(51).fill("a@b.c").join(",") }, "EMAIL_TO"],
])("%j is refused", (wrong, key) => {
  const right = {
    smtpUrl: "smtp://127.0.0.1",
    from: "a@b.c",
    to: Array(50).fill("a@b.c").join(","),
  };
  expect(() => emailChannel(right)).not.toThrow();
  expect(() => emailChannel({ ...right, ...wrong })).toThrow(key);
});
