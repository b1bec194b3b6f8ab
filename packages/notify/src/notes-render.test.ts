import type { DeliveryAction } from "@tracer/core";
import { aDeliveryTask } from "@tracer/testkit";
import { expect, test } from "vitest";
import { renderMarkdown } from "./composio/render.ts";
import { renderConsole } from "./console/render.ts";
import { renderPagerduty } from "./pagerduty/render.ts";
import { renderCard, renderPlain } from "./slack/render.ts";

const FLAPPING =
  "Flapping: opened 3 times within an hour; stays open until it is calm for 15 minutes";

/** Every channel's rendering of an incident that flaps after a deploy, as text without line breaks. */
function renderings(version: string, action: DeliveryAction = "open"): string[] {
  const deploy = { version, at: "2026-11-22T13:59:10.000Z" };
  const task = aDeliveryTask(action, { incident: { flapping: true, deploy } });
  const pagerduty = JSON.stringify(renderPagerduty(task));
  const texts = [JSON.stringify(renderCard(task)), renderPlain(task).text, renderMarkdown(task)];
  return [...texts, pagerduty, renderConsole(task).replaceAll("\n┃ ", " ")];
}

test("an incident that flaps after a deploy says both, in a line each, on every channel", () => {
  for (const text of renderings("1.4.2")) {
    expect(text).toContain(FLAPPING);
    expect(text).toContain("Deploy 1.4.2, 3 min before");
  }
});

test("neither is said of one without, nor at the end of one with", () => {
  const quiet = aDeliveryTask("open");
  const texts = [renderConsole(quiet), JSON.stringify(renderCard(quiet)), renderMarkdown(quiet)];
  for (const text of [...texts, ...renderings("1.4.2", "resolve")]) {
    expect(text).not.toMatch(/Flapping|Deploy/);
  }
});

test("a version is text, however long and whatever is in it", () => {
  const hostile = "<!channel> <@U1> [x](http://evil.example) `\u202e\u001b[31m\n*b* ";
  for (const text of renderings(hostile)) {
    for (const sign of ["\u202e", "\u001b"]) expect(text).not.toContain(sign);
  }
  const [card = "", plain = "", markdown = ""] = renderings(hostile);
  for (const text of [card, plain]) {
    expect(text).toMatch(/Deploy &lt;!channel&gt; &lt;[@＠]U1&gt; /);
    expect(text).not.toMatch(/<!channel|<@U1/);
  }
  expect(markdown).not.toMatch(/[<>@]/);
  expect(markdown).not.toContain("](http://evil");
  for (const text of renderings("v".repeat(200)))
    expect(text).toContain(`Deploy ${"v".repeat(39)}…`);
});
