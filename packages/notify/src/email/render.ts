import { createHash } from "node:crypto";
import { clip, type DeliveryTask, type DigestTask, flatten } from "@tracer/core";
import type { Notice } from "../channel.ts";
import { digestFactsOf } from "../digest-facts.ts";
import { type Facts, factsOf, isoText } from "../facts.ts";
import { clipPieces, unlink } from "../slack/escape.ts";
import { isResolved, linkOf, MAYBE_REPEAT } from "../slack/render.ts";

/** What a mail says. Both bodies say the same; the HTML one links to nothing but Tracer's own page. */
export interface MailContent {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

const SUBJECT_CHARS_MAX = 200;
/** Of one paragraph, after escaping. */
const HTML_CHARS_MAX = 4_000;

/**
 * A mail in a thread has the subject of the first, or some programs show it elsewhere; so the first says how
 * grave it was then, and what has changed stands in the text.
 */
export function renderMail(
  task: DeliveryTask,
  { maybeRepeat = false } = {},
): MailContent & { readonly lead: string } {
  const facts = factsOf(task);
  const resolved = isResolved(task) && task.action !== "test";
  const repeat = maybeRepeat ? ` (${MAYBE_REPEAT})` : "";
  const test = task.action === "test" ? "TEST " : "";
  const subject = clip(`${test}[${facts.severity}] ${facts.headline}`, SUBJECT_CHARS_MAX);
  const lead = `${leadOf(task, facts)}${repeat}`;
  const lines = [
    ...(resolved ? [] : [facts.sentence]),
    ...facts.notes,
    ...numberLines(task, facts, resolved),
    ...(facts.undelivered === null ? [] : [facts.undelivered]),
  ];
  const quoted = [
    ...facts.templates.map(({ rates, text }) => `${rates}: ${text}`),
    ...facts.exemplars,
  ];
  return { ...bodies({ subject, lead, lines, quoted, link: linkOf(task) }), lead };
}

/** Many changes in one mail. */
export function renderMailDigest(task: DigestTask, { maybeRepeat = false } = {}): MailContent {
  const facts = digestFactsOf(task);
  const subject = clip(facts.lockLine, SUBJECT_CHARS_MAX);
  const rest = [facts.rest(facts.named.length), facts.undelivered].filter((line) => line !== null);
  const lead = maybeRepeat ? `${facts.lockLine} (${MAYBE_REPEAT})` : facts.lockLine;
  return bodies({ subject, lead, lines: rest, quoted: facts.named, link: linkOf(task) });
}

/** Something about Tracer itself. */
export function renderMailNotice({ state, title, text }: Notice): MailContent {
  const subject = clip(`[CRITICAL] ${flatten(title)}`, SUBJECT_CHARS_MAX);
  const lead = state === "over" ? `RESOLVED ${flatten(title)}` : `CRITICAL ${flatten(title)}`;
  return bodies({ subject, lead, lines: [flatten(text)], quoted: [], link: null });
}

/**
 * The same on every attempt: a program that has the mail already may know it by this. `name` may hold anything;
 * only its hash is used.
 */
export function messageIdOf(name: string, domain: string): string {
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 32);
  return `<tracer.${hash}@${domain}>`;
}

function leadOf({ action, incident }: DeliveryTask, facts: Facts): string {
  if (action === "escalate") return `ESCALATED: ${facts.lockLine}`;
  if (action === "repeat") return `STILL OPEN after ${facts.openFor}: ${facts.lockLine}`;
  if (incident.state === "resolved" || action === "resolve") {
    return `${facts.lockLine} (${facts.closeReason})`;
  }
  return facts.lockLine;
}

function numberLines({ incident }: DeliveryTask, facts: Facts, resolved: boolean): string[] {
  const where = `service ${facts.service}, environment ${facts.environment}`;
  const since = `since ${isoText(incident.openedAt)}`;
  if (resolved) {
    return [`${where}, ${since} until ${isoText(incident.resolvedAt ?? incident.lastSeenAt)}`];
  }
  const lines = [`${where}, ${since}, seen ${facts.occurrences} times`];
  if (facts.numbers === null) return lines;
  const { observed, expected, band, ratio, z } = facts.numbers;
  return [...lines, `${observed}, ${expected} expected (${band}), ratio ${ratio}, z ${z}`];
}

interface Parts {
  readonly subject: string;
  readonly lead: string;
  readonly lines: readonly string[];
  /** Lines of logs and names: shown as they are, in a box. */
  readonly quoted: readonly string[];
  readonly link: string | null;
}

/** What looks like a link or an address is broken: programs make links of bare text. */
function bodies({ subject, link, ...hostile }: Parts): MailContent {
  const lead = unlink(hostile.lead);
  const lines = hostile.lines.map(unlink);
  const quoted = hostile.quoted.map(unlink);
  const text = [
    lead,
    lines.join("\n"),
    quoted.map((line) => `  ${line}`).join("\n"),
    ...(link === null ? [] : [link]),
  ];
  const html = [
    `<p><strong>${escapeHtml(lead)}</strong></p>`,
    ...lines.map((line) => `<p>${escapeHtml(line)}</p>`),
    ...(quoted.length === 0
      ? []
      : [`<pre>${quoted.map((line) => escapeHtml(line)).join("\n")}</pre>`]),
    ...(link === null ? [] : [`<p><a href="${escapeHtml(link)}">Open in Tracer</a></p>`]),
  ];
  return {
    subject: unlink(subject),
    text: `${text.filter((part) => part !== "").join("\n\n")}\n`,
    html: `<!doctype html><meta charset="utf-8"><body>${html.join("")}</body>`,
  };
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Hostile text for HTML, also in attributes. */
export function escapeHtml(text: string, charsMax = HTML_CHARS_MAX): string {
  return clipPieces(text, charsMax, (point) => ENTITIES[point] ?? point);
}
