import { type Executor, run } from "./executor.ts";

/** A processor without a heartbeat for this long is taken for dead. */
export const DEAD_AFTER_SECONDS = 5;
/**
 * A longer pause between two heartbeats starts `alive_since` anew. Shorter than the time after which one
 * is taken for dead, by more than a heartbeat: after an outage of the database that makes others look
 * dead, nobody looks as if it had been there all along.
 */
const GAP_SECONDS_MAX = 3;

/** Says that this processor is alive; call it each second. Its leases are taken over when it is not. */
export async function heartbeat(db: Executor, processorId: string): Promise<void> {
  await run(db, HEARTBEAT_SQL, [processorId]);
}

const HEARTBEAT_SQL = `
insert into processors (id, started_at, heartbeat_at, alive_since)
values ($1, clock_timestamp(), clock_timestamp(), clock_timestamp())
on conflict (id) do update set heartbeat_at = clock_timestamp(),
  alive_since = case
    when processors.heartbeat_at < clock_timestamp() - make_interval(secs => ${GAP_SECONDS_MAX})
      then clock_timestamp() else processors.alive_since end`;

/**
 * This processor stops in order: what it still has leased may be taken over at once, and it looks dead from
 * now on. What may have been sent is looked up by whoever takes it. No `heartbeat` may follow.
 */
export async function retire(db: Executor, processorId: string): Promise<void> {
  await run(db, RETIRE_SQL, [processorId, DEAD_AFTER_SECONDS]);
}

/** The row stays: it says when somebody was running. */
const RETIRE_SQL = `
with handed_back as (
  update outbox set due_at = clock_timestamp() where state = 'leased' and leased_by = $1
)
update processors
set heartbeat_at = clock_timestamp() - make_interval(secs => $2::float8) - interval '1 ms'
where id = $1`;

/** SQL: the processor shows life. */
export function aliveSql(id: string, deadAfterSeconds: string): string {
  return `exists (select from processors p where p.id = ${id}
    and p.heartbeat_at >= statement_timestamp() - make_interval(secs => ${deadAfterSeconds}))`;
}

/**
 * SQL: the processor shows life, and has done so without a gap for so long. Only then is it sure that it
 * could have seen what others wrote in this time: without a database nobody writes.
 */
export function watchfulSql(id: string, forSeconds: string): string {
  return `exists (select from processors p where p.id = ${id}
    and p.heartbeat_at >= statement_timestamp() - make_interval(secs => ${GAP_SECONDS_MAX})
    and p.alive_since <= statement_timestamp() - make_interval(secs => ${forSeconds}))`;
}
