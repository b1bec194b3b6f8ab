import { TEMPLATES_MAX, type TemplateCount } from "@tracer/core";
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

const renderings: [
  string,
  (action: "open" | "resolve", templates: readonly TemplateCount[]) => string,
][] = [
  ["Slack's card", (action, templates) => JSON.stringify(renderCard(taskOf(action, templates)))],
  ["Slack's text", (action, templates) => renderPlain(taskOf(action, templates)).text],
  ["PagerDuty", (action, templates) => JSON.stringify(renderPagerduty(taskOf(action, templates)))],
  ["Markdown", (action, templates) => renderMarkdown(taskOf(action, templates))],
  ["the terminal", (action, templates) => renderConsole(taskOf(action, templates))],
];

function taskOf(action: "open" | "resolve", templates: readonly TemplateCount[]) {
  return aDeliveryTask(action, { evidence: { templates } });
}

describe.each(renderings)("%s", (_, render) => {
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
});
