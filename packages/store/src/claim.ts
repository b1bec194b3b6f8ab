import { AssertionError } from "node:assert/strict";
import {
  crashPoints,
  DELIVERY_ACTIONS,
  type DeliveryTask,
  type Incident,
  type Undelivered,
} from "@tracer/core";
import { notPausedSql } from "./channel-pause.ts";
import { CLAIMABLE_SQL, FIRST_SQL } from "./claimable.ts";
import { type Executor, type Row, run, sqlStateOf } from "./executor.ts";
import {
  GROUPED_DUE_SQL,
  PASS_SLOW_OPENINGS_SQL,
  placedSql,
  readGroups,
  SLOW_OPENINGS_SQL,
} from "./group.ts";
import { incidentOf, incidentSql, isoSql } from "./incident-json.ts";
import { DEAD_AFTER_SECONDS } from "./processors.ts";
import { awakeSql } from "./quiet-hours.ts";
import { booleanOf, numberOf, objectOf, receiptOf, textOf, wordOf } from "./row.ts";

export interface ClaimOptions {
  readonly processorId: string;
  /** How long the right to send lasts. Begin no send after half of it. */
  readonly leaseSeconds: number;
  readonly limit: number;
  /** One that the caller can send to now. What is for others is left to whoever can. */
  readonly channel: string;
  /** Its messages tell of incidents that belong together as one. Default false. */
  readonly groups?: boolean;
}

/** A delivery that this processor, and no other, may try. */
export interface ClaimedDelivery extends Omit<DeliveryTask, "link" | "group"> {
  readonly channel: string;
  /** The incidents that share its message, this one among them, as they are now; not given: it has one of its own. */
  readonly group?: readonly Incident[];
  /** Hand it back with `recordAttempt` and `settle`: it is refused once another has taken over. */
  readonly leaseToken: number;
  /** Since the change was written, in ms. */
  readonly ageMs: number;
}

/**
 * Leases what is due for a channel, at most one delivery per fingerprint and in the order in which the
 * incident changed; what people have not heard of goes before reminders and edits, critical first. What another process is
 * claiming is skipped. An `edit` shows the incident as it is now, the others as it was when they were written.
 *
 * Leases of others that are over, or whose holder shows no life, are taken over, but only by a processor
 * whose own heartbeats have come for longer than it takes to look dead: after an outage of the database
 * everybody looks dead for a moment, and whoever holds a lease may hold the answer to its send.
 */
export async function claimDeliveries(
  db: Executor,
  options: ClaimOptions,
): Promise<ClaimedDelivery[]> {
  const { processorId, leaseSeconds, limit, channel, groups = false } = options;
  // Asked four times a second, and mostly in vain: planning the claim costs twenty times as much as this look.
  const [look = {}] = await run(db, LOOK_SQL, [channel]);
  if (look["waits"] !== true) return [];
  // First, and on its own: what is dropped must be so for every later snapshot, or an edit that another
  // process has just leased could arrive after the resolve that overtook it.
  if (look["edits"] === true) await run(db, DROP_EDITS_SQL);
  if (groups && look["slow"] === true) await run(db, PASS_SLOW_OPENINGS_SQL, [channel]);
  const values = [processorId, leaseSeconds, limit, DEAD_AFTER_SECONDS, channel];
  const claimed = groups
    ? await run(db, CLAIM_GROUPED_SQL, values).catch(noneWhenTaken)
    : await run(db, CLAIM_SQL, values);
  if (claimed.length > 0) crashPoints.pass("claim.after");
  const deliveries = await readable(db, claimed, claimedOf);
  return groups ? withGroups(db, channel, deliveries) : deliveries;
}

const UNIQUE_VIOLATION = "23505";

/** Two claimed what shares a message, and neither saw the other: the other has it. */
function noneWhenTaken(error: unknown): Row[] {
  if (sqlStateOf(error) === UNIQUE_VIOLATION) return [];
  throw error;
}

