import {
  CRITICAL_ERROR_SHARE_MIN,
  clip,
  type DeliveryTask,
  endingText,
  exemplarText,
  flatten,
  formatDuration,
  formatNumber,
  formatQuantity,
  formatRatio,
  formatTemplateRates,
  type Incident,
  NO_NUMBER,
  redact,
  SEVERITIES,
  type Severity,
  severityRank,
  sparklineText,
  TEMPLATES_MAX,
  type Undelivered,
} from "@tracer/core";
import { triageLines } from "./triage/note.ts";

/** Example lines in one message. */
export const EXEMPLARS_MAX = 3;
/** As long as in the incident's title, so that the title is recognised as naming the service. */
const NAME_CHARS_MAX = 80;
const TITLE_CHARS_MAX = 200;
/** The hash of a commit fits. */
const VERSION_CHARS_MAX = 40;
const SENTENCE_CHARS_MAX = 400;
const REASON_CHARS_MAX = 200;
const TEMPLATE_CHARS_MAX = 160;
/** e^9.2 is about 9,900: beyond it a change is only "very large". */
const LOG_CHANGE_MAX = 9.2;

/**
 * What an alert says, as plain flat text and in one place, so that every channel says the same. Nothing is
 * escaped yet; every number is text already.
 */
export interface Facts {
  readonly severity: string;
  readonly emoji: string;
  readonly service: string;
  readonly environment: string;
  /** Kind and part, such as `volume drop`. */
  readonly kind: string;
  /** "checkout-api: error rate spike". */
  readonly headline: string;
  /** The first line of everything: enough for a locked screen. */
  readonly lockLine: string;
  readonly sentence: string;
  /** What else people should know of an open incident, a short line each: that it is flapping, the deploy before it, what a model makes of it. */
  readonly notes: readonly string[];
  /** What was seen against what was expected, in a few words; the sentence where there are no numbers. */
  readonly versus: string;
  /** Null for `pipeline` and `template`: there is nothing to compare with, and the sentence says it all. */
  readonly numbers: FactNumbers | null;
  /** How sure it is, and of how much; null where no evidence was weighed. */
  readonly proof: Proof | null;
  readonly sparkline: string;
  readonly sparklineSpan: string;
  /** The kinds of message that came most since the onset, and how often they came. */
  readonly templates: readonly { readonly rates: string; readonly text: string }[];
  readonly exemplars: readonly string[];
  readonly occurrences: string;
  /** How long it has been, or was, open. */
  readonly openFor: string;
  readonly closeReason: string;
  /** On the fall-back channel: why it came here. */
  readonly undelivered: string | null;
  /** The other incidents of the group, a line each, the worst that are open first. */
  readonly others: readonly string[];
  /** Services of the group; empty where there is only one. */
  readonly affected: readonly string[];
}

/** "14.3 of 11 nats" and "412 records". */
export interface Proof {
  readonly evidence: string;
  readonly sampleSize: string;
}

/** The numbers behind a decision, as text. */
export interface FactNumbers {
  readonly observed: string;
  readonly expected: string;
  readonly band: string;
  readonly ratio: string;
  readonly z: string;
  readonly ewma: string;
  readonly rateOfChange: string;
  readonly baselineAge: string;
  /** The most extreme that was seen, such as "12.4 %". */
  readonly peak: string;
  /** The same with its word: "peak 12.4 %", or "lowest 3/min" for a drop. */
  readonly worst: string;
}

export function severityWord(severity: Severity): string {
  return severity.toUpperCase();
}

