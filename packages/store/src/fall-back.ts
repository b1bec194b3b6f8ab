import { type Executor, run } from "./executor.ts";
import { watchfulSql } from "./processors.ts";
import { waitsQuietlySql } from "./quiet-hours.ts";
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
}

/**
 * Writes for the fall-back channel the openings and escalations that another channel could not deliver:
 * dead letters, and what is undelivered for `afterSeconds`. The channel is then owed the end of the incident:
 * an open incident takes note of it; of one that is over the end is written, too, also if nobody has heard
 * of it: late and complete is better than never. One statement; again, or by several at once, changes nothing:
 * what has been seen to is marked, and not looked at again. Returns how many deliveries were written for the fall-back.
 *
 * An incident that another statement holds, or that has ended since this one began, is left for the next call.
 */
export async function fallBack(
  db: Executor,
  { channel, processorId, afterSeconds, limit }: FallBackOptions,
): Promise<number> {
  const [row] = await run(db, FALL_BACK_SQL, [channel, processorId, afterSeconds, limit]);
  return numberOf(row ?? {}, "written");
}

const OPEN_TO_FALL_BACK = `not o.fell_back and o.action in ('open', 'escalate')
    and o.created_at > statement_timestamp() - interval '${FALL_BACK_DAYS} days'`;

/** About `|| ''` see FIRST_SQL in claimable.ts. */
const FALL_BACK_SQL = `
with candidates as materialized (
  select o.id, o.urgency from outbox o where o.state = 'dead' and ${OPEN_TO_FALL_BACK}
  union all
  select o.id, o.urgency from outbox o where o.state in ('pending', 'leased') and o.channel <> $1
    and ${OPEN_TO_FALL_BACK}
    and o.created_at <= statement_timestamp() - make_interval(secs => $3::float8)
    and (o.attempts > 0 or ${watchfulSql("$2", "$3::float8")})
    and not ${waitsQuietlySql("$3::float8")}
  order by urgency, id limit $4
), seen as materialized (
  select o.*, o.channel = $1 or exists (select from outbox f where f.fingerprint = o.fingerprint
      and f.epoch = o.epoch and f.channel || '' = $1
      and (f.seq = o.seq or f.seq > o.seq and f.state <> 'pending')) as told
  from outbox o join candidates c on c.id = o.id
), lost as materialized (select * from seen where not told
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
), done as materialized (
  select id from outbox
  where id in (select id from known union all select id from seen where told)
  order by id for update skip locked
), marked as (
  update outbox set fell_back = true from done where outbox.id = done.id
)
select count(*) as written from written`;
