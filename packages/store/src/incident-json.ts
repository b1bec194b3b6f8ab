import {
  type CloseReason,
  type DeployMark,
  ENDINGS,
  type Evidence,
  type EvidenceUnit,
  type Incident,
  type IncidentState,
  KINDS,
  LEVELS,
  SEVERITIES,
  type TemplateCount,
  TRIAGE_CONFIDENCES,
} from "@tracer/core";
import type { Row } from "./executor.ts";
import {
  asRow,
  booleanOf,
  listOf,
  numberOf,
  numberOrNull,
  objectOf,
  textOf,
  textOrNull,
  textsOf,
  wordOf,
} from "./row.ts";

export const INCIDENT_STATES: readonly IncidentState[] = ["open", "resolved"];
const CLOSE_REASONS: readonly CloseReason[] = ["quiet", "clear", "manual", "superseded"];
const UNITS: readonly EvidenceUnit[] = ["share", "records_per_minute", "milliseconds", "number"];

/** SQL of an instant as ISO 8601 in UTC, with milliseconds, as in JavaScript. */
export function isoSql(instant: string): string {
  return `to_char(${instant} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}

const SEVERITY_WORDS = SEVERITIES.map((severity) => `'${severity}'`).join(", ");

/**
 * SQL that makes a core `Incident` of a row of `incidents`. As of the row, or with its end written over
 * it, for a statement that closes the epoch. People read `openedAt` as "since when": it is the onset.
 */
export function incidentSql(
  row: string,
  end: { closedAt: string; reason: string } | null = null,
): string {
  const closedAt = end === null ? `${row}.closed_at` : end.closedAt;
  const reason = end === null ? `${row}.close_reason` : end.reason;
  const state = end === null ? `${row}.state` : "'resolved'";
  return `jsonb_build_object(
    'id', 'inc_' || ${row}.fingerprint || '-' || ${row}.epoch,
    'fingerprint', ${row}.fingerprint, 'epoch', ${row}.epoch,
    'project', ${row}.project, 'environment', ${row}.environment, 'service', ${row}.service,
    'kind', ${row}.kind, 'part', ${row}.part,
    'severity', (array[${SEVERITY_WORDS}])[${row}.severity + 1],
    'state', ${state},
    'openedAt', ${isoSql(`${row}.onset_at`)}, 'lastSeenAt', ${isoSql(`${row}.last_seen_at`)},
    'resolvedAt', ${isoSql(closedAt)}, 'closeReason', ${reason}::text,
    'occurrences', ${row}.occurrences, 'title', ${row}.title,
    'evidence', ${row}.evidence, 'exemplars', ${row}.exemplars,
    'flapping', ${row}.flapping, 'deploy', ${row}.deploy,
    'ackedAt', ${isoSql(`${row}.acked_at`)}, 'ackedBy', ${row}.acked_by,
    'triage', (select triaged.note from triages triaged
      where triaged.fingerprint = ${row}.fingerprint and triaged.epoch = ${row}.epoch))`;
}

/** Reads an incident that `incidentSql` wrote, by this version of Tracer or an earlier one. */
export function incidentOf(value: unknown): Incident {
  const row = asRow(value, "incident");
  return {
    id: textOf(row, "id"),
    fingerprint: textOf(row, "fingerprint"),
    epoch: numberOf(row, "epoch"),
    project: textOf(row, "project"),
    environment: textOf(row, "environment"),
    service: textOf(row, "service"),
    kind: wordOf(row, "kind", KINDS),
    part: textOf(row, "part"),
    severity: wordOf(row, "severity", SEVERITIES),
    state: wordOf(row, "state", INCIDENT_STATES),
    openedAt: textOf(row, "openedAt"),
    lastSeenAt: textOf(row, "lastSeenAt"),
    resolvedAt: textOrNull(row, "resolvedAt"),
    closeReason: row["closeReason"] === null ? null : wordOf(row, "closeReason", CLOSE_REASONS),
    occurrences: numberOf(row, "occurrences"),
    title: textOf(row, "title"),
    evidence: evidenceOf(objectOf(row, "evidence")),
    exemplars: textsOf(row, "exemplars"),
    // They were added later.
    flapping: row["flapping"] !== undefined && booleanOf(row, "flapping"),
    deploy: deployMarkOf(row["deploy"] ?? null),
    ackedAt: row["ackedAt"] === undefined ? null : textOrNull(row, "ackedAt"),
    ackedBy: row["ackedBy"] === undefined ? null : textOrNull(row, "ackedBy"),
    ...triageOf(row["triage"] ?? null),
  };
}

function deployMarkOf(value: unknown): DeployMark | null {
  if (value === null) return null;
  const row = asRow(value, "deploy");
  return { version: textOf(row, "version"), at: textOf(row, "at") };
}

function triageOf(value: unknown): Pick<Incident, "triage"> {
  if (value === null) return {};
  const row = asRow(value, "triage");
  return {
    triage: {
      summary: textOf(row, "summary"),
      likelyCause: textOf(row, "likelyCause"),
      checks: textsOf(row, "checks"),
      confidence: wordOf(row, "confidence", TRIAGE_CONFIDENCES),
      model: textOf(row, "model"),
    },
  };
}

/** The templates of evidence; none in that of an earlier version, or of a kind of signal without. */
function templatesOf(row: Row): { templates?: readonly TemplateCount[] } {
  if (row["templates"] === undefined) return {};
  const templates = listOf(row, "templates").map((each) => {
    const item = asRow(each, "template");
    return {
      text: textOf(item, "text"),
      level: wordOf(item, "level", LEVELS),
      before: numberOf(item, "before"),
      now: numberOf(item, "now"),
      isNew: booleanOf(item, "isNew"),
    };
  });
  return { templates };
}

/** Reads evidence as JSON, by this version of Tracer or an earlier one. Throws an AssertionError when it is none. */
export function evidenceOf(row: Row): Evidence {
  return {
    unit: wordOf(row, "unit", UNITS),
    observed: numberOf(row, "observed"),
    peak: numberOf(row, typeof row["peak"] === "number" ? "peak" : "observed"), // It was added later.
    expected: numberOf(row, "expected"),
    expectedLow: numberOf(row, "expectedLow"),
    expectedHigh: numberOf(row, "expectedHigh"),
    ratio: numberOrNull(row, "ratio"),
    z: numberOrNull(row, "z"),
    ewma: numberOrNull(row, "ewma"),
    rateOfChange: numberOrNull(row, "rateOfChange"),
    evidence: numberOf(row, "evidence"),
    bar: numberOf(row, "bar"),
    sampleSize: numberOf(row, "sampleSize"),
    baselineAgeSeconds: numberOf(row, "baselineAgeSeconds"),
    sparkline: listOf(row, "sparkline").map((value) => numberOrNull({ value }, "value")),
    sentence: textOf(row, "sentence"),
    ...templatesOf(row),
    ...(row["ending"] === undefined ? {} : { ending: wordOf(row, "ending", ENDINGS) }),
  };
}