export function factsOf(task: DeliveryTask): Facts {
  const { incident, action } = task;
  const { evidence } = incident;
  const service = clip(flatten(incident.service), NAME_CHARS_MAX) || NO_NUMBER;
  const headline = headlineOf(incident);
  const openFor = openDuration(incident);
  const resolved = incident.state === "resolved" || action === "resolve";
  const isCompared = incident.kind !== "pipeline" && incident.kind !== "template";
  const numbers = isCompared ? numbersOf(incident) : null;
  const sentence = clip(flatten(redact(evidence.sentence)), SENTENCE_CHARS_MAX);
  const versus = numbers === null ? lowerFirst(sentence) : versusText(incident, numbers);
  const lead = action === "test" ? "TEST " : "";
  const others = (task.group?.length ?? 1) - 1;
  const more = others === 0 ? "" : ` (and ${others} more)`;
  return {
    severity: severityWord(incident.severity),
    emoji: resolved ? "✅" : EMOJI[incident.severity],
    service,
    environment: clip(flatten(incident.environment), NAME_CHARS_MAX) || NO_NUMBER,
    kind: clip(flatten(`${incident.kind} ${incident.part}`), NAME_CHARS_MAX),
    headline,
    lockLine: resolved
      ? `RESOLVED ${headline}${more} – after ${openFor}${worstText(numbers)}`
      : `${lead}${severityWord(incident.severity)} ${headline}${more} – ${versus}`,
    sentence,
    notes: resolved ? [] : notesOf(incident),
    versus,
    numbers,
    proof: incident.kind === "pipeline" || evidence.bar === 0 ? null : proofOf(incident),
    sparkline: sparklineText(evidence.sparkline.slice(-SPARKLINE_MAX)),
    sparklineSpan: `last ${Math.min(evidence.sparkline.length, SPARKLINE_MAX)} min`,
    templates: (resolved ? [] : (evidence.templates ?? []))
      .slice(0, TEMPLATES_MAX)
      .map((each) => ({
        rates: formatTemplateRates(each),
        text: clip(exemplarText(each.text), TEMPLATE_CHARS_MAX),
      }))
      .filter(({ text }) => text !== ""),
    exemplars: incident.exemplars
      .slice(0, EXEMPLARS_MAX)
      .map(exemplarText)
      .filter((line) => line !== ""),
    occurrences: formatNumber(incident.occurrences),
    openFor,
    closeReason: closeWords(incident),
    undelivered: undeliveredText(task.undelivered),
    ...groupFacts(task),
  };
}

const OTHER_CHARS_MAX = 110;

function groupFacts({ group = [], incident }: DeliveryTask): Pick<Facts, "others" | "affected"> {
  const others = group
    .map((member) => member.incident)
    .filter(({ id }) => id !== incident.id)
    .toSorted((one, other) => rankOf(other) - rankOf(one));
  const names = group.map((member) => clip(flatten(member.incident.service), NAME_CHARS_MAX));
  const services = [...new Set(names)];
  return {
    others: others.map(otherText),
    affected: services.length > 1 ? services.map((name) => name || NO_NUMBER) : [],
  };
}

/** Open before resolved, then by severity. */
function rankOf({ state, severity }: Incident): number {
  return (state === "open" ? SEVERITIES.length : 0) + severityRank(severity);
}

function otherText(incident: Incident): string {
  const headline = clip(headlineOf(incident), OTHER_CHARS_MAX);
  if (incident.state === "resolved") {
    return `✅ ${headline}, resolved after ${openDuration(incident)}`;
  }
  return `${EMOJI[incident.severity]} ${headline}`;
}

/** "checkout-api: error rate spike". */
function headlineOf({ service, title }: Incident): string {
  const name = clip(flatten(service), NAME_CHARS_MAX) || NO_NUMBER;
  const text = clip(flatten(redact(title)), TITLE_CHARS_MAX);
  return text.startsWith(`${name}:`) || text.startsWith(`${name} `) ? text : `${name}: ${text}`;
}

/** Why the fall-back channel gets something; null where it is not about that. */
export function undeliveredText(undelivered: Undelivered | undefined): string | null {
  if (undelivered === undefined) return null;
  const channel = clip(flatten(undelivered.channel), NAME_CHARS_MAX);
  const reason = clip(flatten(redact(undelivered.reason)), REASON_CHARS_MAX);
  return `could not be delivered to ${channel}: ${reason}`;
}

const SPARKLINE_MAX = 30;

const FLAPPING =
  "Flapping: opened 3 times within an hour; stays open until it is calm for 15 minutes";

function notesOf(incident: Incident): string[] {
  return [...circumstancesOf(incident), ...triageLines(incident.triage)];
}

