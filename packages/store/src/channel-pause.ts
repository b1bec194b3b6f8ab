import type { Verdict } from "@tracer/core";

/*
 * A channel that asked to be left alone is left alone by every processor: its pause is a row of `leases`,
 * until it is over by the database's clock.
 */

/** SQL: the channel, an SQL expression, has not asked to be left alone. */
export function notPausedSql(channel: string): string {
  return `not exists (select from leases where name = 'pause:' || ${channel} and until > statement_timestamp())`;
}

/** SQL, for a CTE: pauses the channel of outbox row `id` for `ms`, unless that is null. A longer pause stays. */
export function pauseSql({ id, ms }: { readonly id: string; readonly ms: string }): string {
  return `
  insert into leases as held (name, holder, until)
  select 'pause:' || channel, 'Retry-After', clock_timestamp() + make_interval(secs => ${ms} / 1000)
  from outbox where id = ${id} and ${ms} is not null
  on conflict (name) do update set until = greatest(held.until, excluded.until)`;
}

/** How long a verdict's provider wants to be left alone, in ms; null when it did not say. */
export function pauseMsOf(verdict: Verdict): number | null {
  return verdict.kind === "retry" ? verdict.afterMs : null;
}
