import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { renderMarkdown } from "../composio/render.ts";
import { renderConsole } from "../console/render.ts";
import { renderPagerduty } from "../pagerduty/render.ts";
import { type Block, renderCard, renderReply } from "../slack/render.ts";
import { renderIncidentEvent } from "../webhook/event.ts";
import { typicalIncidents } from "./typical.test-helper.ts";

// What people get, to be read by a person. After a change that is meant: pnpm update:golden, and read the diff.

const FOLDER = join(import.meta.dirname, "messages");

/** A Slack message as text: each block under its type. */
function slackText({
  text,
  blocks,
}: {
  readonly text: string;
  readonly blocks: readonly Block[];
}): string {
  return [`NOTIFICATION\n${text}`, ...blocks.map(blockText)].join("\n\n");
}

function blockText(block: Block): string {
  const name = block.type.toUpperCase();
  switch (block.type) {
    case "header":
      return `${name}\n${block.text.text}`;
    case "section":
      return "fields" in block
        ? `FIELDS\n${block.fields.map(({ text }) => text.replace("\n", "  ")).join("\n")}`
        : `${name}\n${block.text.text}`;
    case "actions":
      return `BUTTONS\n${block.elements.map(({ text, url }) => `[${text.text}] ${url}`).join("\n")}`;
    case "context":
      return `${name}\n${block.elements.map(({ text }) => text).join("\n")}`;
    default:
      return block satisfies never;
  }
}

const CHANNELS = {
  slack: (task) =>
    task.action === "escalate" || task.action === "repeat"
      ? `${slackText(renderCard(task))}\n\n——— in its thread ———\n\n${slackText(renderReply(task))}`
      : slackText(renderCard(task)),
  composio: (task) => renderMarkdown(task),
  console: (task) => renderConsole(task),
  pagerduty: (task) => JSON.stringify(renderPagerduty(task), null, 2),
  webhook: (task) => JSON.stringify(renderIncidentEvent(task), null, 2),
} satisfies Record<string, (task: ReturnType<typeof typicalIncidents>[number]["task"]) => string>;

const FILES = typicalIncidents().flatMap(({ name, task }) =>
  Object.entries(CHANNELS).map(([channel, render]) => ({
    file: `${name}.${channel}.txt`,
    text: `${render(task).trim()}\n`,
  })),
);

test.each(FILES)("$file", async ({ file, text }) => {
  await expect(text).toMatchFileSnapshot(join(FOLDER, file));
  expect(text).not.toMatch(/NaN|Infinity|undefined|\[object|jane\.doe|4111 1111/);
});

test("there are ten, and no file of an eleventh", () => {
  expect(typicalIncidents()).toHaveLength(10);
  expect(readdirSync(FOLDER).toSorted()).toEqual(FILES.map(({ file }) => file).toSorted());
});
