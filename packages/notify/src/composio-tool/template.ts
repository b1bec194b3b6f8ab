import { clip, type DeliveryTask, flatten, redact } from "@tracer/core";
import { escapeMarkdown } from "../composio/render.ts";
import { escapeHtml } from "../email/render.ts";
import { factsOf, isoText } from "../facts.ts";
import { clipPieces, unlink } from "../slack/escape.ts";
import { isResolved, linkOf, MAYBE_REPEAT } from "../slack/render.ts";

/** What a tool is given: text may hold `{{placeholders}}`, everything else goes as it is. */
export type Argument =
  | string
  | number
  | boolean
  | null
  | readonly Argument[]
  | { readonly [key: string]: Argument };

export type Arguments = { readonly [key: string]: Argument };

/** How the receiving side reads text: hostile text is escaped accordingly. */
export const TEXT_FORMATS = ["text", "markdown", "html"] as const;
export type TextFormat = (typeof TEXT_FORMATS)[number];

/** Every placeholder but those of `kept.`, which a channel names itself. */
export const PLACEHOLDERS = [
  ...["title", "summary", "sentence", "change", "severity", "state", "service", "environment"],
  ...["project", "kind", "notes", "numbers", "templates", "examples", "occurrences", "duration"],
  ...["since", "until", "id", "link"],
] as const;
export type Placeholder = (typeof PLACEHOLDERS)[number];

export type Values = Readonly<Record<Placeholder, string>>;

/** Of one text after escaping, UTF-16 units. */
export const TEXT_CHARS_MAX = 8_000;
export const DEPTH_MAX = 8;
/** A severity before it and a mark behind it fit into the 255 characters of many a title. */
const TITLE_CHARS_MAX = 200;

const HOLE = /\{\{\s*(?<name>[a-z_.]+)\s*\}\}/gu;

/** What an incident puts into the holes, as flat redacted text; nothing is escaped yet. */
export function valuesOf(task: DeliveryTask, { maybeRepeat = false } = {}): Values {
  const { incident, action } = task;
  const facts = factsOf(task);
  const resolved = isResolved(task);
  const test = action === "test" ? "TEST " : "";
  const repeat = maybeRepeat ? ` (${MAYBE_REPEAT})` : "";
  const numbers = facts.numbers;
  return {
    title: `${test}${clip(facts.headline, TITLE_CHARS_MAX)}${repeat}`,
    summary: `${facts.lockLine}${repeat}`,
    sentence: facts.sentence,
    change: changeText(task, facts.openFor),
    severity: facts.severity.toLowerCase(),
    state: resolved ? "resolved" : "open",
    service: facts.service,
    environment: facts.environment,
    project: clip(flatten(incident.project), 80),
    kind: facts.kind,
    notes: facts.notes.join(" · "),
    numbers:
      numbers === null
        ? ""
        : `${numbers.observed}, ${numbers.expected} expected (${numbers.band}), ratio ${numbers.ratio}, z ${numbers.z}`,
    templates: facts.templates.map(({ rates, text }) => `${rates}: ${text}`).join(" ⏎ "),
    examples: facts.exemplars.join(" ⏎ "),
    occurrences: facts.occurrences,
    duration: facts.openFor,
    since: isoText(incident.openedAt),
    until: incident.resolvedAt === null ? "" : isoText(incident.resolvedAt),
    id: incident.id,
    link: linkOf(task) ?? "",
  };
}

/** For a message that is not about one incident. */
export function plainValues(
  given: Pick<Values, "title" | "summary" | "severity" | "state" | "examples" | "link">,
): Values {
  const none = Object.fromEntries(PLACEHOLDERS.map((name) => [name, ""]));
  return { ...EMPTY, ...none, ...given, sentence: given.summary, change: given.summary };
}

const EMPTY: Values = {
  ...{ title: "", summary: "", sentence: "", change: "", severity: "", state: "", service: "" },
  ...{ environment: "", project: "", kind: "", notes: "", numbers: "", templates: "" },
  ...{ examples: "", occurrences: "", duration: "", since: "", until: "", id: "", link: "" },
};