/** Read after the claim: from then on nobody else changes the messages that these deliveries show in. */
async function withGroups(
  db: Executor,
  channel: string,
  deliveries: readonly ClaimedDelivery[],
): Promise<ClaimedDelivery[]> {
  const messages = deliveries.flatMap(({ deliveryId, receipt }) => {
    const ts = receipt?.["digest"] === undefined ? receipt?.["ts"] : undefined;
    return ts === undefined ? [] : [{ ts, deliveryId }];
  });
  const groups = await readGroups(db, { channel, messages });
  return deliveries.map((delivery) => {
    const group = groups.get(delivery.receipt?.["ts"] ?? "") ?? [];
    return group.length > 1 ? { ...delivery, group } : delivery;
  });
}

/**
 * Reads rows that have just been leased. One that cannot be read is put off alone, for whoever wrote it may
 * be a newer version that can read it; after a day it is a dead letter.
 */
export async function readable<Read>(
  db: Executor,
  rows: readonly Row[],
  read: (row: Row) => Read,
): Promise<Read[]> {
  const results: Read[] = [];
  const ids: string[] = [];
  for (const row of rows) {
    try {
      results.push(read(row));
    } catch (error) {
      if (!(error instanceof AssertionError)) throw error;
      ids.push(String(numberOf(row, "id")));
    }
  }
  if (ids.length > 0) await run(db, PUT_OFF_SQL, [ids]);
  return results;
}

const PUT_OFF_SQL = `
update outbox set state = case when clock_timestamp() >= give_up_at then 'dead' else 'pending' end,
  due_at = clock_timestamp() + interval '1 min', last_error = 'unreadable', digest = null,
  leased_by = null, leased_at = null
where id = any($1::bigint[]) and state = 'leased'`;

/** Whether anything may be claimable for a channel, whether any edit waits, and whether an opening is slow. */
const LOOK_SQL = `
select exists (select from outbox where channel = $1 and state in ('pending', 'leased')
    and digest is null and (state = 'leased' or due_at <= statement_timestamp())) as waits,
  exists (select from outbox where action = 'edit' and state = 'pending') as edits,
  ${SLOW_OPENINGS_SQL} as slow`;

/**
 * An edit says nothing that a later message of the incident does not say, and it has no place when only
 * digests told of the incident.
 */
const DROP_EDITS_SQL = `
update outbox set state = 'dropped' where id in (
  select edit.id from outbox edit where edit.action = 'edit' and edit.state = 'pending' and (exists (
    select from outbox newer where newer.fingerprint = edit.fingerprint
      and newer.channel = edit.channel and newer.state in ('pending', 'leased')
      and (newer.epoch, newer.seq) > (edit.epoch, edit.seq))
    or exists (select from outbox told where told.fingerprint = edit.fingerprint
      and told.epoch = edit.epoch and told.channel = edit.channel and told.digest is not null)
    and not exists (select from outbox own where own.fingerprint = edit.fingerprint
      and own.epoch = edit.epoch and own.channel = edit.channel and own.digest is null
      and own.action <> 'edit'))
  for update skip locked)`;

/** The reason of an attempt that was sent, and whose sender had lost its lease by then. */
export const FENCED = "fenced";

/** SQL: attempt `a` may have reached the channel, for all that is known, and is not what settled the delivery. */
export const UNCERTAIN_SQL = `(a.outcome is null or a.outcome = 'ambiguous'
      or a.outcome = 'sent' and a.reason = '${FENCED}')`;

/** SQL: an incident is open that a digest told the channel of. */
export function stormOpenSql(channel: string): string {
  return `exists (select from incidents i where i.state = 'open'
    and exists (select from outbox t where t.fingerprint = i.fingerprint and t.epoch = i.epoch
      and t.channel = ${channel} and t.digest is not null and t.state in ('sent', 'leased', 'pending')))`;
}

/**
 * Anything undone before a delivery, leased or waiting for its next try, holds it back; so do leases of
 * the same key. The receipt of a message of its own is preferred to that of a digest. Rows that changed since the snapshot are judged again when their lock is taken.
 */
