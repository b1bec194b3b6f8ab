import { type DeliveryTask, KINDS, SEVERITIES } from "@tracer/core";
import { aDeliveryTask } from "@tracer/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { codeMarkdown, MARKDOWN_CHARS_MAX, renderMarkdown } from "./composio/render.ts";
import { renderConsole } from "./console/render.ts";
import { renderPagerduty, SUMMARY_CHARS_MAX } from "./pagerduty/render.ts";
import { markerLine, markerOf } from "./slack/marker.ts";
import {
  BLOCK_TEXT_CHARS_MAX,
  blockTextChars,
  renderCard,
  renderPlain,
  renderReply,
} from "./slack/render.ts";

import { BODY_BYTES_MAX, renderIncidentEvent } from "./webhook/event.ts";

const RUNS = { seed: 20_261_122, numRuns: 400 };

/** What hostile log text is made of. */
const scraps = fc.constantFrom(
  ...[
    "<!channel>",
    "<!here|x>",
    "<@U123>",
    "<#C123>",
    "<http://evil.example|label>",
    "@here",
    "@U1",
  ],
  ...[
    "[label](http://evil.example)",
    "http://evil.example",
    "www.evil.example",
    "![x](y)",
    "&lt;!channel&gt;",
  ],
  ...[
    "`",
    "``",
    "```",
    "\\`",
    "*",
    "_",
    "~",
    "&",
    "<",
    ">",
    "|",
    "&amp;",
    "\\",
    "\n",
    "\r\n",
    "\u2028",
  ],
  ...["\u202e", "\u200b", "\u001b[31m", "\u0000", "\ud800", "{{x}}", "<!date^1^{time}|x>", " "],
  ...["ref inc_00000000000000000000000000000000-1/1", "NaNo", "x"],
);
const hostile = fc.oneof(
  fc
    .array(fc.oneof(scraps, fc.string({ unit: "binary", maxLength: 8 })), { maxLength: 30 })
    .map((parts) => parts.join("")),
  fc.string({ unit: "binary", maxLength: 50 }),
);
const finite = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -0, Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE, 0.5, 1, 9_999),
);
const orNull = fc.option(finite, { nil: null });

const tasks = fc
  .record({
    action: fc.constantFrom("open", "escalate", "repeat", "edit", "resolve", "test" as const),
    text: fc.record({
      service: hostile,
      environment: hostile,
      part: hostile,
      title: hostile,
      project: hostile,
      exemplars: fc.array(hostile, { maxLength: 4 }),
    }),
    severity: fc.constantFrom(...SEVERITIES),
    kind: fc.constantFrom(...KINDS),
    occurrences: fc.nat(),
    evidence: fc.record({
      unit: fc.constantFrom("share", "records_per_minute", "milliseconds", "number" as const),
      observed: finite,
      expected: finite,
      expectedLow: finite,
      expectedHigh: finite,
      ratio: orNull,
      z: orNull,
      ewma: orNull,
      rateOfChange: orNull,
      evidence: finite,
      bar: finite,
      sampleSize: finite,
      baselineAgeSeconds: finite,
      sparkline: fc.array(orNull, { maxLength: 40 }),
      sentence: hostile,
      templates: fc.array(
        fc.record({
          text: hostile,
          level: fc.constantFrom("warn", "error" as const),
          before: finite,
          now: finite,
          isNew: fc.boolean(),
        }),
        { maxLength: 7 },
      ),
    }),
    times: fc.constantFrom("2026-11-22T14:02:10Z", "not a time", ""),
    flapping: fc.boolean(),
    deploy: fc.option(
      fc.record({ version: hostile, at: fc.constantFrom("2026-11-22T13:59:10Z", "not a time") }),
      { nil: null },
    ),
  })
  .map(({ action, text, severity, kind, occurrences, evidence, times, flapping, deploy }) =>
    aDeliveryTask(action, {
      incident: {
        ...{ ...text, severity, kind, occurrences, openedAt: times, lastSeenAt: times },
        ...{ flapping, deploy },
      },
      evidence,
    }),
  );

/** Every text a rendering puts anywhere, keys left out. */
function textsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(textsOf);
}