function changeText({ action }: DeliveryTask, openFor: string): string {
  switch (action) {
    case "open":
      return "opened";
    case "test":
      return "tested";
    case "escalate":
      return "escalated";
    case "repeat":
      return `still open after ${openFor}`;
    case "edit":
      return "changed";
    case "resolve":
      return `resolved after ${openFor}`;
    default:
      return action satisfies never;
  }
}

export interface FillOptions {
  readonly values: Values;
  /** What earlier answers of the tool were kept for, by name. */
  readonly kept: Readonly<Record<string, string>>;
  readonly format: TextFormat;
  /** Of each text, after escaping. */
  readonly charsMax: number;
}

/** The arguments with their holes filled. Keys, and text outside of holes, stay as a person wrote them. */
export function fillArguments(template: Arguments, options: FillOptions): Record<string, unknown> {
  const filled = Object.entries(template).map(([key, value]) => [key, fill(value, options)]);
  return Object.fromEntries(filled);
}

function fill(template: Argument, options: FillOptions): unknown {
  if (typeof template === "string") return fillText(template, options);
  if (typeof template !== "object" || template === null) return template;
  if (Array.isArray(template)) return template.map((each: Argument) => fill(each, options));
  return Object.fromEntries(
    Object.entries(template).map(([key, value]) => [key, fill(value, options)]),
  );
}

/** The whole is clipped where its values are: what a person wrote after them stays. */
function fillText(template: string, options: FillOptions): string {
  const { values, kept, format } = options;
  const fixed = template.replace(HOLE, "").length;
  let left = Math.max(0, options.charsMax - fixed);
  return template.replace(HOLE, (_hole, name: string) => {
    const known = nameOf(name, values);
    const piece =
      known === null ? keptValue(name, kept) : escapeFor(known, { name, format, charsMax: left });
    left -= piece.length;
    return piece;
  });
}

function nameOf(name: string, values: Values): string | null {
  const known = PLACEHOLDERS.find((each) => each === name);
  return known === undefined ? null : values[known];
}

/** An id of the provider's, of a form that was checked when it was kept: it has to come back as it was. */
function keptValue(name: string, kept: Readonly<Record<string, string>>): string {
  return name.startsWith("kept.") ? (kept[name.slice("kept.".length)] ?? "") : "";
}

interface EscapeOptions {
  readonly name: string;
  readonly format: TextFormat;
  readonly charsMax: number;
}

function escapeFor(text: string, { name, format, charsMax }: EscapeOptions): string {
  // Ours, and of a form that was checked: only what would end an attribute is taken from it.
  if (name === "link") return text.length <= charsMax ? text.replace(/["'<>()\s]/gu, percent) : "";
  // Whoever reads it next may fill holes, too; and `<!channel>` is a mention to some who read plain text.
  const flat = unlink(flatten(redact(text))).replaceAll("{{", "｛｛");
  switch (format) {
    case "text":
      return clipPieces(flat.replaceAll("<", "‹").replaceAll(">", "›"), charsMax, (point) => point);
    case "markdown":
      return escapeMarkdown(flat, charsMax);
    case "html":
      return escapeHtml(flat, charsMax);
    default:
      return format satisfies never;
  }
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}

/** Names in the holes of a template, of all its texts. */
export function holesOf(template: Argument): string[] {
  if (typeof template === "string") {
    return [...template.matchAll(HOLE)].map((match) => match.groups?.["name"] ?? "");
  }
  if (typeof template !== "object" || template === null) return [];
  return Object.values(template).flatMap(holesOf);
}

/** True when a key of the template holds a hole, or something that looks like one: keys are never filled. */
export function hasHoleInKey(template: Argument): boolean {
  if (typeof template !== "object" || template === null) return false;
  if (Array.isArray(template)) return template.some((each: Argument) => hasHoleInKey(each));
  return Object.entries(template).some(([key, value]) => key.includes("{{") || hasHoleInKey(value));
}
