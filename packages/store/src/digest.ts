import assert from "node:assert/strict";
import {
  crashPoints,
  DELIVERY_ACTIONS,
  type DigestEntry,
  type DigestTask,
  KINDS,
  SEVERITIES,
  type Verdict,
} from "@tracer/core";
import { notPausedSql, pauseMsOf, pauseSql } from "./channel-pause.ts";
import {
  FENCED,
  readable,
  stormOpenSql,
  UNCERTAIN_SQL,
  undeliveredOf,
  unknownOf,
} from "./claim.ts";
import { CLAIMABLE_SQL, FIRST_SQL } from "./claimable.ts";
import { type Executor, type Row, run } from "./executor.ts";
import { isoSql } from "./incident-json.ts";
import { DEAD_AFTER_SECONDS } from "./processors.ts";
import { awakeSql } from "./quiet-hours.ts";
import { retryOnLock } from "./retry-on-lock.ts";
import { booleanOf, numberOf, textOf, wordOf } from "./row.ts";
import { reasonOf } from "./settle.ts";
import { jsonbOf } from "./sighting.ts";

/** Deliveries in one digest at the most: each of its statements ends far within the time they have. */
export const DIGEST_MAX = 2_000;

/** How many have an unknown end says how long the next copy waits; more than these make it no longer within a day. */
export const UNCERTAIN_KEPT_MAX = 6;

export interface ClaimDigestOptions {
  readonly processorId: string;
  readonly leaseSeconds: number;
  readonly channel: string;
  /** How long after a digest was formed for the channel, by any processor, no other is. */
  readonly pauseSeconds: number;
  /** A new digest is formed when more deliveries than these are due; null: none is formed. */
  readonly due: number | null;
  /** Default DIGEST_MAX. */
  readonly limit?: number;
  /** True: what has a message of its own on the channel goes on there, and into no digest. */
  readonly ownAlone: boolean;
}

/** A digest that this processor, and no other, may try. */
export interface ClaimedDigest extends Omit<DigestTask, "link"> {
  readonly channel: string;
  /** In the order of `entries`. A row whose token is no longer ours is settled by whoever took it over. */
  readonly rows: readonly { readonly deliveryId: string; readonly leaseToken: number }[];
  /** Since the oldest change was written, in ms. */
  readonly ageMs: number;
}

/**
 * Leases one digest of a channel: the oldest that waits for another try or whose lease is over, whole and
 * with the id it had; else a new one of what is due, critical first and in order as in `claimDeliveries`.
 * What may have been sent by a message of its own, and edits, are not taken. Null: there is none, or
 * another processor has one in its hands.
 */
export async function claimDigest(
  db: Executor,
  options: ClaimDigestOptions,
): Promise<ClaimedDigest | null> {
  const { processorId, leaseSeconds, channel, due, limit = DIGEST_MAX } = options;
  assert(limit > 0 && limit <= DIGEST_MAX);
  const lease = [processorId, leaseSeconds, channel];
  const formed = [...lease, DEAD_AFTER_SECONDS];
  const [look = {}] = await run(db, LOOK_SQL, [channel]);
  let rows: Row[] = [];
  if (look["waits"] === true) rows = await retryOnLock(() => run(db, CLAIM_FORMED_SQL, formed));
  if (rows.length === 0 && due !== null) {
    const { ownAlone, pauseSeconds } = options;
    // Before any row is locked: several that lock at once would each get a part.
    const turn = await run(db, TURN_SQL, [processorId, channel, due, ownAlone, pauseSeconds]);
    if (turn.length === 0) return null;
    rows = await run(db, FORM_SQL, [...lease, limit, due, ownAlone]);
  }
  if (rows.length === 0) return null;
  crashPoints.pass("claim.after");
  const members = await readable(db, rows, memberOf);
  const [first] = members;
  if (first === undefined) return null;
  const [state] = await run(db, STATE_SQL, [first.deliveryId, channel]);
  return digestOf(channel, members, { first, state: state ?? {} });
}

/** Whether a digest of the channel waits for its end: see LOOK_SQL in claim.ts. */
const LOOK_SQL = `
select exists (select from outbox where channel = $1 and digest is not null
  and state in ('pending', 'leased')) as waits`;

const LEASE_SQL = `state = 'leased', lease_token = lease_token + 1, leased_by = $1,
    leased_at = clock_timestamp(),
    due_at = clock_timestamp() + make_interval(secs => $2::float8)`;

const RETURNED_SQL = `
select id::text, digest::text, lease_token, action, attempts, incident ->> 'id' as incident_id,
  incident ->> 'service' as service, incident ->> 'environment' as environment,
  incident ->> 'kind' as kind, incident ->> 'part' as part, incident ->> 'severity' as severity,
  incident ->> 'title' as title, incident -> 'undelivered' as undelivered,
  ${isoSql("created_at")} as created, extract(epoch from leased_at - created_at) * 1000 as age_ms
from claimed order by urgency, (incident ->> 'severity' = 'error') desc, claimed.id`;

