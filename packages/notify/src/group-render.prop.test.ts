import { type GroupMember, SEVERITIES } from "@tracer/core";
import { aDeliveryTask } from "@tracer/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { MARKDOWN_CHARS_MAX, renderMarkdown } from "./composio/render.ts";
import { cardOf } from "./group.ts";
import {
  BLOCK_TEXT_CHARS_MAX,
  blockTextChars,
  renderCard,
  SECTION_CHARS_MAX,
} from "./slack/render.ts";

const MEMBERS_MAX = 20;

const hostile = fc.oneof(
  fc.constantFrom(
    "<!channel>",
    "<@U123>",
    "<http://evil.example|x>",
    "&&&&",
    "a`b",
    "\u202e",
    "\n",
  ),
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.constant("<".repeat(400)),
);

const members = fc.array(
  fc.record({
    service: hostile,
    title: hostile,
    severity: fc.constantFrom(...SEVERITIES),
    state: fc.constantFrom("open", "resolved" as const),
  }),
  { minLength: 2, maxLength: MEMBERS_MAX },
);

test("the message of a group: every member is named, no text of a log acts, and it is within Slack's limits", () => {
  const check = fc.property(members, fc.nat(), (incidents, pick) => {
    const group = incidents.map((incident, index): GroupMember => {
      const ended = incident.state === "resolved" ? "2026-11-22T14:20:10.000Z" : null;
      const exemplars = ["<".repeat(2_000), "&".repeat(2_000), "x".repeat(2_000)];
      const id = `inc_${index}`;
      const task = aDeliveryTask("edit", {
        incident: { ...incident, id, resolvedAt: ended, exemplars },
        evidence: { sentence: "<".repeat(2_000) },
      });
      return { incident: task.incident, link: task.link };
    });
    const own = group[pick % group.length]?.incident ?? {};
    const card = cardOf({ ...aDeliveryTask("edit", { incident: own }), group });
    const { text, blocks } = renderCard(card);
    expect(blockTextChars(blocks)).toBeLessThan(BLOCK_TEXT_CHARS_MAX);
    for (const block of blocks) {
      if (block.type === "section" && "text" in block) {
        expect(block.text.text.length).toBeLessThanOrEqual(SECTION_CHARS_MAX);
      }
    }
    const others = blocks.find(
      (block) =>
        block.type === "section" && "text" in block && block.text.text.startsWith("*Together"),
    );
    expect(JSON.stringify(others).split("\\n")).toHaveLength(group.length);
    const said = text + JSON.stringify(blocks);
    expect(said.replaceAll(/<!date\^[^>]*>/g, "")).not.toMatch(/<[!@#h]/);
    expect(said).not.toMatch(/\bNaN\b|Infinity|\bundefined\b|\[object/);
    expect(renderMarkdown(card).length).toBeLessThanOrEqual(MARKDOWN_CHARS_MAX);
    const isOpen = group.some(({ incident }) => incident.state === "open");
    expect(text.startsWith("RESOLVED")).toBe(!isOpen);
  });
  fc.assert(check, { seed: 20_261_123, numRuns: 300 });
});
