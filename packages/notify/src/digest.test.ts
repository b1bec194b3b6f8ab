import { aDeliveryTask, aDigestTask } from "@tracer/testkit";
import { expect, test } from "vitest";
import { MARKDOWN_CHARS_MAX, renderMarkdownDigest } from "./composio/render.ts";
import { renderConsoleDigest } from "./console/render.ts";
import { digestFactsOf, NAMED_MAX } from "./digest-facts.ts";
import { factsOf } from "./facts.ts";
import { eventsOf, renderStorm, SUMMARY_CHARS_MAX } from "./pagerduty/render.ts";
import { renderDigest, renderPlainDigest } from "./slack/digest.ts";
import { digestMarkerLine, markerOf } from "./slack/marker.ts";
import { BLOCK_TEXT_CHARS_MAX, blockTextChars, SECTION_CHARS_MAX } from "./slack/render.ts";

const HOSTILE =
  "<!channel> <@U1> <http://evil.example|x> @here http://evil.example `*_~ &\\ \n\u2028ref x/1 ![a](b)\u202e\u001b[31m";

test("the first line says how many of what, and how many are critical", () => {
  const task = aDigestTask(4_523, {
    entry: (index) => ({
      severity: index < 12 ? "critical" : "error",
      action: index < 4_213 ? "open" : "resolve",
    }),
  });
  const said = "Storm: 4,213 incidents opened (12 critical), 310 resolved";
  expect(digestFactsOf(task).lockLine).toBe(said);
  expect(renderDigest(task).text).toBe(said);
  expect(renderPlainDigest(task).text.startsWith(said)).toBe(true);
  expect(renderMarkdownDigest(task)).toContain("Storm: 4,213 incidents opened");
  expect(renderConsoleDigest(task)).toContain(said);
  expect(renderStorm(task, "pagerduty")).toMatchObject({ payload: { summary: said } });
});

test.each([
  [["resolve"], "Storm: 1 incident resolved"],
  [["escalate", "repeat", "repeat"], "Storm: 1 incident escalated, 2 still open"],
  [["resolve", "open", "resolve"], "Storm: 1 incident opened, 2 resolved"],
] as const)("%s: %s", (actions, said) => {
  const entry = (index: number) => ({ action: actions[index] ?? "open" });
  expect(digestFactsOf(aDigestTask(actions.length, { entry })).lockLine).toBe(said);
});

test("the first are named, in their order; the rest is counted by kind and service, whole", () => {
  const task = aDigestTask(NAMED_MAX + 50, {
    entry: (index) => ({
      severity: index === 0 ? "critical" : "error",
      ...(index < NAMED_MAX + 10 ? {} : { kind: "volume", part: "drop", service: "cart" }),
    }),
  });
  const facts = digestFactsOf(task);
  expect(facts.named).toHaveLength(NAMED_MAX);
  expect(facts.named[0]).toBe("CRITICAL service-0: error rate spike");
  expect(facts.rest(NAMED_MAX)).toMatch(/^… and 50 more: 40 volume drop, 10 error · in 40 cart, /u);
  expect(facts.rest(NAMED_MAX + 50)).toBeNull();
});

/** How many incidents a text names or counts. */
function toldBy(text: string): number {
  const named = text.match(/ERROR|CRITICAL/gu)?.length ?? 0;
  const rest = /… and ([\d,]+) more/u.exec(text)?.[1] ?? "0";
  return named + Number(rest.replaceAll(",", ""));
}

test.each([1, 3, 40, 2_000])(
  "%i incidents: every way of saying it names or counts each",
  (count) => {
    const task = aDigestTask(count, { entry: (index) => ({ service: `s${index}`, title: "" }) });
    const { blocks } = renderDigest(task);
    expect(toldBy(JSON.stringify(blocks))).toBe(count);
    expect(toldBy(renderPlainDigest(task).text)).toBe(count);
    expect(toldBy(renderMarkdownDigest(task))).toBe(count);
    expect(toldBy(renderConsoleDigest(task))).toBe(count);
    expect(toldBy(JSON.stringify(renderStorm(task, "pagerduty")))).toBe(count);
  },
);

