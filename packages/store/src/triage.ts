import type { Incident, TriageNote } from "@tracer/core";
import { type Executor, run } from "./executor.ts";
import { incidentOf, incidentSql } from "./incident-json.ts";
import { retryOnLock } from "./retry-on-lock.ts";
import { SILENCES_CTE, silencedBySql } from "./silence-match.ts";

/** An incident that nobody has asked about for this long after it opened is left alone: it would be no news. */
const FRESH_MINUTES = 15;
/** As for any other delivery. */
const GIVE_UP_HOURS = 24;
const EDIT_SECONDS = 30;

/** What became of a question: a note; too late for one; a reason for none. */
export const TRIAGE_OUTCOMES = ["noted", "late", "capped", "failed", "timeout", "invalid"] as const;

export type TriageOutcome = (typeof TRIAGE_OUTCOMES)[number];

export interface ClaimTriageOptions {
  readonly processorId: string;
}

/**
 * Takes an open incident that people were told of and no processor has asked a model about, the gravest first;
 * null when there is none. It is this processor's for good: if it dies, nobody asks again.
 */
export async function claimTriage(
  db: Executor,
  { processorId }: ClaimTriageOptions,
): Promise<Incident | null> {
  const [row] = await run(db, CLAIM_SQL, [processorId]);
  return row === undefined ? null : incidentOf(row["incident"]);
}

const CLAIM_SQL = `
with candidate as (
  select i.fingerprint, i.epoch from incidents i
  where i.state = 'open' and cardinality(i.channels) > 0
    and i.opened_at > statement_timestamp() - interval '${FRESH_MINUTES} min'
    and not exists (select from triages t where t.fingerprint = i.fingerprint and t.epoch = i.epoch)
  order by i.severity desc, i.opened_at limit 1
), claimed as (
  insert into triages (fingerprint, epoch, claimed_at, claimed_by)
  select fingerprint, epoch, clock_timestamp(), $1 from candidate
  on conflict (fingerprint, epoch) do nothing
  returning fingerprint, epoch
)
select ${incidentSql("i")} as incident
from claimed join incidents i on i.fingerprint = claimed.fingerprint and i.epoch = claimed.epoch`;

/** Takes one of the calls that all processors together may make within an hour. False: they are used up. */
export async function countTriageCall(
  db: Executor,
  { hourlyMax }: { readonly hourlyMax: number },
): Promise<boolean> {
  const rows = await retryOnLock(() => run(db, COUNT_SQL, [hourlyMax]));
  return rows.length === 1;
}

// In `do update` the row is locked, and what it says is what the last caller wrote.
const WITHIN_THE_HOUR = `select call from unnest(held.calls) call
    where call > clock_timestamp() - interval '1 hour'`;
const COUNT_SQL = `
insert into triage_budget as held (id, calls) values (1, array[clock_timestamp()])
on conflict (id) do update set calls = array(${WITHIN_THE_HOUR}) || clock_timestamp()
where (select count(*) from (${WITHIN_THE_HOUR}) made) < $1
returning id`;

export interface SettleTriageOptions {
  readonly incident: Pick<Incident, "fingerprint" | "epoch">;
  readonly processorId: string;
  /** A note, or why there is none. */
  readonly result: TriageNote | Exclude<TriageOutcome, "noted" | "late">;
}

/**
 * Writes what became of the question. A note for an incident that is still open goes to the channels that
 * show it as an edit, and never as a message of its own; while a silence holds, with whatever is told after it.
 */
export async function settleTriage(
  db: Executor,
  { incident, processorId, result }: SettleTriageOptions,
): Promise<TriageOutcome> {
  const { fingerprint, epoch } = incident;
  if (typeof result === "string") {
    await run(db, FAILED_SQL, [fingerprint, epoch, processorId, result]);
    return result;
  }
  const values = [fingerprint, epoch, processorId, JSON.stringify(result)];
  const rows = await retryOnLock(() => run(db, NOTE_SQL, values));
  if (rows.length === 1) return "noted";
  await run(db, FAILED_SQL, [fingerprint, epoch, processorId, "late"]);
  return "late";
}

const MINE = "fingerprint = $1 and epoch = $2 and claimed_by = $3 and outcome is null";

const FAILED_SQL = `update triages set outcome = $4 where ${MINE}`;

const SILENCED = silencedBySql(
  { row: "i", severity: "i.severity", evidence: "i.evidence" },
  "clock_timestamp()",
);

/** The rows of the outbox hold the incident without the note: a channel is shown an edit as the incident then is. */
const NOTE_SQL = `
with ${SILENCES_CTE}, held as materialized (
  select i.fingerprint, i.epoch, ${SILENCED} is not null as silenced from incidents i
  where i.fingerprint = $1 and i.epoch = $2 and i.state = 'open' for update
), noted as (
  update triages set note = $4::jsonb, outcome = 'noted' from held
  where triages.fingerprint = $1 and triages.epoch = $2 and claimed_by = $3 and outcome is null
  returning triages.fingerprint, held.silenced
), touched as (
  update incidents i set seq = i.seq + case when noted.silenced then 0 else 1 end,
    text_pending = i.text_pending or noted.silenced,
    edit_after = case when noted.silenced then i.edit_after
      else greatest(i.edit_after, clock_timestamp() + interval '${EDIT_SECONDS} s') end
  from noted where i.fingerprint = noted.fingerprint
  returning i.*, noted.silenced
), announced as (
  insert into outbox
    (fingerprint, epoch, seq, channel, action, incident, created_at, due_at, give_up_at)
  select t.fingerprint, t.epoch, t.seq, unnest(t.channels), 'edit', ${incidentSql("t")},
    c.clock, c.clock, c.clock + interval '${GIVE_UP_HOURS} h'
  from touched t, (select clock_timestamp() as clock offset 0) c where not t.silenced
  on conflict (fingerprint, epoch, channel) where action = 'edit' and state = 'pending'
  do update set seq = excluded.seq, incident = excluded.incident
)
select fingerprint from touched`;