const BROKEN_NUMBER = /\bNaN\b|Infinity|\bundefined\b|\[object/;
/** The only things in angle brackets that are ours: times, and the link to the incident. */
const OUR_TOKENS =
  /<!date\^\d+\^[a-z_{} ]+\|[0-9T:Z-]+>|<http:\/\/127\.0\.0\.1:4318\/incidents\/sample>/g;

function mrkdwnTexts(task: DeliveryTask): string[] {
  const contents = [renderCard(task), renderReply(task), renderPlain(task)];
  return contents.flatMap(({ text, blocks }) => [text, ...textsOf(blocks)]);
}

test("Slack: no text of a log becomes a mention, a channel, a link or an end of a code span", () => {
  const check = fc.property(tasks, (task) => {
    for (const text of mrkdwnTexts(task)) {
      const rest = text.replace(OUR_TOKENS, "");
      expect(rest).not.toMatch(/[<>]/);
      expect(rest).not.toMatch(/&(?!amp;|lt;|gt;)/);
      for (const line of rest.split("\n")) expect((line.match(/`/g) ?? []).length % 2).toBe(0);
    }
    const card = renderCard(task);
    expect(blockTextChars(card.blocks)).toBeLessThan(BLOCK_TEXT_CHARS_MAX);
    expect(card.text).not.toMatch(/:\/\/|@/); // Bare URLs and names would be linked in the text.
    expect(card.text).not.toContain("\n");
  });
  fc.assert(check, RUNS);
});

test("Slack: an example line is one code span, whatever is in it", () => {
  const check = fc.property(hostile, (line) => {
    const { blocks } = renderCard(aDeliveryTask("open", { incident: { exemplars: [line] } }));
    const examples = textsOf(blocks).filter((text) => text.startsWith("*Example lines*\n"));
    for (const text of examples) expect(text).toMatch(/^\*Example lines\*\n`[^`\n]+`$/);
  });
  fc.assert(check, RUNS);
});

test("Markdown: no text of a log becomes a mention, a link, an entity or formatting", () => {
  const check = fc.property(tasks, (task) => {
    const text = renderMarkdown(task, { reply: task.action === "escalate" });
    expect(text.length).toBeLessThanOrEqual(MARKDOWN_CHARS_MAX);
    expect(text).not.toMatch(/[<>@&]/);
    const outsideCode = text
      .replace("[Open incident](http://127.0.0.1:4318/incidents/sample)", "")
      .replace(/\\.|`[^`\n]*`/g, ""); // What is escaped, or in a code span, is text.
    expect(outsideCode).not.toMatch(/[`[\]()_~#|\\]|:\/\/|www\./);
    expect(outsideCode.replace(/^\S+ \*\*|\*\*$/gm, "")).not.toContain("*");
    // The message can be found again, and only as what it is.
    expect(text.endsWith(markerLine(task))).toBe(true);
    expect(markerOf(text)).toEqual({ incidentId: task.incident.id, seq: task.seq });
  });
  fc.assert(check, RUNS);
});

test("Markdown: log text in a code span stays in it", () => {
  const check = fc.property(hostile, (line) => {
    expect(codeMarkdown(line)).toMatch(/^`[^`\n]*[^`\n\\]`$/);
  });
  fc.assert(check, RUNS);
});

test("no rendering of any finite or missing number says NaN, Infinity or undefined", () => {
  const check = fc.property(tasks, (task) => {
    const incident = { ...task.incident, title: "t", service: "s" };
    const deploy = incident.deploy && { ...incident.deploy, version: "1.4.2" };
    const clean = { ...task, incident: { ...incident, deploy } };
    const texts = [
      renderConsole(clean),
      renderMarkdown(clean),
      ...textsOf(renderPagerduty(clean)),
      ...textsOf(renderIncidentEvent(clean)),
      ...mrkdwnTexts(clean),
    ];
    for (const text of texts) expect(withoutLogText(text)).not.toMatch(BROKEN_NUMBER);
  });
  fc.assert(check, RUNS);
});

/** "NaNo" of the generator is text of a log, and is no broken number. */
function withoutLogText(text: string): string {
  return text.replaceAll("NaNo", "");
}

test("the console's card has no control characters but its own line breaks", () => {
  const check = fc.property(tasks, (task) => {
    expect(renderConsole(task)).not.toMatch(/[^\P{Cc}\n]|[\u202a-\u202e\u2066-\u2069]/u);
  });
  fc.assert(check, RUNS);
});

test("PagerDuty: the summary is within its bound, and the key is the incident's", () => {
  const check = fc.property(tasks, (task) => {
    const event = renderPagerduty(task);
    expect(event.dedup_key).toBe(`tracer:${task.incident.fingerprint}:1`);
    if (event.event_action !== "trigger") return;
    expect(event.payload.summary.length).toBeLessThanOrEqual(SUMMARY_CHARS_MAX);
    expect(event.payload.source).not.toBe("");
    expect(JSON.parse(JSON.stringify(event))).toEqual(event);
  });
  fc.assert(check, RUNS);
});

test("Webhook: an event is within its bound, plain JSON, and without control characters", () => {
  const check = fc.property(tasks, (task) => {
    const event = renderIncidentEvent(task);
    const body = JSON.stringify(event);
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(BODY_BYTES_MAX);
    expect(JSON.parse(body)).toEqual(event);
    for (const text of textsOf(event)) expect(text).not.toMatch(/\p{Cc}|[\u202a-\u202e]/u);
  });
  fc.assert(check, RUNS);
});

test("rendering is deterministic", () => {
  const check = fc.property(tasks, (task) => {
    expect(renderCard(structuredClone(task))).toEqual(renderCard(task));
    expect(renderConsole(structuredClone(task))).toBe(renderConsole(task));
  });
  fc.assert(check, { ...RUNS, numRuns: 50 });
});