test("2,000 long and hostile names: within each provider's bounds, and nothing of them works", () => {
  const hostile = HOSTILE.repeat(3);
  const task = aDigestTask(2_000, {
    link: "https://tracer.example/",
    entry: (index) => ({ service: `${index}${hostile}`, title: hostile, part: hostile }),
    undelivered: { channel: hostile, reason: hostile },
  });
  const { text, blocks } = renderDigest(task);
  expect(blocks.length).toBeLessThanOrEqual(50);
  expect(blockTextChars(blocks)).toBeLessThan(BLOCK_TEXT_CHARS_MAX);
  for (const block of blocks) {
    if (block.type === "section" && "text" in block) {
      expect(block.text.text.length).toBeLessThanOrEqual(SECTION_CHARS_MAX);
    }
  }
  const plain = renderPlainDigest(task).text;
  for (const said of [
    text,
    JSON.stringify(blocks),
    plain.replace("<https://tracer.example/>", ""),
  ]) {
    expect(said).not.toMatch(/<(?!https:\/\/tracer)|@here|http:\/\/evil|\p{Cf}|\p{Zl}|\\u001b/u);
  }
  expect(plain.length).toBeLessThan(4_000);
  const markdown = renderMarkdownDigest(task);
  expect(markdown.length).toBeLessThanOrEqual(MARKDOWN_CHARS_MAX);
  expect(markdown).not.toMatch(/[<@]|http:\/\/evil|!\[|\p{Cf}|\p{Zl}/u);
  expect(markerOf(markdown)).toEqual(markerOf(digestMarkerLine(task)));
  const event = renderStorm(task, "pagerduty");
  expect(JSON.stringify(event).length).toBeLessThan(100_000);
  expect("payload" in event && event.payload.summary.length).toBeLessThanOrEqual(SUMMARY_CHARS_MAX);
  expect(renderConsoleDigest(task)).not.toMatch(/\p{Cf}|\p{Zl}|(?!\n)\p{Cc}/u);
});

test("PagerDuty: open as long as an incident is, and whoever has to hear that it began hears it", () => {
  const ends = aDigestTask(3, { entry: () => ({ action: "resolve" }) });
  expect(renderStorm(ends, "pd")).toMatchObject({
    event_action: "trigger",
    dedup_key: "tracer:storm:pd",
    payload: { summary: "Storm: 3 incidents resolved; others are still open" },
  });
  expect(renderStorm({ ...ends, stillOpen: false }, "pd")).toEqual({
    event_action: "resolve",
    dedup_key: "tracer:storm:pd",
  });
  expect(renderStorm(aDigestTask(3, { stillOpen: false }), "pd").event_action).toBe("trigger");
});

test("PagerDuty: the end of an incident of a digest ends what it has an alert in", () => {
  const inDigest = { receipt: { dedup_key: "tracer:storm:pd", digest: "x" } };
  const own = { receipt: { dedup_key: "own" } };
  const actions = (overrides: Parameters<typeof aDeliveryTask>[1]) =>
    eventsOf(aDeliveryTask("resolve", overrides), "pd").map(
      (event) =>
        `${event.event_action} ${event.dedup_key.startsWith("tracer:storm") ? "storm" : "own"}`,
    );
  expect(actions(own)).toEqual(["resolve own"]);
  expect(actions({ ...inDigest, stormOpen: true })).toEqual(["trigger storm"]);
  expect(actions({ ...inDigest, stormOpen: false })).toEqual(["resolve storm"]);
  expect(actions({ ...own, stormOpen: true })).toEqual(["resolve own"]);
  expect(actions({ ...own, stormOpen: false })).toEqual(["resolve own", "resolve storm"]);
  const escalation = aDeliveryTask("escalate", { ...inDigest, stormOpen: true });
  expect(eventsOf(escalation, "pd")).toMatchObject([{ event_action: "trigger" }]);
});

test("the fall-back says why it was asked", () => {
  const undelivered = { channel: "slack", reason: "channel_not_found" };
  const said = "could not be delivered to slack: channel_not_found";
  expect(factsOf(aDeliveryTask("open", { undelivered })).undelivered).toBe(said);
  expect(factsOf(aDeliveryTask("open")).undelivered).toBeNull();
  const digest = aDigestTask(2, { undelivered });
  expect(JSON.stringify(renderDigest(digest).blocks)).toContain(said);
  expect(renderConsoleDigest(digest)).toContain(said);
});