function circumstancesOf({ flapping, deploy, openedAt }: Incident): string[] {
  const notes = flapping ? [FLAPPING] : [];
  if (deploy === null) return notes;
  const [from, to] = [unixSeconds(deploy.at), unixSeconds(openedAt)];
  const version = clip(flatten(deploy.version), VERSION_CHARS_MAX) || NO_NUMBER;
  const before = from === null || to === null ? "" : `, ${formatDuration(to - from)} before`;
  return [...notes, `Deploy ${version}${before}`];
}

const EMOJI = { critical: "🚨", error: "🔴", warning: "🟠", info: "🔵" } as const;

const CLOSE_WORDS = {
  quiet: "not seen any more",
  clear: "back to normal",
  manual: "resolved by hand",
  superseded: "followed by a new incident",
} as const;

function closeWords({ closeReason, evidence: { ending } }: Incident): string {
  const isCleared = closeReason === null || closeReason === "clear";
  return isCleared && ending !== undefined
    ? endingText(ending)
    : CLOSE_WORDS[closeReason ?? "clear"];
}

/** Unix seconds of an ISO time; null when it cannot be read. */
export function unixSeconds(iso: string | null): number | null {
  const ms = iso === null ? Number.NaN : Date.parse(iso);
  return Number.isFinite(ms) ? Math.floor(ms / 1000) : null;
}

/** An ISO time that was really one, in UTC to the second: it goes into messages unescaped. */
export function isoText(iso: string | null): string {
  const seconds = unixSeconds(iso);
  return seconds === null ? NO_NUMBER : new Date(seconds * 1000).toISOString().replace(".000", "");
}

function openDuration(incident: Incident): string {
  const from = unixSeconds(incident.openedAt);
  const to = unixSeconds(incident.resolvedAt ?? incident.lastSeenAt);
  return formatDuration(from === null || to === null ? null : to - from);
}

function numbersOf({ part, evidence }: Incident): FactNumbers {
  const { unit } = evidence;
  const peak = formatQuantity(evidence.peak, unit);
  return {
    observed: formatQuantity(evidence.observed, unit),
    expected: formatQuantity(evidence.expected, unit),
    band: `${formatQuantity(evidence.expectedLow, unit)} to ${formatQuantity(evidence.expectedHigh, unit)}`,
    ratio: formatRatio(evidence.ratio),
    z: formatNumber(evidence.z),
    ewma: formatQuantity(evidence.ewma, unit),
    rateOfChange: changeText(evidence.rateOfChange),
    baselineAge: formatDuration(evidence.baselineAgeSeconds),
    peak,
    worst: `${part === "drop" ? "lowest" : "peak"} ${peak}`,
  };
}

function proofOf({ evidence: { evidence, bar, sampleSize } }: Incident): Proof {
  return {
    evidence: `${formatNumber(evidence)} of ${formatNumber(bar)} nats`,
    sampleSize: `${formatNumber(sampleSize)} record${sampleSize === 1 ? "" : "s"}`,
  };
}

/** "12.4 % vs 0.6 % expected". What made errors critical is said, too, when it is not what is seen now. */
function versusText({ kind, severity, evidence }: Incident, numbers: FactNumbers): string {
  const { observed, expected, peak } = numbers;
  const worse =
    kind === "error" &&
    severity === "critical" &&
    evidence.observed < CRITICAL_ERROR_SHARE_MIN &&
    evidence.peak >= CRITICAL_ERROR_SHARE_MIN;
  return `${observed}${worse ? ` (up to ${peak})` : ""} vs ${expected} expected`;
}

/** ", peak 12.4 %", for the end of an incident. */
export function worstText(numbers: FactNumbers | null): string {
  return numbers === null ? "" : `, ${numbers.worst}`;
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}

/** A logarithmic change as a factor: "3.3× of the minute before". */
function changeText(logChange: number | null): string {
  if (logChange === null || !Number.isFinite(logChange)) return NO_NUMBER;
  if (logChange > LOG_CHANGE_MAX) return "over 9,999×";
  if (logChange < -LOG_CHANGE_MAX) return "under 0.0001×";
  return `${formatNumber(Math.exp(logChange))}×`;
}
