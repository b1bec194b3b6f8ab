import {
  clip,
  type DeliveryAction,
  type DigestEntry,
  type DigestTask,
  flatten,
  formatNumber,
  NO_NUMBER,
  redact,
} from "@tracer/core";
import { severityWord, undeliveredText } from "./facts.ts";

/** Incidents that one digest names, whatever room a channel has. */
export const NAMED_MAX = 100;
const NAME_CHARS_MAX = 80;
const TITLE_CHARS_MAX = 120;
/** Kinds and services that the line about the rest counts one by one. */
const COUNTED_MAX = 5;

/** What a digest says, as plain flat text; nothing is escaped yet. */
export interface DigestFacts {
  /** "Storm: 4,213 incidents opened (12 critical), 310 resolved". */
  readonly lockLine: string;
  readonly emoji: string;
  /** One line for each of the most urgent, critical first. */
  readonly named: readonly string[];
  /** Counts those from the `from`-th on; null when there are none. */
  readonly rest: (from: number) => string | null;
  readonly undelivered: string | null;
}

export function digestFactsOf(task: DigestTask): DigestFacts {
  const { entries } = task;
  const firing = entries.filter(({ action }) => action !== "resolve");
  return {
    lockLine: `Storm: ${countsText(entries)}`,
    emoji: firing.length === 0 ? "✅" : "🌩️",
    named: entries.slice(0, NAMED_MAX).map(nameOf),
    rest: (from) => restText(entries.slice(from)),
    undelivered: undeliveredText(task.undelivered),
  };
}

/** How the changes of one action are counted. */
const COUNTED: Readonly<Record<DeliveryAction, string>> = {
  open: "opened",
  escalate: "escalated",
  repeat: "still open",
  edit: "changed",
  test: "tested",
  resolve: "resolved",
};

function countsText(entries: readonly DigestEntry[]): string {
  const byAction = Map.groupBy(entries, ({ action }) => action);
  const parts: string[] = [];
  for (const action of ORDER) {
    const these = byAction.get(action);
    if (these === undefined) continue;
    const noun = parts.length > 0 ? "" : these.length === 1 ? "incident " : "incidents ";
    const critical = these.filter(({ severity }) => severity === "critical").length;
    const grave =
      critical === 0 || action === "resolve" ? "" : ` (${formatNumber(critical)} critical)`;
    parts.push(`${formatNumber(these.length)} ${noun}${COUNTED[action]}${grave}`);
  }
  return parts.join(", ");
}

const ORDER = ["open", "escalate", "repeat", "edit", "test", "resolve"] as const;

const LEADS: Readonly<Record<DeliveryAction, string>> = {
  open: "",
  escalate: "ESCALATED TO ",
  repeat: "STILL OPEN, ",
  edit: "",
  test: "TEST ",
  resolve: "RESOLVED, was ",
};

function nameOf({ action, severity, service, title }: DigestEntry): string {
  const name = serviceOf(service);
  const said = clip(flatten(redact(title)), TITLE_CHARS_MAX);
  const headline = said.startsWith(`${name}:`) || said.startsWith(`${name} `);
  return `${LEADS[action]}${severityWord(severity)} ${headline ? said : `${name}: ${said}`}`;
}

function serviceOf(service: string): string {
  return clip(flatten(service), NAME_CHARS_MAX) || NO_NUMBER;
}

function restText(entries: readonly DigestEntry[]): string | null {
  if (entries.length === 0) return null;
  const what = ({ action, kind, part }: DigestEntry) =>
    `${clip(flatten(kind === "template" ? kind : `${kind} ${part}`), NAME_CHARS_MAX).trim()}${action === "open" ? "" : ` ${COUNTED[action]}`}`;
  const kinds = counted(entries, what);
  const services = counted(entries, ({ service }) => serviceOf(service));
  return `… and ${formatNumber(entries.length)} more: ${kinds} · in ${services}`;
}

/** "3,900 error, 200 volume drop, 12 others", most frequent first. */
function counted(entries: readonly DigestEntry[], nameOf: (entry: DigestEntry) => string): string {
  const groups = [...Map.groupBy(entries, nameOf)].sort(
    ([a, these], [b, those]) => those.length - these.length || (a < b ? -1 : 1),
  );
  const shown = groups.slice(0, COUNTED_MAX);
  const texts = shown.map(([name, these]) => `${formatNumber(these.length)} ${name}`);
  const others = groups.slice(COUNTED_MAX).reduce((sum, [, these]) => sum + these.length, 0);
  if (others > 0) texts.push(`${formatNumber(others)} others`);
  return texts.join(", ");
}
