import type { DeliveryTask } from "@tracer/core";
import {
  aDigestTask,
  createSlackWorkspace,
  startFakePagerduty,
  startFakeWebhook,
} from "@tracer/testkit";
import { expect, test } from "vitest";
import { MARKDOWN_CHARS_MAX, renderMarkdown, renderMarkdownDigest } from "./composio/render.ts";
import { renderConsole, renderConsoleDigest } from "./console/render.ts";
import {
  anyTask,
  type HostileLine,
  hostileLine,
  hostileTask,
  SECRET_KINDS,
  seeded,
} from "./hostile.test-helper.ts";
import { pagerdutyChannel } from "./pagerduty/channel.ts";
import { renderPagerduty, renderStorm } from "./pagerduty/render.ts";
import { renderDigest, renderPlainDigest } from "./slack/digest.ts";
import { slackMessage } from "./slack/message.ts";
import { renderCard, renderPlain, renderReply } from "./slack/render.ts";
import { PROMPT_CHARS_MAX, triagePrompt } from "./triage/prompt.ts";
import { webhookChannel } from "./webhook/channel.ts";
import { BODY_BYTES_MAX, renderDigestEvent, renderIncidentEvent } from "./webhook/event.ts";

const SEED = 20_261_123;
const LINES = 10_000;
const LINES_PER_TASK = 10;
const INCIDENTS = 10_000;
const LINK = "http://127.0.0.1:4318/incidents/sample";

/** Fields that are names for machines: they are told as they are, and nobody's reader is handed them as text. */
const NAME_FIELDS = new Set(
  ["service", "environment", "project", "part", "component", "group", "source"].values(),
);

/** Every text a payload holds, but for names and our own link. */
function textsOf(value: unknown): string[] {
  if (typeof value === "string") return value === LINK ? [] : [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) =>
    NAME_FIELDS.has(key) ? [] : textsOf(each),
  );
}

type Payloads = Readonly<Record<string, unknown>>;

/** What each channel would be handed; a channel that is added is added here. */
function payloadsOf(task: DeliveryTask): Payloads {
  return {
    slack: renderCard(task),
    "slack thread": renderReply(task),
    "slack plain": renderPlain(task),
    composio: renderMarkdown(task),
    "composio thread": renderMarkdown(task, { reply: true }),
    pagerduty: renderPagerduty(task),
    webhook: renderIncidentEvent(task),
    console: renderConsole(task),
  };
}

function digestsOf(task: DeliveryTask): Payloads {
  const { service, environment, title, severity } = task.incident;
  const link = LINK;
  const digest = aDigestTask(60, {
    link,
    entry: () => ({ service, environment, title, severity }),
  });
  return {
    slack: renderDigest(digest),
    "slack plain": renderPlainDigest(digest),
    composio: renderMarkdownDigest(digest),
    pagerduty: renderStorm(digest, "pagerduty"),
    webhook: renderDigestEvent(digest),
    console: renderConsoleDigest(digest),
  };
}

const DATE_TOKEN = /<!date\^-?\d+\^[a-z_{} ]+\|[0-9T:+Z-]+>/gu;
const OUR_LINK = /<http:\/\/127\.0\.0\.1:4318\/[a-z/]*>/gu;

/** What a Slack reader would act on; null: nothing. `linked` places make links of bare addresses, too. */
function slackFault(text: string, linked: boolean): string | null {
  const rest = text.replace(DATE_TOKEN, "").replace(OUR_LINK, "");
  if (/[<>]/u.test(rest)) return "a token";
  if (/&(?!amp;|lt;|gt;)/u.test(rest)) return "an entity";
  if (linked && /:\/\/|www\.|@/u.test(rest)) return "a link or a mention";
  return null;
}

