import { crashPoints } from "@tracer/core";
import { LAST_TRIED_SQL } from "./claimable.ts";
import { sweepDecisions } from "./decisions.ts";
import { type Executor, run } from "./executor.ts";

/** How long what is over is kept. */
export const DELIVERIES_KEPT_DAYS = 14;
export const INCIDENTS_KEPT_DAYS = 90;
/** Who did what. */
export const AUDIT_KEPT_DAYS = 365;
const PROCESSORS_KEPT_DAYS = 1;
/** Sessions that are over. */
const SESSIONS_KEPT_DAYS = 1;
/** Leases of channels and services that are gone; one that is taken again is written anew. */
const LEASES_KEPT_DAYS = 1;
/** Nobody reads counts that are older than a few seconds. */
const STEP_COUNTS_KEPT_MINUTES = 10;

/** Longer than any processor waits between two tries: by then whoever has the channel has given up. */
const UNCLAIMED_MINUTES = 10;

/** Decisions are many and small: so many of them go where one row of another kind would. */
const DECISIONS_PER_ROW = 5;

export interface SweepOptions {
  /** Rows of each kind in one call; of decisions five times as many. */
  readonly limit: number;
  /** Those of the caller; deliveries for them are not its to give up here. */
  readonly channels: readonly string[];
}

/**
 * Deletes what has expired, at most `limit` rows of each kind, oldest first; what another process is
 * deleting is skipped. Deliveries of an incident that is still open stay, but for its edits: those need their receipts.
 * Deliveries that no processor has claimed for as long as they are tried become dead letters, and so do those
 * whose last try nobody has settled.
 * Returns how many rows were changed; call again while it is as many as asked for.
 */
export async function sweep(db: Executor, { limit, channels }: SweepOptions): Promise<number> {
  let swept = (await run(db, GIVE_UP_SQL, [limit, channels])).length;
  swept += (await run(db, LAST_TRIED_DEAD_SQL, [limit])).length;
  const failures: unknown[] = [];
  for (const statement of STATEMENTS) {
    try {
      swept += (await run(db, statement, [limit])).length;
    } catch (error) {
      failures.push(error); // One kind that takes too long must not keep the others.
    }
    crashPoints.pass("sweep.between");
  }
  swept += await sweepDecisions(db, limit * DECISIONS_PER_ROW);
  if (failures.length > 0) throw failures[0];
  return swept;
}

const GIVE_UP_SQL = `
update outbox set state = 'dead', last_error = 'no processor has this channel',
  leased_by = null, leased_at = null
where id in (
  select id from outbox
  where state in ('pending', 'leased') and channel <> all($2::text[])
    and due_at <= statement_timestamp()
    and give_up_at < statement_timestamp() - interval '${UNCLAIMED_MINUTES} min'
  order by id limit $1 for update skip locked)
returning id`;

const LAST_TRIED_DEAD_SQL = `
update outbox set state = 'dead', last_error = coalesce(last_error, 'no answer in time'),
  leased_by = null, leased_at = null
where id in (
  select o.id from outbox o where ${LAST_TRIED_SQL} and o.due_at <= statement_timestamp()
  order by o.id limit $1 for update skip locked)
returning id`;

const expired = (column: string, days: number) =>
  `${column} < statement_timestamp() - interval '${days} days'`;

/** Only the oldest are looked at: ids rise with time, so there is nothing behind what is young. */
const STATEMENTS = [
  `delete from delivery_attempts where id in (
    select id from (select id, started_at from delivery_attempts order by id limit $1) oldest
    where ${expired("started_at", DELIVERIES_KEPT_DAYS)})
  returning id`,
  // After its attempts, which would go with it, however many they are.
  `delete from outbox where id in (
    select o.id from outbox o
    where o.state in ('sent', 'dropped', 'dead') and ${expired("o.created_at", DELIVERIES_KEPT_DAYS)}
      and (o.state <> 'dead' or ${expired("o.created_at", INCIDENTS_KEPT_DAYS)})
      and (o.action = 'edit' or not exists (select from incidents i
        where i.fingerprint = o.fingerprint and i.epoch = o.epoch and i.state = 'open'))
      and not exists (select from delivery_attempts a where a.delivery_id = o.id)
    order by o.created_at limit $1 for update skip locked)
  returning id`,
  `delete from incident_history where id in (
    select id from incident_history where ${expired("closed_at", INCIDENTS_KEPT_DAYS)}
    order by closed_at limit $1 for update skip locked)
  returning id`,
  // The row is the reservation and counts the epochs: it goes last, when no page can show an epoch of it.
  `delete from incidents where fingerprint in (
    select i.fingerprint from incidents i
    where i.state = 'resolved' and ${expired("i.closed_at", INCIDENTS_KEPT_DAYS)}
      and not exists (select from incident_history h where h.fingerprint = i.fingerprint)
      and not exists (select from outbox o where o.fingerprint = i.fingerprint)
    order by i.closed_at limit $1 for update skip locked)
  returning fingerprint`,
  ...[
    ["silences", "ends_at"],
    ["deploys", "at"],
  ].map(
    ([table, ended = ""]) => `delete from ${table} where id in (
    select id from ${table} where ${expired(ended, INCIDENTS_KEPT_DAYS)}
    order by ${ended} limit $1 for update skip locked)
  returning id`,
  ),
  `delete from triages where (fingerprint, epoch) in (
    select fingerprint, epoch from triages where ${expired("claimed_at", INCIDENTS_KEPT_DAYS)}
    order by claimed_at limit $1 for update skip locked)
  returning fingerprint`,
  `delete from audit where id in (
    select id from (select id, at from audit order by id limit $1) oldest
    where ${expired("at", AUDIT_KEPT_DAYS)})
  returning id`,
  `delete from sessions where token_hash in (
    select token_hash from sessions where ${expired("expires_at", SESSIONS_KEPT_DAYS)}
    order by expires_at limit $1 for update skip locked)
  returning token_hash`,
  `delete from processors where id in (
    select id from processors where ${expired("heartbeat_at", PROCESSORS_KEPT_DAYS)}
    limit $1 for update skip locked)
  returning id`,
  `delete from leases where name in (
    select name from leases where ${expired("until", LEASES_KEPT_DAYS)}
    limit $1 for update skip locked)
  returning name`,
  `delete from step_counts where (processor_id, flush) in (
    select processor_id, flush from step_counts
    where flushed_at < statement_timestamp() - interval '${STEP_COUNTS_KEPT_MINUTES} min'
    order by flushed_at limit $1 for update skip locked)
  returning flush`,
];
