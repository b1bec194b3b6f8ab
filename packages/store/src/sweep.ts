import { type Executor, run } from "./executor.ts";

/** How long what is over is kept. */
export const DELIVERIES_KEPT_DAYS = 14;
export const INCIDENTS_KEPT_DAYS = 90;
const PROCESSORS_KEPT_DAYS = 1;

/**
 * Deletes what has expired, at most `limit` rows of each kind, oldest first; what another process is
 * deleting is skipped. Deliveries of an incident that is still open stay: its edits need their receipts.
 * Returns how many rows went; call again while it is as many as asked for.
 */
export async function sweep(db: Executor, { limit }: { readonly limit: number }): Promise<number> {
  let swept = 0;
  for (const statement of STATEMENTS) {
    swept += (await run(db, statement, [limit])).length;
  }
  return swept;
}

const expired = (column: string, days: number) =>
  `${column} < statement_timestamp() - interval '${days} days'`;

const STATEMENTS = [
  `delete from outbox where id in (
    select o.id from outbox o
    where (o.state in ('sent', 'dropped') and ${expired("o.created_at", DELIVERIES_KEPT_DAYS)}
        or o.state = 'dead' and ${expired("o.created_at", INCIDENTS_KEPT_DAYS)})
      and not exists (select from incidents i
        where i.fingerprint = o.fingerprint and i.epoch = o.epoch and i.state = 'open')
    order by o.id limit $1 for update skip locked)
  returning id`,
  `delete from incident_history where id in (
    select id from incident_history where ${expired("closed_at", INCIDENTS_KEPT_DAYS)}
    order by closed_at limit $1 for update skip locked)
  returning id`,
  // The row is the reservation and counts the epochs: it goes last, when no page can show an epoch of it.
  `delete from incidents where fingerprint in (
    select i.fingerprint from incidents i
    where i.state = 'resolved' and ${expired("i.closed_at", INCIDENTS_KEPT_DAYS)}
      and not exists (select from incident_history h where h.fingerprint = i.fingerprint)
      and not exists (select from outbox o where o.fingerprint = i.fingerprint)
    limit $1 for update skip locked)
  returning fingerprint`,
  `delete from processors where id in (
    select id from processors where ${expired("heartbeat_at", PROCESSORS_KEPT_DAYS)}
    limit $1 for update skip locked)
  returning id`,
];