function markdownFault(text: string): string | null {
  if (/[<>@&]/u.test(text)) return "a mention or a token";
  const bare = text.replaceAll(/\[Open incidents?\]\(http:\/\/127\.0\.0\.1:4318\/[a-z/]*\)/gu, "");
  const outside = bare.replace(/\\.|`[^`\n]*`/gu, "");
  return /[[\]]|:\/\/|www\./u.test(outside) ? "a link" : null;
}

/** Why a payload is not fit to be sent by this channel; null: it is. */
function faultOf(channel: string, payload: unknown): string | null {
  for (const text of textsOf(payload)) {
    const fault = textFault(channel, text, payload);
    if (fault !== null) return `${fault} in: ${text.slice(0, 400)}`;
  }
  return null;
}

function textFault(channel: string, text: string, payload: unknown): string | null {
  if (/[\u202a-\u202e\u2066-\u2069\u200b\u2060\ufeff]/u.test(text)) return "something invisible";
  if (/[^\P{Cc}\n]/u.test(text)) return "a control character";
  if (!text.isWellFormed()) return "half a character";
  if (channel.startsWith("slack")) {
    const isNotification =
      payload !== null && typeof payload === "object" && "text" in payload && payload.text === text;
    return slackFault(text, isNotification && channel !== "slack plain");
  }
  if (channel.startsWith("composio")) return markdownFault(text);
  if (channel === "console") return null; // A terminal acts on control characters, and on nothing else.
  return /:\/\/|www\.|@/u.test(text.replaceAll(/http:\/\/127\.0\.0\.1:4318\/[a-z/]*/gu, ""))
    ? "a link or a mention"
    : null;
}

/** Limits of the providers that the fakes have no say in: bytes of a body. */
const BYTES_MAX: Readonly<Record<string, number>> = {
  pagerduty: 512 * 1024,
  webhook: BODY_BYTES_MAX,
};

function limitFault(channel: string, payload: unknown): string | null {
  if (channel.startsWith("composio")) {
    return String(payload).length > MARKDOWN_CHARS_MAX ? "too long" : null;
  }
  const bytes = Buffer.byteLength(JSON.stringify(payload));
  return bytes > (BYTES_MAX[channel] ?? Number.POSITIVE_INFINITY) ? `${bytes} bytes` : null;
}

function* hostileTasks(): Generator<{ task: DeliveryTask; lines: HostileLine[] }> {
  const random = seeded(SEED);
  for (let first = 0; first < LINES; first += LINES_PER_TASK) {
    const lines = Array.from({ length: LINES_PER_TASK }, (_, n) => hostileLine(random, first + n));
    yield { task: hostileTask(random, lines), lines };
  }
}

// Goal: whatever stands in a log, nobody is called, nothing can be clicked and no secret leaves. Method: 10,000 lines
// of everything that was ever tried, through what every channel is handed; Slack's own limits by its fake.
test("10,000 hostile lines: no mention, link or secret in any channel's payload, and all within limits", () => {
  const workspace = createSlackWorkspace();
  const faults: string[] = [];
  let secrets = 0;
  let tasks = 0;
  let payloads = 0;
  for (const { task, lines } of hostileTasks()) {
    const hidden = lines.flatMap((line) => line.secrets);
    secrets += hidden.length;
    tasks += 1;
    const isDigested = tasks % 10 === 0; // Digests hold names only, and many of them.
    const digests = isDigested ? Object.entries(digestsOf(task)) : [];
    const all = [...Object.entries(payloadsOf(task)), ...digests];
    for (const [channel, payload] of all) {
      payloads += 1;
      const text = typeof payload === "string" ? payload : JSON.stringify(payload);
      const leaked = hidden.find((secret) => text.includes(secret));
      const fault =
        (leaked === undefined ? null : `a secret: ${leaked}`) ??
        faultOf(channel, payload) ??
        limitFault(channel, payload);
      if (fault !== null) faults.push(`${channel}: ${fault}`);
    }
    for (const plain of [false, true]) {
      const message = slackMessage(task, {
        channel: "C0ALERTS",
        thread: null,
        maybeRepeat: true,
        plain,
      });
      const answer = workspace.call("chat.postMessage", message);
      if (answer["ok"] !== true) faults.push(`slack: ${String(answer["error"])}`);
    }
    const prompt = triagePrompt(task.incident);
    if (prompt.length > PROMPT_CHARS_MAX) faults.push("prompt: too long");
    if (prompt.match(/[<>]/gu)?.length !== 4) faults.push("prompt: its data can be ended");
    if (hidden.some((secret) => prompt.includes(secret))) faults.push("prompt: a secret");
  }
  expect(faults.slice(0, 5)).toEqual([]);
  expect(secrets).toBeGreaterThan(3_000);
  expect(SECRET_KINDS).toBeGreaterThanOrEqual(12);
  expect(payloads).toBe((LINES / LINES_PER_TASK) * (8 + 6 / 10));
}, 600_000);

test("what is looked for would be found", () => {
  expect(faultOf("slack", { text: "<!channel>" })).toContain("a token");
  expect(faultOf("slack", { text: "see http://evil.example" })).toContain("a link");
  expect(faultOf("slack", { blocks: [{ text: "a <@U1> b" }] })).toContain("a token");
  expect(faultOf("composio", "[x](http://evil.example)")).toContain("a link");
  expect(faultOf("composio", "@here")).toContain("a mention");
  expect(faultOf("pagerduty", { payload: { summary: "www.evil.example" } })).toContain("a link");
  expect(faultOf("webhook", { data: { title: "@here" } })).toContain("a mention");
  expect(faultOf("console", "\u001b]8;;x")).toContain("a control character");
  expect(faultOf("console", "a\u202eb")).toContain("something invisible");
  expect(limitFault("webhook", "x".repeat(BODY_BYTES_MAX))).toContain("bytes");
  expect(limitFault("composio", "x".repeat(MARKDOWN_CHARS_MAX + 1))).toBe("too long");
});

test("providers that check take the worst of it as it is", async () => {
  await using pagerduty = await startFakePagerduty();
  await using webhook = await startFakeWebhook();
  const channels = [
    pagerdutyChannel({ routingKey: pagerduty.routingKey, eventsUrl: pagerduty.eventsUrl }),
    webhookChannel({ url: webhook.webhookUrl, allowHosts: "127.0.0.1", secret: null }),
  ];
  const { signal } = new AbortController();
  let sent = 0;
  for (const { task } of hostileTasks()) {
    sent += 1;
    if (sent % 25 !== 0) continue; // They are asked over HTTP: a sample will do.
    const fresh = { ...task, deliveryId: String(sent) };
    for (const channel of channels) {
      expect(await channel.send(fresh, signal)).toMatchObject({ kind: "sent" });
    }
  }
  expect(pagerduty.requests.length).toBeGreaterThan(30);
  expect(webhook.events.size).toBeGreaterThan(20);
}, 300_000);

const BROKEN = /\bNaN\b|\bInfinity\b|\bundefined\b|\[object /u;

test("10,000 incidents of any numbers: nothing says NaN, Infinity, undefined or [object Object]", () => {
  const random = seeded(SEED);
  const faults: string[] = [];
  for (let index = 0; index < INCIDENTS; index += 1) {
    const task = anyTask(random);
    for (const [channel, payload] of Object.entries(payloadsOf(task))) {
      const text = typeof payload === "string" ? payload : JSON.stringify(payload);
      const broken = BROKEN.exec(text);
      if (broken !== null) {
        faults.push(
          `${channel}: …${text.slice(Math.max(0, broken.index - 60), broken.index + 20)}`,
        );
      }
    }
  }
  expect(faults.slice(0, 5)).toEqual([]);
  expect(BROKEN.test(JSON.stringify({ ratio: `${Number.NaN}×` }))).toBe(true);
}, 600_000);
