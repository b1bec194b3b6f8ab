import assert from "node:assert/strict";
import { crashPoints, type Verdict } from "@tracer/core";
import { pauseMsOf, pauseSql } from "./channel-pause.ts";
import { FENCED, stormOpenSql } from "./claim.ts";
import { type Executor, run, sqlStateOf } from "./executor.ts";
import { retryOnLock } from "./retry-on-lock.ts";
import { numberOf, textOf } from "./row.ts";
import { jsonbOf } from "./sighting.ts";

const REASON_CHARACTERS_MAX = 1_000;

export interface AttemptOptions {
  readonly deliveryId: string;
  readonly leaseToken: number;
  readonly processorId: string;
}

/**
 * Writes down that a send begins; call it right before. A try without an end may have been sent. Answers
 * with the attempt's id, or null: half of the lease is over, or it is another's, so do not send.
 */
export async function recordAttempt(
  db: Executor,
  { deliveryId, leaseToken, processorId }: AttemptOptions,
): Promise<string | null> {
  const [row] = await run(db, RECORD_ATTEMPT_SQL, [deliveryId, leaseToken, processorId]);
  if (row === undefined) return null;
  crashPoints.pass("attempt.after");
  return textOf(row, "id");
}

const RECORD_ATTEMPT_SQL = `
with held as (
  update outbox set attempts = attempts + 1
  where id = $1 and state = 'leased' and lease_token = $2
    and clock_timestamp() < leased_at + (due_at - leased_at) / 2
  returning id, lease_token
)
insert into delivery_attempts (delivery_id, lease_token, processor_id, started_at)
select id, lease_token, $3, clock_timestamp() from held returning id::text`;

export interface SettleOptions {
  readonly deliveryId: string;
  readonly leaseToken: number;
  readonly attemptId: string;
  readonly verdict: Verdict;
  /** When to try again, should the verdict ask for it. The caller knows the backoff. */
  readonly retryAfterMs: number;
  /** What was sent said so of the channel's storm; left out: it said nothing of it. See `settle`. */
  readonly toldStormOpen?: boolean;
}

/**
 * Ends an attempt with what its answer means, if the caller still holds the lease ("fenced": another has
 * taken over and will settle it; the attempt's end is noted all the same). `retry`, `ambiguous` and
 * `reconnect` come again after `retryAfterMs`, until a day has passed since the change; `permanent` at
 * once, and the others then, become a dead letter: kept and shown. A provider that said when to come again
 * is left alone until then, by all processors.
 *
 * What was sent of a storm while the opposite became true may have arrived last: then it is due again at once,
 * to say what is true by now.
 */
export async function settle(db: Executor, options: SettleOptions): Promise<"settled" | "fenced"> {
  const { deliveryId, leaseToken, attemptId, verdict, retryAfterMs, toldStormOpen } = options;
  assert(retryAfterMs >= 0);
  const sent = verdict.kind === "sent";
  const receipt = sent && verdict.receipt !== null ? jsonbOf(verdict.receipt) : null;
  const ids = [deliveryId, leaseToken, attemptId];
  const answer = [verdict.kind, reasonOf(verdict), receipt, retryAfterMs, pauseMsOf(verdict)];
  const values = [...ids, ...answer, toldStormOpen ?? null];
  const rows = await retryOnLock(() => run(db, SETTLE_SQL, values)).catch((error: unknown) => {
    // A newer edit was written between the look for one and the update. It is seen now.
    if (sqlStateOf(error) === UNIQUE_VIOLATION) return run(db, SETTLE_SQL, values);
    throw error;
  });
  crashPoints.pass("settle.after");
  return rows.length === 1 ? "settled" : "fenced";
}

/** A verdict's reason as it can be stored; null for what was sent. */
export function reasonOf(verdict: Verdict): string | null {
  if (verdict.kind === "sent") return null;
  return verdict.reason.replaceAll("\0", "").slice(0, REASON_CHARACTERS_MAX).toWellFormed();
}

const UNIQUE_VIOLATION = "23505";

/**
 * SQL: what was sent is not true any more of the storm that column or value `channel` was told of. `told` is null
 * when it said nothing of a storm.
 */
export function stormTurnedSql(told: string, channel: string): string {
  return `(${told} is not null and clock_timestamp() < give_up_at and ${told} <> ${stormOpenSql(channel)})`;
}

/** An edit to be tried again gives way to whatever is newer. What was sent without a lease is marked: it may come twice. */
const SETTLE_SQL = `
with paused as (${pauseSql({ id: "$1", ms: "$8::float8" })}
), settled as (
  update outbox set
    state = case when $4 = 'sent' and ${stormTurnedSql("$9::boolean", "outbox.channel")} then 'pending'
      when $4 = 'sent' then 'sent'
      when $4 = 'permanent' or clock_timestamp() >= give_up_at then 'dead'
      when action = 'edit' and exists (select from outbox newer
        where newer.fingerprint = outbox.fingerprint and newer.channel = outbox.channel
          and newer.state = 'pending' and (newer.epoch, newer.seq) > (outbox.epoch, outbox.seq))
        then 'dropped'
      else 'pending' end,
    due_at = clock_timestamp() + make_interval(secs => $7::float8 / 1000),
    sent_at = case when $4 = 'sent' then clock_timestamp() end,
    receipt = $6::jsonb, last_error = $5, leased_by = null, leased_at = null
  where id = $1 and state = 'leased' and lease_token = $2
  returning id
), attempt as (
  update delivery_attempts set ended_at = clock_timestamp(), outcome = $4,
    reason = case when $4 = 'sent' and not exists (select from settled) then '${FENCED}' else $5 end
  where id = $3 and delivery_id = $1
)
select id from settled`;

/**
 * Puts a dead letter of a project back, to be tried for another day with a message of its own; and the end
 * that followed it: who is told now that it began is told after that that it ended. False: it is not one.
 */
export async function retryDeadLetter(
  db: Executor,
  { deliveryId, project }: { readonly deliveryId: string; readonly project: string },
): Promise<boolean> {
  if (!/^[0-9]{1,15}$/.test(deliveryId)) return false;
  const rows = await run(db, RETRY_SQL, [deliveryId, project]);
  return rows.length === 1;
}

const AGAIN = `state = 'pending', digest = null, due_at = clock_timestamp(),
    give_up_at = clock_timestamp() + interval '24 h'`;

const RETRY_SQL = `
with again as (
  update outbox set ${AGAIN}
  where id = $1 and state = 'dead' and incident ->> 'project' = $2
  returning id, fingerprint, epoch, seq, channel, action
), ended as (
  update outbox set ${AGAIN}, sent_at = null from again
  where outbox.fingerprint = again.fingerprint and outbox.epoch = again.epoch
    and outbox.channel = again.channel and outbox.seq > again.seq and outbox.action = 'resolve'
    and outbox.state in ('sent', 'dead') and again.action in ('open', 'escalate', 'repeat')
)
select id from again`;

/** In how many ms the next delivery is due, 0 when one is; null when nothing waits. */
export async function nextDueMs(db: Executor): Promise<number | null> {
  const [row] = await run(db, NEXT_DUE_SQL);
  return row === undefined ? null : Math.max(0, numberOf(row, "due_ms"));
}

const NEXT_DUE_SQL = `
select extract(epoch from due_at - clock_timestamp()) * 1000 as due_ms
from outbox where state in ('pending', 'leased') order by due_at limit 1`;
