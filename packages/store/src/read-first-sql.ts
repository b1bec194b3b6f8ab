import { incidentIdOf } from "@tracer/core";
import { type Executor, run } from "./executor.ts";
import { numberOf, textOf } from "./row.ts";
import type { SightResult } from "./sight.ts";
import { DECISION } from "./sight-sql.ts";
import { jsonbOf, type SightingRow } from "./sighting.ts";

/**
 * What is answered from a read is written later: within a second, or when a call that failed was tried
 * again. Until then nothing may come up that the sighting would have prevented, so what ends or began
 * within this time is never answered from a read.
 */
export const MARGIN_SECONDS = 5;

/** Of sightings, at most one of a fingerprint, those that are duplicates by the rows as they are now. */
export async function answeredDuplicate(
  db: Executor,
  sighted: readonly SightingRow[],
): Promise<Map<string, SightResult>> {
  const asked = sighted.map(
    ({ fingerprint, severity, onset_age_ms, age_ms, occurrences, peak, new_text }) => ({
      ...{ fingerprint, severity, onset_age_ms, age_ms, occurrences, peak, new_text },
    }),
  );
  const rows = await run(db, READ_SQL, [jsonbOf(asked)], "read first");
  return new Map(
    rows.map((row) => {
      const fingerprint = textOf(row, "fingerprint");
      const epoch = numberOf(row, "epoch");
      const incidentId = incidentIdOf(fingerprint, epoch);
      return [fingerprint, { fingerprint, epoch, outcome: "duplicate", incidentId }];
    }),
  );
}

const MARGIN = `make_interval(secs => ${MARGIN_SECONDS})`;

/**
 * The statement's own decision, over rows that nobody has locked. Left to the statement beyond what it
 * would tell: what a detector has cleared or a silence has held back, what is about to expire, and signals
 * that are so young that a moment decides to which epoch they belong.
 */
const READ_SQL = `
with input as (
  select * from jsonb_to_recordset($1::jsonb) as i(
    fingerprint text, severity smallint, onset_age_ms float8, age_ms float8, occurrences bigint,
    peak float8, new_text boolean)
)
select held.fingerprint, held.epoch
from input excluded
  cross join lateral (
    select * from incidents where fingerprint = excluded.fingerprint and state = 'open' offset 0
  ) held
  cross join lateral (${DECISION}) n
where n.outcome = 'duplicate' and held.cleared_at is null and not held.muted
  and held.expires_at > n.clock + ${MARGIN}
  and n.onset_at <= least(held.last_seen_at, n.clock - ${MARGIN})`;
