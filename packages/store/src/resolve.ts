import {
  crashPoints,
  fingerprintOf,
  incidentIdOf,
  parseIncidentId,
  type SignalKey,
} from "@tracer/core";
import { type Executor, type Row, run } from "./executor.ts";
import { incidentSql } from "./incident-json.ts";
import { watchfulSql } from "./processors.ts";
import { retryOnLock } from "./retry-on-lock.ts";
import { numberOf, textOf } from "./row.ts";

/**
 * A detector says that these signals are over: their incidents end `clearSeconds` from now (those that are
 * flapping 15 minutes from now), unless somebody sights them again. One statement, in the same order as sightings.
 */
export async function clear(
  db: Executor,
  keys: readonly SignalKey[],
  { clearSeconds }: { readonly clearSeconds: number },
): Promise<void> {
  if (keys.length === 0) return;
  const values = [keys.map(fingerprintOf), clearSeconds];
  await retryOnLock(() => run(db, CLEAR_SQL, values));
  crashPoints.pass("clear.after");
}

/** What flaps stays open until it has been calm for this long. */
const FLAP_CALM_MINUTES = 15;

/** Locks first, then reads the clock: see `sight-sql.ts`. */
const CLEAR_SQL = `
with held as materialized (
  select fingerprint from incidents
  where fingerprint = any($1::text[]) and state = 'open' order by fingerprint for update
), ended as materialized (select fingerprint, clock_timestamp() as clock from held)
update incidents set cleared_at = ended.clock,
  expires_at = case when flapping then ended.clock + interval '${FLAP_CALM_MINUTES} min'
    else least(expires_at, ended.clock + make_interval(secs => $2::float8)) end
from ended where incidents.fingerprint = ended.fingerprint and state = 'open'`;

/** An epoch that has ended. */
export interface Ended {
  readonly fingerprint: string;
  readonly epoch: number;
  readonly incidentId: string;
}

export interface ResolveQuietOptions {
  /** Incidents ended in one call, default 200. */
  readonly limit?: number;
  /**
   * Who asks. Only when its heartbeats have come without a gap for the quiet period does "nobody has
   * sighted it" say anything: before that the database, or this processor, may have been away. Left out:
   * it is believed. What a detector cleared ends in any case.
   */
  readonly watch?: { readonly processorId: string; readonly quietSeconds: number };
}

/**
 * Ends open incidents that nobody has sighted for the quiet period, or that a detector cleared, oldest
 * first. The same statement writes what is owed to their channels. Rows that another process holds are
 * left for the next call.
 */
export async function resolveQuiet(
  db: Executor,
  { limit = 200, watch }: ResolveQuietOptions = {},
): Promise<Ended[]> {
  const values = [limit, watch?.processorId ?? null, watch?.quietSeconds ?? 0];
  const rows = await run(db, RESOLVE_QUIET_SQL, values);
  if (rows.length > 0) crashPoints.pass("resolve.after");
  return rows.map(endedOf);
}

/**
 * Ends an open incident because a person says so; what was seen of it until now is not announced again.
 * False: there is no incident of this id, or it is over.
 */
export async function resolveByHand(db: Executor, incidentId: string): Promise<boolean> {
  const named = parseIncidentId(incidentId);
  if (named === null) return false;
  const values = [named.fingerprint, named.epoch];
  const rows = await retryOnLock(() => run(db, RESOLVE_BY_HAND_SQL, values));
  return rows.length === 1;
}

/** Notes who has taken an open incident on. False: no such open incident. Again keeps the first. */
export async function acknowledge(
  db: Executor,
  { incidentId, by }: { readonly incidentId: string; readonly by: string },
): Promise<boolean> {
  const named = parseIncidentId(incidentId);
  if (named === null) return false;
  const rows = await retryOnLock(() =>
    run(db, ACKNOWLEDGE_SQL, [named.fingerprint, named.epoch, by]),
  );
  return rows.length === 1;
}

const ACKNOWLEDGE_SQL = `
update incidents set acked_at = coalesce(acked_at, clock_timestamp()), acked_by = coalesce(acked_by, $3)
where fingerprint = $1 and epoch = $2 and state = 'open' returning fingerprint`;

/**
 * Closes the rows of `due (fingerprint, closed_at, reason)`, which the statement before has locked. An end
 * by hand forgets the openings before it: a person who resolves is no flap.
 */
const CLOSE_SQL = `
closed as (
  update incidents as held set state = 'resolved', seq = held.seq + 1, closed_at = due.closed_at,
    close_reason = due.reason, superseded = null,
    recent_opens = case when due.reason = 'manual' then '{}' else held.recent_opens end
  from due where held.fingerprint = due.fingerprint and held.state = 'open'
  returning held.*
), ended as materialized (
  select closed.*, ${incidentSql("closed")} as incident from closed
), history as (
  insert into incident_history
    (id, fingerprint, epoch, project, service, opened_at, closed_at, incident)
  select incident ->> 'id', fingerprint, epoch, project, service, opened_at, closed_at, incident
  from ended
), announced as (
  insert into outbox
    (fingerprint, epoch, seq, channel, action, incident, created_at, due_at, give_up_at)
  select fingerprint, epoch, seq, unnest(channels), 'resolve', incident, clock, clock,
    clock + interval '24 h'
  from ended, (select clock_timestamp() as clock offset 0) c
)
select fingerprint, epoch from ended`;

/** An incident that was cleared ended when the detector said so, not when this statement ran: a signal
 * that began between the two is a new one. The time at which this began can only be too early, so nothing ends too soon. */
const RESOLVE_QUIET_SQL = `
with due as materialized (
  select fingerprint, coalesce(cleared_at, clock_timestamp()) as closed_at,
    case when cleared_at is null then 'quiet' else 'clear' end as reason
  from incidents where state = 'open' and expires_at <= statement_timestamp() and hold_until <= statement_timestamp()
    and (cleared_at is not null or $2::text is null or ${watchfulSql("$2::text", "$3::float8")})
  order by expires_at limit $1 for update skip locked
), ${CLOSE_SQL}`;

const RESOLVE_BY_HAND_SQL = `
with locked as materialized (
  select fingerprint from incidents
  where fingerprint = $1 and state = 'open' and epoch = $2 for update
), due as materialized (
  select fingerprint, clock_timestamp() as closed_at, 'manual' as reason from locked
), ${CLOSE_SQL}`;

function endedOf(row: Row): Ended {
  const fingerprint = textOf(row, "fingerprint");
  const epoch = numberOf(row, "epoch");
  return { fingerprint, epoch, incidentId: incidentIdOf(fingerprint, epoch) };
}
