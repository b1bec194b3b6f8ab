import { field, textField } from "./receiver.ts";

const BLOCKS_MAX = 50;
const TEXT_SUM_MAX = 13_200;
const TEXT_MAX: Readonly<Record<string, number>> = { header: 150, section: 3_000, context: 3_000 };
const FIELDS_MAX = 10;
const FIELD_MAX = 2_000;
const CONTEXT_ELEMENTS_MAX = 10;
const ACTIONS_MAX = 25;
const BUTTON_TEXT_MAX = 75;
const URL_MAX = 3_000;
const BLOCK_ID_MAX = 255;

/** The error Slack answers to these blocks, or null when they are fine. */
export function blocksError(blocks: unknown): "invalid_blocks" | "msg_blocks_too_long" | null {
  if (blocks === undefined) return null;
  if (!Array.isArray(blocks) || blocks.length > BLOCKS_MAX) return "invalid_blocks";
  if (!blocks.every(isBlock)) return "invalid_blocks";
  return textSum(blocks) > TEXT_SUM_MAX ? "msg_blocks_too_long" : null;
}

function isBlock(block: unknown): boolean {
  if (textField(block, "block_id").length > BLOCK_ID_MAX) return false;
  switch (textField(block, "type")) {
    case "header":
      return isText(field(block, "text"), ["plain_text"], TEXT_MAX["header"] ?? 0);
    case "section":
      return isSection(block);
    case "context":
      return isList(field(block, "elements"), CONTEXT_ELEMENTS_MAX, (element) =>
        isText(element, ["mrkdwn", "plain_text"], TEXT_MAX["context"] ?? 0),
      );
    case "actions":
      return isList(field(block, "elements"), ACTIONS_MAX, isButton);
    case "divider":
      return true;
    default:
      return false;
  }
}

function isSection(block: unknown): boolean {
  const text = field(block, "text");
  const fields = field(block, "fields");
  if (text === undefined && fields === undefined) return false;
  const types = ["mrkdwn", "plain_text"];
  if (text !== undefined && !isText(text, types, TEXT_MAX["section"] ?? 0)) return false;
  return (
    fields === undefined || isList(fields, FIELDS_MAX, (entry) => isText(entry, types, FIELD_MAX))
  );
}

function isButton(element: unknown): boolean {
  if (textField(element, "type") !== "button") return false;
  if (textField(element, "url").length > URL_MAX) return false;
  if (textField(element, "action_id").length > BLOCK_ID_MAX) return false;
  return isText(field(element, "text"), ["plain_text"], BUTTON_TEXT_MAX);
}

function isText(text: unknown, types: readonly string[], max: number): boolean {
  const value = textField(text, "text");
  return types.includes(textField(text, "type")) && value.length >= 1 && value.length <= max;
}

function isList(list: unknown, max: number, isEntry: (entry: unknown) => boolean): boolean {
  return Array.isArray(list) && list.length >= 1 && list.length <= max && list.every(isEntry);
}

/** All text anywhere in the blocks, in UTF-16 units, as sent. */
function textSum(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((sum: number, entry) => sum + textSum(entry), 0);
  if (typeof value !== "object" || value === null) return 0;
  let sum = 0;
  for (const [key, entry] of Object.entries(value)) {
    sum += key === "text" && typeof entry === "string" ? entry.length : textSum(entry);
  }
  return sum;
}