const CLAIM_SQL = `
with due as materialized (
  select o.id, null::text as key from outbox o
  where o.channel = $5 and o.digest is null and ${CLAIMABLE_SQL}
    and ${FIRST_SQL} and ${notPausedSql("$5")} and ${awakeSql("$5")}
  order by o.urgency, o.due_at, o.id limit $3
  for update skip locked
), ${claimedSql()}`;

const CLAIM_GROUPED_SQL = `with ${GROUPED_DUE_SQL}, ${claimedSql()}`;

/** Leases `due (id, key)`. An opening that joins a message has the receipt of whoever brought it. */
function claimedSql(): string {
  return `claimed as (
  update outbox set state = 'leased', lease_token = lease_token + 1, leased_by = $1,
    leased_at = clock_timestamp(), group_key = due.key,
    due_at = clock_timestamp() + make_interval(secs => $2::float8)
  from due where outbox.id = due.id
  returning outbox.*
)
select c.id, c.incident -> 'undelivered' as undelivered,
  extract(epoch from c.leased_at - c.created_at) * 1000 as age_ms, c.lease_token, c.channel, c.action, c.seq, c.attempts,
  case when c.action = 'edit' then coalesce((
    select ${incidentSql("i")} from incidents i
    where i.fingerprint = c.fingerprint and i.epoch = c.epoch), c.incident)
    else c.incident end as incident,
  coalesce(r.receipt, joined.receipt) as receipt,
  case when exists (select from outbox told where told.fingerprint = c.fingerprint
    and told.epoch = c.epoch and told.channel = c.channel and told.state in ('sent', 'dead')
    and told.digest is not null)
    then ${stormOpenSql("c.channel")} end as storm_open,
  coalesce(u.ends, 0) as unknown_ends, coalesce(u.ms, 0) as unknown_ms, u.since as unknown_since
from claimed c left join lateral (
  select count(*) as ends,
    extract(epoch from clock_timestamp() - max(a.started_at)) * 1000 as ms,
    ${isoSql("min(a.started_at)")} as since
  from delivery_attempts a where a.delivery_id = c.id and ${UNCERTAIN_SQL}) u on true
left join lateral (
  select earlier.receipt from outbox earlier where earlier.fingerprint = c.fingerprint
    and earlier.epoch = c.epoch and earlier.channel = c.channel and earlier.state = 'sent'
    and earlier.receipt is not null
  order by earlier.receipt ? 'digest', earlier.seq limit 1) r on true
left join lateral (
  select host.receipt from outbox host where c.action = 'open' and r.receipt is null
    and host.channel = c.channel and host.receipt ->> 'ts' = c.group_key and ${placedSql("host")}
  limit 1) joined on true
order by c.urgency, c.id`;
}

function claimedOf(row: Row): ClaimedDelivery {
  return {
    deliveryId: String(numberOf(row, "id")),
    leaseToken: numberOf(row, "lease_token"),
    ageMs: numberOf(row, "age_ms"),
    channel: textOf(row, "channel"),
    action: wordOf(row, "action", DELIVERY_ACTIONS),
    seq: numberOf(row, "seq"),
    incident: incidentOf(row["incident"]),
    receipt: receiptOf(row, "receipt"),
    ...unknownOf(row),
    ...(row["unknown_since"] === null ? {} : { unknownSince: textOf(row, "unknown_since") }),
    attempts: numberOf(row, "attempts"),
    ...(row["storm_open"] === null ? {} : { stormOpen: booleanOf(row, "storm_open") }),
    ...undeliveredOf(row),
  };
}

/** What is known of attempts that nobody knows the end of. */
export function unknownOf(row: Row) {
  const unknownEnds = numberOf(row, "unknown_ends");
  return { uncertain: unknownEnds > 0, unknownEnds, unknownMs: numberOf(row, "unknown_ms") };
}

/** What the fall-back writes into the incident of its rows. */
export function undeliveredOf(row: Row): { undelivered?: Undelivered } {
  if (row["undelivered"] === null) return {};
  const undelivered = objectOf(row, "undelivered");
  return {
    undelivered: {
      channel: textOf(undelivered, "channel"),
      reason: textOf(undelivered, "reason"),
    },
  };
}
