import assert from "node:assert/strict";
import {
  type Evidence,
  fingerprintOf,
  type Severity,
  type SignalKey,
  severityRank,
} from "@tracer/core";

/** One report that a signal is (still) open. Ages, never timestamps: the database makes the time. */
export interface Sighting {
  readonly key: SignalKey;
  readonly severity: Severity;
  /** How long ago the signal began, in ms by the processor's monotonic clock. */
  readonly onsetAgeMs: number;
  /** How long ago this report was made, in ms. Nearly 0, unless the database was away. */
  readonly ageMs: number;
  /** Added to the incident's count, an integer ≥ 0. */
  readonly occurrences: number;
  /** How bad at the worst, ≥ 0; an edit is due when it rises by 20 %. */
  readonly peak: number;
  readonly title: string;
  readonly evidence: Evidence;
  /** Redacted example lines. An empty list leaves the ones before. */
  readonly exemplars: readonly string[];
  /** True when `title` or `exemplars` say something that people should be shown. Default false. */
  readonly hasNewText?: boolean;
  /** Channels that are told of it. Default: those of the options. */
  readonly channels?: readonly string[];
}

/** A sighting as it goes to the statement, one per fingerprint. Names are the statement's columns. */
export interface SightingRow {
  readonly fingerprint: string;
  readonly project: string;
  readonly environment: string;
  readonly service: string;
  readonly kind: string;
  readonly part: string;
  readonly severity: number;
  readonly onset_age_ms: number;
  readonly age_ms: number;
  readonly occurrences: number;
  readonly peak: number;
  readonly title: string;
  readonly evidence: Evidence;
  readonly exemplars: readonly string[];
  readonly new_text: boolean;
  /** Null: those of the options. */
  readonly channels: readonly string[] | null;
}

/** Longer ages are cut to this: a hundred years. */
const AGE_MS_MAX = 100 * 365 * 86_400_000;

export function sightingRowOf(sighting: Sighting): SightingRow {
  const { key, onsetAgeMs, ageMs, occurrences, peak } = sighting;
  assert(onsetAgeMs >= 0 && ageMs >= 0, "an age is a number that is not negative");
  assert(Number.isSafeInteger(occurrences) && occurrences >= 0);
  assert(Number.isFinite(peak) && peak >= 0);
  return {
    fingerprint: fingerprintOf(key),
    project: key.project,
    environment: key.environment,
    service: key.service,
    kind: key.kind,
    part: key.part,
    severity: severityRank(sighting.severity),
    onset_age_ms: Math.min(onsetAgeMs, AGE_MS_MAX),
    age_ms: Math.min(ageMs, AGE_MS_MAX),
    occurrences,
    peak,
    title: sighting.title,
    evidence: sighting.evidence,
    exemplars: sighting.exemplars,
    new_text: sighting.hasNewText ?? false,
    channels: sighting.channels ?? null,
  };
}

/** Two sightings of one fingerprint in one batch: the newer one speaks, both count, the worst is kept. */
export function mergeSightings(first: SightingRow, second: SightingRow): SightingRow {
  const [older, newer] = first.age_ms > second.age_ms ? [first, second] : [second, first];
  const peaks = [older.evidence.peak, newer.evidence.peak];
  const peak = newer.part === "drop" ? Math.min(...peaks) : Math.max(...peaks);
  return {
    ...newer,
    evidence: { ...newer.evidence, peak },
    severity: Math.max(older.severity, newer.severity),
    onset_age_ms: Math.max(older.onset_age_ms, newer.onset_age_ms),
    occurrences: older.occurrences + newer.occurrences,
    peak: Math.max(older.peak, newer.peak),
    exemplars: newer.exemplars.length > 0 ? newer.exemplars : older.exemplars,
    new_text: older.new_text || newer.new_text,
    channels:
      older.channels === null || newer.channels === null
        ? newer.channels
        : [...new Set([...older.channels, ...newer.channels])],
  };
}

/** JSON that jsonb takes whatever log text is in it: it refuses NUL and halves of surrogate pairs. */
export function jsonbOf(value: unknown): string {
  return JSON.stringify(value, (_name, item: unknown) =>
    typeof item === "string" ? item.toWellFormed().replaceAll("\0", "\uFFFD") : item,
  );
}
