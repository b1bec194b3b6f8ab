import {
  clip,
  type DeliveryTask,
  exemplarText,
  flatten,
  formatDuration,
  formatNumber,
  formatQuantity,
  formatRatio,
  type Incident,
  NO_NUMBER,
  redact,
  type Severity,
  sparklineText,
} from "@tracer/core";

/** Example lines in one message. */
export const EXEMPLARS_MAX = 3;
/** As long as in the incident's title, so that the title is recognised as naming the service. */
const NAME_CHARS_MAX = 80;
const TITLE_CHARS_MAX = 200;
const SENTENCE_CHARS_MAX = 400;
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
  readonly observed: string;
  readonly expected: string;
  readonly band: string;
  readonly ratio: string;
  readonly z: string;
  readonly ewma: string;
  readonly rateOfChange: string;
  readonly evidence: string;
  readonly sampleSize: string;
  readonly baselineAge: string;
  readonly peak: string;
  readonly sparkline: string;
  readonly sparklineSpan: string;
  readonly exemplars: readonly string[];
  readonly occurrences: string;
  /** How long it has been, or was, open. */
  readonly openFor: string;
  readonly closeReason: string;
}

export function severityWord(severity: Severity): string {
  return severity.toUpperCase();
}

export function factsOf(task: DeliveryTask): Facts {
  const { incident, action } = task;
  const { evidence } = incident;
  const { unit } = evidence;
  const service = clip(flatten(incident.service), NAME_CHARS_MAX) || NO_NUMBER;
  const title = clip(flatten(redact(incident.title)), TITLE_CHARS_MAX);
  const named = title.startsWith(`${service}:`) || title.startsWith(`${service} `);
  const headline = named ? title : `${service}: ${title}`;
  const observed = formatQuantity(evidence.observed, unit);
  const expected = formatQuantity(evidence.expected, unit);
  const openFor = openDuration(incident);
  const resolved = incident.state === "resolved" || action === "resolve";
  const versus = `${observed} vs ${expected} expected`;
  const lead = action === "test" ? "TEST " : "";
  return {
    severity: severityWord(incident.severity),
    emoji: resolved ? "✅" : EMOJI[incident.severity],
    service,
    environment: clip(flatten(incident.environment), NAME_CHARS_MAX) || NO_NUMBER,
    kind: clip(flatten(`${incident.kind} ${incident.part}`), NAME_CHARS_MAX),
    headline,
    lockLine: resolved
      ? `RESOLVED ${headline} – after ${openFor}, peak ${peakText(incident)}`
      : `${lead}${severityWord(incident.severity)} ${headline} – ${versus}`,
    sentence: clip(flatten(redact(evidence.sentence)), SENTENCE_CHARS_MAX),
    observed,
    expected,
    band: `${formatQuantity(evidence.expectedLow, unit)} to ${formatQuantity(evidence.expectedHigh, unit)}`,
    ratio: formatRatio(evidence.ratio),
    z: formatNumber(evidence.z),
    ewma: formatQuantity(evidence.ewma, unit),
    rateOfChange: changeText(evidence.rateOfChange),
    evidence: `${formatNumber(evidence.evidence)} of ${formatNumber(evidence.bar)} nats`,
    sampleSize: `${formatNumber(evidence.sampleSize)} records`,
    baselineAge: formatDuration(evidence.baselineAgeSeconds),
    peak: peakText(incident),
    sparkline: sparklineText(evidence.sparkline.slice(-SPARKLINE_MAX)),
    sparklineSpan: `last ${Math.min(evidence.sparkline.length, SPARKLINE_MAX)} min`,
    exemplars: incident.exemplars
      .slice(0, EXEMPLARS_MAX)
      .map(exemplarText)
      .filter((line) => line !== ""),
    occurrences: formatNumber(incident.occurrences),
    openFor,
    closeReason: CLOSE_WORDS[incident.closeReason ?? "clear"],
  };
}

const SPARKLINE_MAX = 30;

const EMOJI = { critical: "🚨", error: "🔴", warning: "🟠", info: "🔵" } as const;

const CLOSE_WORDS = {
  quiet: "not seen any more",
  clear: "back to normal",
  manual: "resolved by hand",
  superseded: "followed by a new incident",
} as const;

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

/** The most extreme value that was seen: the least for a drop, else the largest. */
function peakText({ part, evidence }: Incident): string {
  const values = [evidence.observed, ...evidence.sparkline].filter(
    (value) => value !== null && Number.isFinite(value),
  );
  if (values.length === 0) return NO_NUMBER;
  const extreme = values.reduce((worst, value) => {
    const further = part === "drop" ? (value ?? 0) < (worst ?? 0) : (value ?? 0) > (worst ?? 0);
    return further ? value : worst;
  });
  return formatQuantity(extreme, evidence.unit);
}

/** A logarithmic change as a factor: "3.3× of the minute before". */
function changeText(logChange: number | null): string {
  if (logChange === null || !Number.isFinite(logChange)) return NO_NUMBER;
  if (logChange > LOG_CHANGE_MAX) return "over 9,999×";
  if (logChange < -LOG_CHANGE_MAX) return "under 0.0001×";
  return `${formatNumber(Math.exp(logChange))}×`;
}
