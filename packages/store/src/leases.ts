import { type Executor, run } from "./executor.ts";
import { DEAD_AFTER_SECONDS } from "./processors.ts";

/** A lease that is not renewed is over after this long. */
export const LEASE_SECONDS = 5;
/** A free lease is left to an older processor, which knows more, for this long… */
const YIELD_SECONDS = 2;
/** …and by one that has only just started for this long: the older one may not have heard of it yet. */
const NEW_SECONDS = 10;

export interface LeaseOptions {
  readonly name: string;
  /** Id of the processor that wants to hold it. */
  readonly holder: string;
}

/**
 * Takes the lease or renews it, and says whether it is the caller's now; call it each second. Free is one
 * that its holder has not renewed for LEASE_SECONDS by the database's clock, and of several that live the
 * processor that started first gets it.
 */
export async function holdLease(db: Executor, { name, holder }: LeaseOptions): Promise<boolean> {
  const rows = await run(db, HOLD_SQL, [name, holder]);
  return rows.length === 1;
}

/** Gives the lease back, if it is the caller's: another may have it at once. */
export async function releaseLease(db: Executor, { name, holder }: LeaseOptions): Promise<void> {
  await run(db, "delete from leases where name = $1 and holder = $2", [name, holder]);
}

// In `do update … where` the row is locked and the clock is read after that.
const HOLD_SQL = `
with mine as (
  select coalesce((select started_at from processors where id = $2), clock_timestamp()) as started_at
), state as (
  select mine.started_at > clock_timestamp() - make_interval(secs => ${NEW_SECONDS}) as is_new,
    exists (select from processors p where p.id <> $2 and p.started_at < mine.started_at
      and p.heartbeat_at >= clock_timestamp() - make_interval(secs => ${DEAD_AFTER_SECONDS})) as yields
  from mine)
insert into leases as held (name, holder, until)
select $1, $2, clock_timestamp() + make_interval(secs => ${LEASE_SECONDS})
from state
where not (is_new and yields) or exists (select from leases where name = $1 and holder = $2)
on conflict (name) do update
set holder = excluded.holder, until = clock_timestamp() + make_interval(secs => ${LEASE_SECONDS})
where held.holder = excluded.holder
  or held.until < clock_timestamp() - make_interval(
    secs => case when (select yields from state) then ${YIELD_SECONDS} else 0 end)
returning holder`;
