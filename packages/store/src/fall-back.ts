import { type Executor, run } from "./executor.ts";
import { watchfulSql } from "./processors.ts";
import { numberOf } from "./row.ts";

/** A change older than this goes to no fall-back any more. */
export const FALL_BACK_DAYS = 7;

export interface FallBackOptions {
  /** The fall-back channel. What is for it goes nowhere else. */
  readonly channel: string;
  /** Who asks. What nobody has tried counts as undelivered only if somebody was there to try it. */
  readonly processorId: string;
  /** A firing that is undelivered for so long is for the fall-back, too. */
  readonly afterSeconds: number;
  /** Firings in one call. */
  readonly limit: number;
  /** What the last call returned as `fromId`, so that old dead letters are not read again. Default "0". */
  readonly fromId?: string;
}

export interface FallenBack {
  /** Deliveries written for the fall-back. */
  readonly written: number;
  readonly fromId: string;
}

/**
 * Writes for the fall-back channel the openings and escalations that another channel could not deliver:
 * dead letters, and what is undelivered for `afterSeconds`. The channel is then owed the end of the incident:
 * an open incident takes note of it; of one that is over the end is written, too, also if nobody has heard
 * of it: late and complete is better than never. One statement; again, or by several at once, changes nothing.
 *
 * An incident that another statement holds, or that has ended since this one began, is left for the next call.
 */
export async function fallBack(
  db: Executor,
  { channel, processorId, afterSeconds, limit, fromId = "0" }: FallBackOptions,
): Promise<FallenBack> {
  const values = [channel, processorId, afterSeconds, limit, fromId];
  const [row] = await run(db, FALL_BACK_SQL, values);
  return {
    written: numberOf(row ?? {}, "written"),
    fromId: String(numberOf(row ?? {}, "from_id")),
  };
}

const RECENT = `created_at > statement_timestamp() - interval '${FALL_BACK_DAYS} days'`;

/**
 * Ids rise with time: before the oldest dead letter that is recent enough there is none that matters. About
 * `|| ''` see FIRST_SQL in claim.ts.
 */
const FALL_BACK_SQL = `
with dead as materialized (
  select o.* from outbox o where o.state = 'dead' and o.id >= $5::bigint and o.${RECENT}
    and o.channel <> $1 and o.action in ('open', 'escalate')
), lost as materialized (
  select o.* from (
    select * from dead
    union all
    select w.* from outbox w where w.state in ('pending', 'leased') and w.channel <> $1 and w.${RECENT}
      and w.created_at <= statement_timestamp() - make_interval(secs => $3::float8)
      and (w.attempts > 0 or ${watchfulSql("$2", "$3::float8")})
  ) o
  where o.channel <> $1 and o.action in ('open', 'escalate')
    and not exists (select from outbox f where f.fingerprint = o.fingerprint and f.epoch = o.epoch
      and f.channel || '' = $1 and (f.seq = o.seq or f.seq > o.seq and f.state <> 'pending'))
  order by o.urgency, o.id limit $4
), held as materialized (
  select i.fingerprint, i.epoch, i.state from incidents i
  where i.fingerprint in (select fingerprint from lost)
  order by i.fingerprint for update skip locked
), known as materialized (
  select l.*, i.epoch = l.epoch and i.state = 'open' as is_open,
    ended.seq as end_seq, ended.incident as end_incident
  from lost l join held i on i.fingerprint = l.fingerprint
  left join outbox ended on ended.fingerprint = l.fingerprint and ended.epoch = l.epoch
    and ended.channel || '' = l.channel and ended.action = 'resolve'
  where i.epoch = l.epoch and i.state = 'open' or ended.id is not null
), noted as (
  update incidents i set channels = array_append(i.channels, $1::text) from held
  where i.fingerprint = held.fingerprint and not $1::text = any(i.channels)
    and exists (select from known k where k.fingerprint = i.fingerprint and k.is_open)
), messages as (
  select distinct on (fingerprint, epoch, seq) fingerprint, epoch, seq, action,
    incident || jsonb_build_object('undelivered', jsonb_build_object(
      'channel', channel, 'reason', coalesce(last_error, 'no answer in time'))) as incident
  from (
    select fingerprint, epoch, seq, action, incident, channel, last_error, id from known
    union all
    select fingerprint, epoch, end_seq, 'resolve', end_incident, channel, last_error, id from known
    where not is_open
  ) m order by fingerprint, epoch, seq, id
), written as (
  insert into outbox
    (fingerprint, epoch, seq, channel, action, incident, created_at, due_at, give_up_at)
  select fingerprint, epoch, seq, $1, action, incident, clock, clock, clock + interval '24 h'
  from messages, (select clock_timestamp() as clock offset 0) c
  order by fingerprint, epoch, seq
  on conflict (fingerprint, epoch, seq, channel) do nothing
  returning id
)
select (select count(*) from written) as written,
  coalesce((select min(id) from dead), $5::bigint) as from_id`;
