import {
  clip,
  type DigestEntry,
  flatten,
  type Incident,
  SEVERITIES,
  type Severity,
  severityRank,
} from "@tracer/core";
import type { Notice } from "../channel.ts";
import { factsOf, isoText } from "../facts.ts";
import { linkOf } from "../slack/render.ts";

const LABEL_CHARS_MAX = 200;
const ANNOTATION_CHARS_MAX = 1_000;
/** An alert that nobody repeats is over for Alertmanager after this. */
export const ALERT_MS = 4 * 60_000;

/** As Alertmanager's API takes it. Its labels are its identity. */
export interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL?: string;
}

type Named = Pick<DigestEntry, "service" | "environment" | "kind" | "part" | "severity">;

/**
 * What an alert is recognised by: nothing that changes while the incident is open, but for its severity, which routes
 * need. An escalation so is another alert, and the one before it is ended with it.
 */
export function labelsOf({ service, environment, kind, part, severity }: Named) {
  const named = {
    alertname: `Tracer${kind.slice(0, 1).toUpperCase()}${kind.slice(1)}`,
    service: labelText(service),
    environment: labelText(environment),
    kind,
    part: labelText(part),
    severity,
    source: "tracer",
  };
  // An empty label is none, for Alertmanager.
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== ""));
}

export interface AlertOptions {
  readonly link: string;
  /** Ms since the epoch. */
  readonly nowMs: number;
}

/** An incident that is open: firing until ALERT_MS from now, unless it is said again. */
export function firingAlert(incident: Incident, options: AlertOptions): Alert {
  const { link, nowMs } = options;
  return alertOf(incident, { link, endsMs: nowMs + ALERT_MS });
}

/** The alert of the incident under a severity, over as of now. */
export function endedAlert(
  incident: Incident,
  { link, nowMs, severity }: AlertOptions & { readonly severity: Severity },
): Alert {
  return alertOf({ ...incident, severity }, { link, endsMs: nowMs });
}

/** Severities from what was told first up to what is now, without it. */
export function formerSeverities(first: string | undefined, now: Severity): Severity[] {
  const from = SEVERITIES.find((each) => each === first);
  if (from === undefined) return [];
  return SEVERITIES.filter(
    (each) => severityRank(each) >= severityRank(from) && severityRank(each) < severityRank(now),
  );
}

/** The alert that tells of Tracer itself; nobody repeats it, so it is Alertmanager that ends it. */
export function noticeAlert(
  { key, state, since, title, text }: Notice,
  nowMs: number,
  lastsMs: number,
): Alert {
  const begunMs = Math.min(Date.parse(since ?? "") || nowMs, nowMs);
  return {
    labels: { alertname: "Tracer", key: labelText(key), severity: "critical", source: "tracer" },
    annotations: { summary: annotationText(title), description: annotationText(text) },
    startsAt: new Date(begunMs).toISOString(),
    endsAt: new Date(state === "over" ? nowMs : nowMs + lastsMs).toISOString(),
  };
}

function alertOf(
  incident: Incident,
  { link: given, endsMs }: { readonly link: string; readonly endsMs: number },
): Alert {
  const facts = factsOf({ ...ANY_TASK, incident, link: given });
  const link = linkOf({ link: given });
  const openedMs = Date.parse(incident.openedAt);
  // Alertmanager refuses an alert that ends before it began; clocks may differ.
  const startsMs = Number.isFinite(openedMs) ? Math.min(openedMs, endsMs) : endsMs;
  const annotations = {
    summary: annotationText(facts.lockLine),
    description: annotationText([facts.sentence, ...facts.notes].join(" ")),
    since: isoText(incident.openedAt),
    occurrences: facts.occurrences,
    messages: annotationText(
      facts.templates.map(({ rates, text }) => `${rates}: ${text}`).join(" ⏎ "),
    ),
    examples: annotationText(facts.exemplars.join(" ⏎ ")),
    incident_id: incident.id,
  };
  return {
    labels: labelsOf(incident),
    annotations: Object.fromEntries(Object.entries(annotations).filter(([, text]) => text !== "")),
    startsAt: new Date(startsMs).toISOString(),
    endsAt: new Date(endsMs).toISOString(),
    ...(link === null ? {} : { generatorURL: link }),
  };
}

/** Facts are told of a delivery; here there is none. */
const ANY_TASK = {
  deliveryId: "",
  action: "open",
  seq: 0,
  receipt: null,
  uncertain: false,
  unknownEnds: 0,
  unknownMs: 0,
  attempts: 0,
} as const;

function labelText(text: string): string {
  return clip(flatten(text), LABEL_CHARS_MAX);
}

function annotationText(text: string): string {
  return clip(flatten(text), ANNOTATION_CHARS_MAX);
}