/**
 * The rows of a digest change together. Only its first undone row stands for it: two that look at once
 * cannot each get a part.
 */
const CLAIM_FORMED_SQL = `
with firsts as materialized (
  select min(id) as id from outbox
  where channel = $3 and digest is not null and state in ('pending', 'leased') group by digest
), head as materialized (
  select o.id, o.digest from outbox o
  where o.id in (select id from firsts) and ${CLAIMABLE_SQL} and ${notPausedSql("$3")}
  order by o.due_at, o.id limit 1 for update skip locked
), whole as materialized (
  select o.id from outbox o join head on o.digest = head.digest
  where o.state in ('pending', 'leased') order by o.id for update of o
), claimed as (
  update outbox set ${LEASE_SQL} from whole where outbox.id = whole.id returning outbox.*
) ${RETURNED_SQL}`;

/** SQL: row `o` may go into a new digest of `channel`; what has a message of its own may not where `ownAlone`. */
function formableSql(channel: string, ownAlone: string): string {
  return `o.channel = ${channel} and o.digest is null and o.action <> 'edit'
    and o.state = 'pending' and o.due_at <= statement_timestamp() and o.attempts = 0
    and ${notPausedSql(channel)} and ${awakeSql(channel)}
    and ${FIRST_SQL}
    and (not ${ownAlone}::boolean or o.action = 'open' or not exists (select from outbox own
      where own.fingerprint = o.fingerprint and own.epoch = o.epoch and own.channel = o.channel
        and own.digest is null and own.attempts > 0))
    and not exists (select from outbox busy where busy.channel = ${channel} and busy.digest is not null
      and busy.state = 'leased')`;
}

/**
 * One at a time: a digest is formed only by who gets the channel's turn, and while none is in flight. Of several
 * that ask at once the others wait here for the first, and are refused.
 */
const TURN_SQL = `
insert into leases as held (name, holder, until)
select 'digest:' || $2, $1, clock_timestamp() + make_interval(secs => $5::float8)
where not exists (select from leases where name = 'digest:' || $2 and until > statement_timestamp())
  and (select count(*) from (select from outbox o where ${formableSql("$2", "$4")}
    limit $3::bigint + 1) due) > $3::bigint
on conflict (name) do update set holder = excluded.holder, until = excluded.until
where held.until <= clock_timestamp()
returning name`;

/** With a snapshot of its own, taken after the turn: what the one before has leased shows. */
const FORM_SQL = `
with due as materialized (
  select o.id from outbox o where ${formableSql("$3", "$6")}
  order by o.urgency, o.due_at, o.id limit $4
  for update skip locked
), claimed as (
  update outbox set digest = (select gen_random_uuid()), ${LEASE_SQL}
  from due where outbox.id = due.id and (select count(*) from due) > $5::bigint
  returning outbox.*
) ${RETURNED_SQL}`;

/** Asked after $1, a delivery of the digest, was leased. The deliveries of a digest share every try: one tells for all. */
const STATE_SQL = `
select ${stormOpenSql("$2")} as still_open, count(a.id) as unknown_ends,
  coalesce(extract(epoch from clock_timestamp() - max(a.started_at)) * 1000, 0) as unknown_ms
from (select) one left join delivery_attempts a on a.delivery_id = $1 and ${UNCERTAIN_SQL}`;

type Member = ReturnType<typeof memberOf>;

function memberOf(row: Row) {
  const entry: DigestEntry = {
    action: wordOf(row, "action", DELIVERY_ACTIONS),
    id: textOf(row, "incident_id"),
    service: textOf(row, "service"),
    environment: textOf(row, "environment"),
    kind: wordOf(row, "kind", KINDS),
    part: textOf(row, "part"),
    severity: wordOf(row, "severity", SEVERITIES),
    title: textOf(row, "title"),
  };
  return {
    entry,
    digest: textOf(row, "digest"),
    deliveryId: textOf(row, "id"),
    leaseToken: numberOf(row, "lease_token"),
    attempts: numberOf(row, "attempts"),
    created: textOf(row, "created"),
    ageMs: numberOf(row, "age_ms"),
    ...undeliveredOf(row),
  };
}

function digestOf(
  channel: string,
  members: readonly Member[],
  { first, state }: { readonly first: Member; readonly state: Row },
): ClaimedDigest {
  const { digest, attempts, undelivered } = first;
  const oldest = members.reduce((one, other) => (other.ageMs > one.ageMs ? other : one));
  return {
    id: digest,
    channel,
    entries: members.map(({ entry }) => entry),
    rows: members.map(({ deliveryId, leaseToken }) => ({ deliveryId, leaseToken })),
    since: oldest.created,
    ageMs: oldest.ageMs,
    stillOpen: booleanOf(state, "still_open"),
    ...unknownOf(state),
    attempts,
    ...(undelivered === undefined ? {} : { undelivered }),
  };
}

