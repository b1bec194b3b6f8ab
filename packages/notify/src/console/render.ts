import { clip, type DeliveryTask, type DigestTask, flatten, type Severity } from "@tracer/core";
import type { Notice } from "../channel.ts";
import { digestFactsOf } from "../digest-facts.ts";
import { type Facts, factsOf, isoText, worstText } from "../facts.ts";

const COLUMNS_MAX = 78;
const LINK_CHARS_MAX = 500;

type Paint = (text: string, code: string) => string;

const CODES = {
  bold: "1",
  dim: "2",
  green: "32",
  severity: { critical: "1;31", error: "31", warning: "33", info: "36" } satisfies Record<
    Severity,
    string
  >,
} as const;

/** The alert as a card for a terminal, shaped like the Slack message: a bar at the left, no right border. */
export function renderConsole(task: DeliveryTask, { color = false } = {}): string {
  const paint: Paint = color ? (text, code) => `\u001b[${code}m${text}\u001b[0m` : (text) => text;
  const facts = factsOf(task);
  const resolved = task.incident.state === "resolved" || task.action === "resolve";
  const tone = resolved ? CODES.green : CODES.severity[task.incident.severity];
  const bar = paint("┃", tone);
  const lines = [heading(task, facts, resolved), ...body(task, facts, resolved, paint)];
  const [first = "", ...rest] = lines;
  const card = [paint(first, resolved ? CODES.green : `1;${tone.replace("1;", "")}`), ...rest];
  return `\n${card.map((line) => (line === "" ? bar : `${bar} ${line}`)).join("\n")}\n\n`;
}

/** Incidents that a card names; the page has them all. */
const NAMED_MAX = 20;

/** A digest as a card: its counts, the most urgent by name, and the rest counted. */
export function renderConsoleDigest(task: DigestTask, { color = false } = {}): string {
  const paint: Paint = color ? (text, code) => `\u001b[${code}m${text}\u001b[0m` : (text) => text;
  const facts = digestFactsOf(task);
  const isFiring = task.entries.some(({ action }) => action !== "resolve");
  const tone = isFiring ? CODES.severity.critical : CODES.green;
  const lines = facts.named.slice(0, NAMED_MAX).flatMap((name) => wrap(name, "• "));
  for (const more of [facts.rest(Math.min(NAMED_MAX, facts.named.length)), facts.undelivered]) {
    if (more !== null) lines.push(...wrap(more));
  }
  lines.push("", paint(task.id, CODES.dim), clip(flatten(task.link), LINK_CHARS_MAX));
  const bar = paint("┃", tone);
  const card = [paint(`${facts.emoji} ${facts.lockLine}`, tone), ...lines];
  return `\n${card.map((line) => (line === "" ? bar : `${bar} ${line}`)).join("\n")}\n\n`;
}

/** What is told of Tracer itself, as a card of the same shape. */
export function renderConsoleNotice(
  { state, title, text }: Notice,
  { color = false } = {},
): string {
  const paint: Paint = color ? (part, code) => `\u001b[${code}m${part}\u001b[0m` : (part) => part;
  const tone = state === "over" ? CODES.green : CODES.severity.critical;
  const bar = paint("┃", tone);
  const lead = state === "over" ? "✅ RESOLVED" : "🚨 CRITICAL";
  const lines = [paint(`${lead}  ${flatten(title)}`, tone), ...wrap(flatten(text))];
  return `\n${lines.map((line) => `${bar} ${line}`).join("\n")}\n\n`;
}

function heading(task: DeliveryTask, facts: Facts, resolved: boolean): string {
  if (resolved) return `✅ RESOLVED  ${facts.headline}`;
  const lead = LEADS[task.action];
  return `${facts.emoji} ${lead}${facts.severity}  ${facts.headline}`;
}

const LEADS: Readonly<Record<DeliveryTask["action"], string>> = {
  open: "",
  edit: "",
  resolve: "",
  test: "TEST ",
  escalate: "ESCALATED TO ",
  repeat: "STILL OPEN, ",
};

function body(task: DeliveryTask, facts: Facts, resolved: boolean, paint: Paint): string[] {
  const { incident } = task;
  const dim = (text: string) => paint(text, CODES.dim);
  const lines: string[] = [];
  if (resolved) {
    lines.push(`after ${facts.openFor}, ${facts.closeReason}${worstText(facts.numbers)}`);
  } else {
    lines.push(...wrap(facts.sentence), ...facts.notes.flatMap((note) => wrap(note)));
  }
  if (facts.sparkline !== "") lines.push(`${facts.sparkline}  ${dim(facts.sparklineSpan)}`);
  lines.push("");
  const label = (name: string, value: string) => `${dim(name.padEnd(14))} ${value}`;
  if (!resolved && facts.numbers !== null) {
    const { observed, expected, band, ratio, z, ewma, rateOfChange } = facts.numbers;
    lines.push(label("observed", `${observed}  (${ratio})`));
    lines.push(label("expected", `${expected}, usually ${band}`));
    lines.push(label("deviation", `z ${z} · EWMA ${ewma} · rate of change ${rateOfChange}`));
  }
  if (!resolved && facts.proof !== null) {
    lines.push(label("evidence", `${facts.proof.evidence}, from ${facts.proof.sampleSize}`));
  }
  lines.push(label("since", isoText(incident.openedAt)));
  if (resolved) lines.push(label("until", isoText(incident.resolvedAt ?? incident.lastSeenAt)));
  lines.push(label("environment", facts.environment));
  if (facts.templates.length > 0) {
    const width = Math.max(...facts.templates.map(({ rates }) => rates.length));
    const told = facts.templates.flatMap(({ rates, text }) =>
      wrap(text, `${rates.padStart(width)}  `),
    );
    lines.push("", dim("messages since then"), ...told);
  }
  if (!resolved && facts.exemplars.length > 0) {
    lines.push("", ...facts.exemplars.flatMap((line) => wrap(line, "› ")));
  }
  if (facts.undelivered !== null) lines.push("", ...wrap(facts.undelivered));
  lines.push("", dim(`${incident.id} · ${facts.kind} · seen ${facts.occurrences}×`));
  lines.push(clip(flatten(task.link), LINK_CHARS_MAX));
  return lines;
}

/** Breaks a flat text at blanks; a word longer than a line is cut. */
function wrap(text: string, lead = ""): string[] {
  const lines: string[] = [];
  let line = lead;
  const indent = " ".repeat(lead.length);
  for (const word of text.split(" ")) {
    let rest = word;
    const room = COLUMNS_MAX - line.length;
    if (line.length > indent.length && rest.length + 1 > room) {
      lines.push(line);
      line = indent;
    }
    while (rest.length > COLUMNS_MAX - indent.length) {
      const head = clip(rest, COLUMNS_MAX - indent.length).slice(0, -1);
      if (head === "") break;
      lines.push(indent + head);
      rest = rest.slice(head.length);
    }
    const gap = line.length > indent.length && !line.endsWith(" ") ? " " : "";
    line += gap + rest;
  }
  return [...lines, line];
}
