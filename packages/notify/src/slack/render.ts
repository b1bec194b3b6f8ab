import type { DeliveryTask } from "@tracer/core";
import { type Facts, factsOf, isoText, severityWord, unixSeconds, worstText } from "../facts.ts";
import { codeSpan, dateToken, escapeMrkdwn, escapeUnlinked } from "./escape.ts";

/** Slack refuses blocks near 13,200 characters of text; the sum stays under this by construction. */
export const BLOCK_TEXT_CHARS_MAX = 12_000;
export const HEADER_CHARS_MAX = 150;
export const SECTION_CHARS_MAX = 3_000;
const FIELD_CHARS_MAX = 300;
/** Slack refuses a section with more. */
const FIELDS_MAX = 10;
const LEAD_CHARS_MAX = 600;
const SENTENCE_CHARS_MAX = 1_200;
const EXEMPLAR_ESCAPED_CHARS_MAX = 900;
const TEMPLATE_ESCAPED_CHARS_MAX = 200;
/** As many lines as a group has others fit into a section. */
const OTHER_ESCAPED_CHARS_MAX = 150;
const CONTEXT_CHARS_MAX = 600;
const TEXT_LINE_CHARS_MAX = 1_000;
const URL_CHARS_MAX = 3_000;

interface PlainText {
  readonly type: "plain_text";
  readonly text: string;
  readonly emoji?: boolean;
}
interface Mrkdwn {
  readonly type: "mrkdwn";
  readonly text: string;
  readonly verbatim: true;
}
/** The Block Kit that Tracer uses. */
export type Block =
  | { readonly type: "header"; readonly text: PlainText }
  | { readonly type: "section"; readonly text: Mrkdwn }
  | { readonly type: "section"; readonly fields: readonly Mrkdwn[] }
  | {
      readonly type: "actions";
      readonly block_id: string;
      readonly elements: readonly {
        readonly type: "button";
        readonly action_id: string;
        readonly text: PlainText;
        readonly url: string;
      }[];
    }
  | { readonly type: "context"; readonly elements: readonly Mrkdwn[] };

/** What a Slack message shows: blocks, and the text for notifications and for readers without blocks. */
export interface SlackContent {
  readonly text: string;
  readonly blocks: readonly Block[];
}

export const MAYBE_REPEAT = "may be a repeat";

/** The card of an incident as it stands: the first message, and each edit of it. */
export function renderCard(task: DeliveryTask, { maybeRepeat = false } = {}): SlackContent {
  const facts = factsOf(task);
  const resolved = isResolved(task);
  const state = resolved ? "resolved" : task.action === "test" ? "test" : "";
  const heading = `${facts.emoji} ${facts.headline}${state === "" ? "" : ` (${state})`}`;
  const blocks: Block[] = [
    { type: "header", text: plainText(clipPlain(heading, HEADER_CHARS_MAX)) },
    { type: "section", text: mrkdwn(leadText(task, facts, resolved)) },
    { type: "section", fields: fieldsOf(task, facts, resolved).map(mrkdwn) },
  ];
  if (facts.others.length > 0) {
    const lines = facts.others.map((line) => escapeMrkdwn(line, OTHER_ESCAPED_CHARS_MAX));
    const text = `*Together with this*\n${lines.join("\n")}`;
    blocks.push({ type: "section", text: mrkdwn(text) });
  }
  if (facts.templates.length > 0) {
    const text = `*Messages since then*\n${templateLines(facts).join("\n")}`;
    blocks.push({ type: "section", text: mrkdwn(text) });
  }
  if (facts.exemplars.length > 0) {
    // A group has its own lines, and the sum has its bound.
    const shown = facts.others.length > 0 ? facts.exemplars.slice(0, 1) : facts.exemplars;
    const lines = shown.map((line) => codeSpan(line, EXEMPLAR_ESCAPED_CHARS_MAX));
    blocks.push({ type: "section", text: mrkdwn(`*Example lines*\n${lines.join("\n")}`) });
  }
  const link = linkOf(task);
  if (link !== null) {
    const button = {
      type: "button",
      action_id: "open",
      text: { type: "plain_text", text: "Open incident" },
      url: link,
    } as const;
    blocks.push({
      type: "actions",
      block_id: `tracer:${task.incident.id}`.slice(0, 255),
      elements: [button],
    });
  }
  blocks.push({ type: "context", elements: [mrkdwn(contextText(task, facts, maybeRepeat))] });
  return { text: lockText(facts, maybeRepeat), blocks };
}

