import assert from "node:assert/strict";
import { crashPoints, incidentIdOf } from "@tracer/core";
import { type Executor, run } from "./executor.ts";
import { retryOnLock } from "./retry-on-lock.ts";
import { numberOf, textOf, wordOf } from "./row.ts";
import { SIGHT_SQL } from "./sight-sql.ts";
import {
  jsonbOf,
  mergeSightings,
  type Sighting,
  type SightingRow,
  sightingRowOf,
} from "./sighting.ts";

/**
 * What a sighting can come to, in the order in which the rules are asked. While a silence matches, nothing is
 * sent of any of them. `unmuted`: the opening, which a silence kept from being told, is told now.
 */
export const OUTCOMES = [
  "late",
  "created",
  "unmuted",
  "escalated",
  "repeat",
  "update",
  "duplicate",
] as const;

export type Outcome = (typeof OUTCOMES)[number];

export interface SightOptions {
  /** From the opening of an incident: sightings within are of the same one. Fixed, never slides. */
  readonly holdSeconds: number;
  /** From the newest sighting: nothing seen for this long, and the incident is over. */
  readonly quietSeconds: number;
  /** People are reminded of an open incident this often. */
  readonly repeatSeconds: number;
  /**
   * Channels that get the messages of sightings that name none of their own, and those that may be reminded of an incident
   * that they were told of. May be empty.
   */
  readonly channels: readonly string[];
}

export interface SightResult {
  readonly fingerprint: string;
  readonly outcome: Outcome;
  readonly epoch: number;
  readonly incidentId: string;
}

/** Sightings in one statement; more are cut into several. */
export const BATCH_MAX = 500;

/**
 * The reservation: of all processes that sight a fingerprint within the hold, exactly one is told
 * `created`. One autocommit statement per batch makes or changes the incidents and writes the outbox
 * rows that announce the change; nothing can come between them. Answers in the order of `sightings`; of
 * several with one fingerprint the first gets the outcome, the others `duplicate` (or `late`).
 *
 * Waits up to 1 s for a row that another process holds, and tries once more.
 *
 * @throws TracerError DATABASE_UNAVAILABLE; batches before the one that failed are committed.
 */
export async function sight(
  db: Executor,
  sightings: readonly Sighting[],
  options: SightOptions,
): Promise<SightResult[]> {
  return sightRows(db, sightings.map(sightingRowOf), options);
}

/** `sight`, of sightings that are rows already. */
export async function sightRows(
  db: Executor,
  sighted: readonly SightingRow[],
  options: SightOptions,
): Promise<SightResult[]> {
  const merged = new Map<string, SightingRow>();
  const fingerprints = sighted.map((row) => {
    const before = merged.get(row.fingerprint);
    merged.set(row.fingerprint, before === undefined ? row : mergeSightings(before, row));
    return row.fingerprint;
  });
  const results = new Map<string, SightResult>();
  const rows = [...merged.values()];
  for (let start = 0; start < rows.length; start += BATCH_MAX) {
    const batch = rows.slice(start, start + BATCH_MAX);
    for (const result of await sightBatch(db, batch, options)) {
      results.set(result.fingerprint, result);
    }
  }
  const answered = new Set<string>();
  return fingerprints.map((fingerprint) => {
    const result = results.get(fingerprint);
    assert(result !== undefined, "the statement answers for every row");
    const again = answered.has(fingerprint) && result.outcome !== "late";
    answered.add(fingerprint);
    return again ? { ...result, outcome: "duplicate" } : result;
  });
}

async function sightBatch(
  db: Executor,
  batch: readonly SightingRow[],
  options: SightOptions,
): Promise<SightResult[]> {
  const { holdSeconds, quietSeconds, repeatSeconds } = options;
  assert(holdSeconds > 0 && quietSeconds > 0 && repeatSeconds > 0);
  const channels = [...new Set(options.channels)];
  const values = [jsonbOf(batch), holdSeconds, quietSeconds, repeatSeconds, channels];
  crashPoints.pass("sight.before");
  const rows = await retryOnLock(() => run(db, SIGHT_SQL, values, "sight"));
  crashPoints.pass("sight.after");
  assert(rows.length === batch.length, "the statement answers for every row");
  return rows.map((row) => {
    const fingerprint = textOf(row, "fingerprint");
    const epoch = numberOf(row, "epoch");
    const outcome = wordOf(row, "outcome", OUTCOMES);
    return { fingerprint, outcome, epoch, incidentId: incidentIdOf(fingerprint, epoch) };
  });
}