/**
 * Writes down that a send of the digest begins: one attempt for each delivery. Of those before, the newest
 * UNCERTAIN_KEPT_MAX whose end is unknown stay: a digest that is tried for a day keeps no more than these and the last.
 * False, and nothing is written: a row of it is no longer ours, or half of the lease is over. Then do not send.
 */
export async function recordDigestAttempt(
  db: Executor,
  digest: Pick<ClaimedDigest, "rows">,
  { processorId }: { readonly processorId: string },
): Promise<boolean> {
  const rows = await run(db, RECORD_SQL, [...idsAndTokens(digest), processorId]);
  if (rows.length === 0) return false;
  crashPoints.pass("attempt.after");
  return true;
}

const HELD_SQL = `
with input as (select * from unnest($1::bigint[], $2::int[]) as i(id, token)
), held as materialized (
  select o.id, o.lease_token, o.leased_at, o.due_at from outbox o join input i on i.id = o.id
  where o.state = 'leased' and o.lease_token = i.token order by o.id for update of o
)`;

const RECORD_SQL = `${HELD_SQL}
, begun as (
  update outbox set attempts = attempts + 1 from held
  where outbox.id = held.id and (select count(*) from held) = (select count(*) from input)
    and clock_timestamp() < (select min(leased_at + (due_at - leased_at) / 2) from held)
  returning outbox.id, held.lease_token
), forgotten as (
  delete from delivery_attempts a using begun where a.delivery_id = begun.id
    and (not (${UNCERTAIN_SQL}) or ${UNCERTAIN_KEPT_MAX} <= (select count(*)
      from delivery_attempts later where later.delivery_id = a.delivery_id and later.id > a.id
        and ${UNCERTAIN_SQL.replaceAll("a.", "later.")}))
)
insert into delivery_attempts (delivery_id, lease_token, processor_id, started_at)
select id, lease_token, $3, clock_timestamp() from begun returning id::text`;

export interface SettleDigestOptions {
  readonly digest: Pick<ClaimedDigest, "rows">;
  readonly verdict: Verdict;
  readonly retryAfterMs: number;
  /** See SettleOptions. */
  readonly toldStormOpen?: boolean;
}

/**
 * Ends an attempt of a digest, for each row whose lease the caller still holds; returns how many they were. `sent`
 * keeps the receipt with every delivery. `permanent` sets the deliveries free, to be sent once more with
 * messages of their own: whatever was wrong with one cannot keep the others from being told. After the other verdicts
 * the same digest is tried again, until a day has passed since a change; that one is a dead letter then.
 */
export async function settleDigest(
  db: Executor,
  { digest, verdict, retryAfterMs, toldStormOpen }: SettleDigestOptions,
): Promise<number> {
  assert(retryAfterMs >= 0);
  const receipt =
    verdict.kind === "sent" && verdict.receipt !== null ? jsonbOf(verdict.receipt) : null;
  const answer = [verdict.kind, reasonOf(verdict), receipt, retryAfterMs, pauseMsOf(verdict)];
  const values = [...idsAndTokens(digest), ...answer, toldStormOpen ?? null];
  const [row] = await retryOnLock(() => run(db, SETTLE_SQL, values));
  crashPoints.pass("settle.after");
  return numberOf(row ?? {}, "settled");
}

const SETTLE_SQL = `${HELD_SQL}
, paused as (${pauseSql({ id: "(select min(id) from input)", ms: "$7::float8" })}
), storm as materialized (
  select $8::boolean is not null and $8::boolean <> ${stormOpenSql("(select channel from outbox where id = (select min(id) from input))")} as turned
), settled as (
  update outbox set
    state = case when $3 = 'sent' and not (storm.turned and c.clock < give_up_at) then 'sent'
      when $3 <> 'sent' and c.clock >= give_up_at then 'dead' else 'pending' end,
    digest = case when $3 <> 'permanent' then digest end,
    due_at = c.clock + make_interval(secs => $6::float8 / 1000),
    sent_at = case when $3 = 'sent' then c.clock end,
    receipt = $5::jsonb, last_error = $4, leased_by = null, leased_at = null
  from held, storm, (select clock_timestamp() as clock offset 0) c where outbox.id = held.id
  returning outbox.id
), attempt as (
  update delivery_attempts a set ended_at = clock_timestamp(), outcome = $3,
    reason = case when $3 = 'sent' and not exists (select from settled where settled.id = a.delivery_id)
      then '${FENCED}' else $4 end
  from input where a.delivery_id = input.id and a.lease_token = input.token
)
select count(*) as settled from settled`;

function idsAndTokens({ rows }: Pick<ClaimedDigest, "rows">): [string[], number[]] {
  return [rows.map(({ deliveryId }) => deliveryId), rows.map(({ leaseToken }) => leaseToken)];
}