/** An escalation, a reminder or an end in a few lines, for where the card itself stands already. */
export function renderReply(task: DeliveryTask, { maybeRepeat = false } = {}): SlackContent {
  const facts = factsOf(task);
  const word = severityWord(task.incident.severity);
  const lead = isResolved(task)
    ? `${facts.emoji} *Resolved after ${facts.openFor}* – ${facts.closeReason}${worstText(facts.numbers)}`
    : task.action === "escalate"
      ? `${facts.emoji} *Escalated to ${word}*`
      : task.action === "open"
        ? `${facts.emoji} *Also: ${word}*`
        : `${facts.emoji} *Still open after ${facts.openFor}* (${word})`;
  const said = [escapeMrkdwn(facts.headline, LEAD_CHARS_MAX)];
  if (!isResolved(task)) said.push(escapeMrkdwn(facts.sentence, SENTENCE_CHARS_MAX));
  else if (facts.numbers !== null) said.push(`${facts.numbers.expected} expected`);
  const text = [lead, ...said].join("\n");
  const blocks: Block[] = [
    { type: "section", text: mrkdwn(text) },
    { type: "context", elements: [mrkdwn(contextText(task, facts, maybeRepeat))] },
  ];
  return { text: lockText(facts, maybeRepeat), blocks };
}

/** The same without blocks, for when Slack refuses them. */
export function renderPlain(task: DeliveryTask, { maybeRepeat = false } = {}): SlackContent {
  const facts = factsOf(task);
  const lines = [lockText(facts, maybeRepeat)];
  if (!isResolved(task)) lines.push(escapeUnlinked(facts.sentence, SENTENCE_CHARS_MAX));
  lines.push(...facts.notes.map((note) => escapeUnlinked(note, FIELD_CHARS_MAX)));
  lines.push(...facts.others.map((line) => escapeUnlinked(line, OTHER_ESCAPED_CHARS_MAX)));
  lines.push(...numbersText(facts), `since ${isoText(task.incident.openedAt)}`);
  lines.push(...templateLines(facts));
  lines.push(...facts.exemplars.map((line) => codeSpan(line, EXEMPLAR_ESCAPED_CHARS_MAX)));
  const link = linkOf(task);
  if (link !== null) lines.push(`<${escapeMrkdwn(link, URL_CHARS_MAX).replaceAll("|", "%7C")}>`);
  if (facts.undelivered !== null) lines.push(escapeUnlinked(facts.undelivered, FIELD_CHARS_MAX));
  lines.push(codeSpan(task.incident.id, FIELD_CHARS_MAX));
  return { text: lines.join("\n"), blocks: [] };
}

/** Characters of text in the blocks, as Slack counts them: after escaping. */
export function blockTextChars(blocks: readonly Block[]): number {
  let sum = 0;
  for (const block of blocks) {
    switch (block.type) {
      case "header":
        sum += block.text.text.length;
        break;
      case "section":
        if ("text" in block) sum += block.text.text.length;
        else for (const field of block.fields) sum += field.text.length;
        break;
      case "actions":
        for (const element of block.elements) sum += element.text.text.length;
        break;
      case "context":
        for (const element of block.elements) sum += element.text.length;
        break;
      default:
        block satisfies never;
    }
  }
  return sum;
}

export function isResolved(task: DeliveryTask): boolean {
  return task.incident.state === "resolved" || task.action === "resolve";
}

/** The link as a URL, or null when it is none that a message may carry. */
export function linkOf(task: Pick<DeliveryTask, "link">): string | null {
  const url = URL.parse(task.link);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) return null;
  return url.href.length <= URL_CHARS_MAX ? url.href : null;
}

function leadText(task: DeliveryTask, facts: Facts, resolved: boolean): string {
  const { numbers } = facts;
  const lines: string[] = [];
  if (resolved) {
    lines.push(`*Resolved after ${facts.openFor}* – ${facts.closeReason}${worstText(numbers)}`);
    if (numbers !== null) lines.push(`${numbers.expected} expected (${numbers.band})`);
  } else {
    const since = `since ${sinceToken(task)}`;
    const measured = numbers && `*${facts.versus}* (${numbers.ratio})  ·  z = ${numbers.z}  ·  `;
    const sentence = escapeMrkdwn(facts.sentence, SENTENCE_CHARS_MAX);
    if (measured === null) lines.push(`*${sentence}*`, since);
    else lines.push(`${measured}${since}`, sentence);
    lines.push(...facts.notes.map((note) => escapeMrkdwn(note, FIELD_CHARS_MAX)));
  }
  if (facts.sparkline !== "") lines.push(`\`${facts.sparkline}\`  ${facts.sparklineSpan}`);
  return lines.join("\n");
}

