import { type DeliveryTask, type DigestTask, flatten } from "@tracer/core";
import type { Notice } from "../channel.ts";
import { digestFactsOf } from "../digest-facts.ts";
import { type Facts, factsOf, isoText, severityWord } from "../facts.ts";
import { clipPieces, unlink } from "../slack/escape.ts";
import { digestMarkerLine, markerLine } from "../slack/marker.ts";
import { isResolved, linkOf, MAYBE_REPEAT } from "../slack/render.ts";

/** Slack's bound for a text of Markdown. */
export const MARKDOWN_CHARS_MAX = 12_000;
const LINE_CHARS_MAX = 1_000;
const CODE_CHARS_MAX = 700;

/** The card of an incident as Markdown, for a tool that takes `markdown_text`. Log text only in code spans. */
export function renderMarkdown(
  task: DeliveryTask,
  { reply = false, maybeRepeat = false } = {},
): string {
  const facts = factsOf(task);
  const resolved = isResolved(task);
  const repeat = maybeRepeat ? ` (${MAYBE_REPEAT})` : "";
  const lines = [`${facts.emoji} **${escapeMarkdown(facts.lockLine)}**${repeat}`];
  if (reply) {
    const lead =
      task.action === "escalate"
        ? `Escalated to ${severityWord(task.incident.severity)}`
        : task.action === "open"
          ? `Also: ${severityWord(task.incident.severity)}`
          : `Still open after ${facts.openFor}`;
    lines.push(escapeMarkdown(lead));
  }
  if (!resolved) lines.push(escapeMarkdown(facts.sentence));
  lines.push(...facts.notes.map((line) => escapeMarkdown(line)));
  if (facts.sparkline !== "") lines.push(`\`${facts.sparkline}\` ${facts.sparklineSpan}`);
  lines.push(...numberLines(task, facts, resolved));
  if (!reply) {
    if (facts.others.length > 0) {
      lines.push(
        ["Together with this:", ...facts.others.map((line) => `- ${escapeMarkdown(line)}`)].join(
          "\n",
        ),
      );
    }
    lines.push(...facts.templates.map(({ rates, text }) => `${rates} ${codeMarkdown(text)}`));
    lines.push(...facts.exemplars.map(codeMarkdown));
  }
  if (facts.undelivered !== null) lines.push(escapeMarkdown(facts.undelivered));
  lines.push(...linkLines(task, "Open incident"));
  // A blank line before it: Markdown would else join the two lines into one paragraph.
  return [...lines, markerLine(task)].join("\n\n");
}

/** Of all names together, escaped; the other lines take less than a third of the rest. */
const NAMES_CHARS_MAX = 8_000;

/** A digest as Markdown: its counts, the most urgent by name, the rest counted, the marker last. */
export function renderMarkdownDigest(task: DigestTask, { maybeRepeat = false } = {}): string {
  const facts = digestFactsOf(task);
  const names: string[] = [];
  let chars = 0;
  for (const name of facts.named) {
    const line = `- ${escapeMarkdown(name)}`;
    chars += line.length + 1;
    if (chars > NAMES_CHARS_MAX) break;
    names.push(line);
  }
  const repeat = maybeRepeat ? ` (${MAYBE_REPEAT})` : "";
  const lines = [`${facts.emoji} **${escapeMarkdown(facts.lockLine)}**${repeat}`, names.join("\n")];
  const more = [facts.rest(names.length), facts.undelivered].filter((line) => line !== null);
  lines.push(...more.map((line) => escapeMarkdown(line)), ...linkLines(task, "Open incidents"));
  return [...lines, digestMarkerLine(task)].join("\n\n");
}

function linkLines(task: Pick<DeliveryTask, "link">, label: string): string[] {
  const link = linkOf(task);
  if (link === null) return [];
  return [`[${label}](${link.replace(/[()<>\s]/gu, encodeURIComponent)})`];
}

/** What is told of Tracer itself. */
export function renderMarkdownNotice({ state, title, text }: Notice): string {
  const lead = state === "over" ? "✅ **RESOLVED" : "🚨 **CRITICAL";
  return `${lead} ${escapeMarkdown(title)}**\n\n${escapeMarkdown(text)}`;
}

function numberLines(task: DeliveryTask, facts: Facts, resolved: boolean): string[] {
  const where = `service ${codeMarkdown(facts.service)} · environment ${codeMarkdown(facts.environment)}`;
  const since = `since ${isoText(task.incident.openedAt)}`;
  if (resolved) {
    const until = isoText(task.incident.resolvedAt ?? task.incident.lastSeenAt);
    return [`${where} · ${since} until ${until} · ${facts.closeReason}`];
  }
  const seen = `${where} · ${since} · seen ${facts.occurrences}×`;
  const numbers: string[] = [];
  if (facts.numbers !== null) {
    const { ratio, band, z, ewma, rateOfChange } = facts.numbers;
    numbers.push(`ratio ${ratio}`, `usually ${band}`, `z ${z}`, `EWMA ${ewma}`);
    numbers.push(`rate of change ${rateOfChange}`);
  }
  if (facts.proof !== null) {
    numbers.push(`evidence ${facts.proof.evidence}`, `from ${facts.proof.sampleSize}`);
  }
  return numbers.length === 0 ? [seen] : [escapeMarkdown(numbers.join(" · ")), seen];
}

/**
 * Hostile text in Markdown: punctuation is escaped with backslashes; `<`, `>`, `@`, `&` and link beginnings are
 * replaced by look-alikes, because what Slack makes of them behind a backslash is not written anywhere.
 */
export function escapeMarkdown(text: string, charsMax = LINE_CHARS_MAX): string {
  return clipPieces(defuse(unlink(flatten(text))), charsMax, (point) =>
    /[\\`*_{}[\]()#+!|~$^=]/u.test(point) ? `\\${point}` : point,
  );
}

/** Hostile text in a code span of Markdown. A backslash is itself there, but before the end nobody may doubt it. */
export function codeMarkdown(text: string): string {
  const inside = clipPieces(defuse(flatten(text)), CODE_CHARS_MAX, (point) => point);
  const safe = inside.replaceAll("`", "ˋ").replace(/\\$/u, "＼");
  return `\`${safe || " "}\``;
}

function defuse(text: string): string {
  return text.replaceAll("<", "‹").replaceAll(">", "›").replaceAll("@", "＠").replaceAll("&", "＆");
}
