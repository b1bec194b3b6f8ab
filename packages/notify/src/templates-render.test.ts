import { type DeliveryTask, TEMPLATES_MAX, type TemplateCount } from "@tracer/core";
import { aDeliveryTask } from "@tracer/testkit";
import { describe, expect, test } from "vitest";
import { renderMarkdown } from "./composio/render.ts";
import { renderConsole } from "./console/render.ts";
import { renderPagerduty } from "./pagerduty/render.ts";
import { renderCard, renderPlain } from "./slack/render.ts";

const KNOWN: TemplateCount = {
  text: "upstream <ip> timed out",
  level: "error",
  before: 0.2,
  now: 14,
  isNew: false,
};
const NEW: TemplateCount = {
  text: "payment gateway refused <num>: password=hunter2",
  level: "error",
  before: 0,
  now: 3.4,
  isNew: true,
};

const renderings: [string, (task: DeliveryTask) => string][] = [
  ["Slack's card", (task) => JSON.stringify(renderCard(task))],
  ["Slack's text", (task) => renderPlain(task).text],
  ["PagerDuty", (task) => JSON.stringify(renderPagerduty(task))],
  ["Markdown", (task) => renderMarkdown(task)],
  ["the terminal", (task) => renderConsole(task)],
];

function taskOf(action: "open" | "resolve", templates: readonly TemplateCount[]) {
  return aDeliveryTask(action, { evidence: { templates } });
}

describe.each(renderings)("%s", (_, renderTask) => {
  const render = (action: "open" | "resolve", templates: readonly TemplateCount[]) =>
    renderTask(taskOf(action, templates));

  test("shows the kinds of message, how often they came before and since, and which are new", () => {
    const text = render("open", [KNOWN, NEW]);
    expect(text).toMatch(/14\/min, was 0\.2\/min/u);
    expect(text).toMatch(/upstream .{1,10}ip.{1,10} timed out/u);
    expect(text).toMatch(/NEW, 3\.4\/min/u);
    expect(text).toContain("password=‹redacted›");
    expect(text).not.toContain("hunter2");
  });

  test("so many of them, and none when it is over or none are known", () => {
    const many = Array.from({ length: TEMPLATES_MAX + 1 }, (_each, at) => ({
      ...KNOWN,
      text: `kind-${"abcdefg"[at]}`,
    }));
    const shown = render("open", many);
    expect(shown).toContain("kind-e");
    expect(shown).not.toContain("kind-f");
    expect(render("resolve", [KNOWN])).not.toContain("timed out");
    expect(render("open", [])).not.toMatch(/essages since/u);
  });

  test("a message that was never seen before is compared with nothing", () => {
    const evidence = { evidence: 4.6, bar: 3, sampleSize: 1, expected: 0, ratio: null, z: null };
    const incident = { kind: "template", part: "0123456789ab" } as const;
    const text = renderTask(aDeliveryTask("open", { evidence, incident }));
    expect(text).toContain("4.6 of 3 nats");
    expect(text).toMatch(/1 record(?!s)/u);
    expect(text).not.toMatch(/EWMA|ewma|z –|new, was 0|\/min expected/u);
  });

  test("a latency is told in ms, and in s from a second on", () => {
    const sentence = "Typical latency 12.4 s, about 840 ms expected (14.8×)";
    const evidence = {
      unit: "milliseconds",
      ...{ observed: 12_430, peak: 14_503, expected: 840, expectedLow: 700, expectedHigh: 1_010 },
      ...{ ewma: 842, ratio: 14.8, sentence },
    } as const;
    const incident = { kind: "latency", part: "", severity: "warning" } as const;
    const text = renderTask(aDeliveryTask("open", { evidence, incident }));
    for (const part of [sentence, "700 ms to 1 s", "842 ms"]) {
      expect(text.replaceAll("\\", "")).toContain(part);
    }
  });
});