function fieldsOf(task: DeliveryTask, facts: Facts, resolved: boolean): string[] {
  const severity = severityWord(task.incident.severity);
  const known = [
    `*Severity*\n${resolved ? `Resolved, was ${severity}` : severity}`,
    `*Service*\n${escapeMrkdwn(facts.service, FIELD_CHARS_MAX)}`,
    `*Environment*\n${escapeMrkdwn(facts.environment, FIELD_CHARS_MAX)}`,
    `*First seen*\n${sinceToken(task)}`,
  ];
  if (facts.affected.length > 0) {
    known.push(`*Affected*\n${escapeMrkdwn(facts.affected.join(", "), FIELD_CHARS_MAX)}`);
  }
  if (resolved) {
    const end = task.incident.resolvedAt ?? task.incident.lastSeenAt;
    return [...known, `*Resolved*\n${timeToken(end, "{date_short_pretty} {time_secs}")}`];
  }
  if (facts.numbers !== null) {
    const { band, z, ewma, rateOfChange } = facts.numbers;
    known.push(`*Expected band*\n${band}`, `*z*\n${z}`, `*EWMA*\n${ewma}`);
    known.push(`*Rate of change*\n${rateOfChange}`);
  }
  if (facts.proof !== null) {
    known.push(`*Sample*\n${facts.proof.sampleSize}`, `*Evidence*\n${facts.proof.evidence}`);
  }
  return known.slice(0, FIELDS_MAX); // A group over several services has one more, and goes without the last.
}

function templateLines({ templates }: Facts): string[] {
  return templates.map(
    ({ rates, text }) => `${rates}  ${codeSpan(text, TEMPLATE_ESCAPED_CHARS_MAX)}`,
  );
}

function numbersText({ numbers, proof }: Facts): string[] {
  const list: string[] = [];
  if (numbers !== null) {
    const { ratio, band, z, ewma, rateOfChange } = numbers;
    list.push(`ratio ${ratio}`, `band ${band}`, `z ${z}`, `EWMA ${ewma}`);
    list.push(`rate of change ${rateOfChange}`);
  }
  if (proof !== null) list.push(`evidence ${proof.evidence}`, proof.sampleSize);
  return list.length === 0 ? [] : [list.join(" · ")];
}

function contextText(task: DeliveryTask, facts: Facts, maybeRepeat: boolean): string {
  const parts = [
    codeSpan(task.incident.id, FIELD_CHARS_MAX),
    escapeMrkdwn(facts.kind, FIELD_CHARS_MAX),
    `seen ${facts.occurrences}×`,
    `updated ${timeToken(task.incident.lastSeenAt, "{time_secs}")}`,
  ];
  if (facts.undelivered !== null) parts.push(escapeUnlinked(facts.undelivered, FIELD_CHARS_MAX));
  if (maybeRepeat) parts.push(`_${MAYBE_REPEAT}_`);
  return parts.join(" · ").slice(0, CONTEXT_CHARS_MAX * 2);
}

function sinceToken(task: DeliveryTask): string {
  return timeToken(task.incident.openedAt, "{date_short_pretty} {time_secs}");
}

function timeToken(iso: string, format: string): string {
  return dateToken(isoText(iso), unixSeconds(iso), format);
}

function lockText(facts: Facts, maybeRepeat: boolean): string {
  const repeat = maybeRepeat ? ` (${MAYBE_REPEAT})` : "";
  return `${escapeUnlinked(facts.lockLine, TEXT_LINE_CHARS_MAX)}${repeat}`;
}

function mrkdwn(text: string): Mrkdwn {
  return { type: "mrkdwn", verbatim: true, text };
}

function plainText(text: string): PlainText {
  return { type: "plain_text", emoji: true, text };
}

/** Plain text is shown as it is; Slack still wants the three characters escaped in its length. */
function clipPlain(text: string, charsMax: number): string {
  return escapeMrkdwn(text, charsMax);
}
