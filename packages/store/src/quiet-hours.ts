import assert from "node:assert/strict";
import { SEVERITIES } from "@tracer/core";
import { type Executor, run } from "./executor.ts";

/*
 * In its quiet hours a channel gets only what is grave: every processor that knows of them keeps a row of
 * `leases`, whose holder is the rank of the severity that is sent all the same. What is below waits in the outbox;
 * an incident that began and ended meanwhile is not told at all.
 */

export interface QuietOptions {
  readonly channel: string;
  /** Rank of the least severity that is sent, 1 to 3. */
  readonly floor: number;
  /** For so long, unless it is said again. */
  readonly seconds: number;
}

/** Says that a channel is quiet now. Returns how many deliveries were dropped, as nobody need hear of them. */
export async function keepQuiet(
  db: Executor,
  { channel, floor, seconds }: QuietOptions,
): Promise<number> {
  assert(floor > 0 && floor < SEVERITIES.length && seconds > 0);
  await run(db, KEEP_SQL, [channel, String(floor), seconds]);
  return (await run(db, DROP_SQL, [channel])).length;
}

const KEEP_SQL = `
insert into leases as held (name, holder, until)
values ('quiet:' || $1::text, $2, clock_timestamp() + make_interval(secs => $3::float8))
on conflict (name) do update set holder = excluded.holder, until = greatest(held.until, excluded.until)`;

/** SQL: the rank of a severity. */
const rankSql = (severity: string) =>
  `array_position(array[${SEVERITIES.map((each) => `'${each}'`).join(", ")}], ${severity}) - 1`;

/**
 * SQL: row `o` of outbox may be sent to its channel now: it is not quiet there, or this or a later change of the incident
 * that waits is grave enough.
 */
export function awakeSql(channel: string): string {
  return `not exists (select from leases q where q.name = 'quiet:' || ${channel}
      and q.until > statement_timestamp() and q.holder::int > (
        select max(${rankSql("l.incident ->> 'severity'")}) from outbox l
        where l.fingerprint = o.fingerprint and l.channel || '' = o.channel and l.epoch = o.epoch
          and l.state in ('pending', 'leased') and l.seq >= o.seq))`;
}

/** SQL: row `o` has not been tried because its channel is quiet, or was so until `seconds` ago. */
export function waitsQuietlySql(seconds: string): string {
  return `(o.attempts = 0 and exists (select from leases q where q.name = 'quiet:' || o.channel
      and q.until > statement_timestamp() - make_interval(secs => ${seconds})))`;
}

/** Of epochs that have ended and of which the channel has heard nothing yet; all that waits of them. */
const DROP_SQL = `
update outbox set state = 'dropped' where id in (
  select o.id from outbox o
  where o.channel = $1 and o.state = 'pending' and not ${awakeSql("$1")}
    and exists (select from outbox ended where ended.fingerprint = o.fingerprint
      and ended.epoch = o.epoch and ended.channel || '' = o.channel and ended.action = 'resolve')
    and not exists (select from outbox told where told.fingerprint = o.fingerprint
      and told.epoch = o.epoch and told.channel || '' = o.channel
      and (told.attempts > 0 or told.state in ('leased', 'sent', 'dead')))
  for update skip locked)
returning id::text`;
