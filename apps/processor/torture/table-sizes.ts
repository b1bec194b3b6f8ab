import type { Pool } from "@tracer/store";

/** What each incident and its messages leave behind, until the sweeper deletes them days later. */
const HISTORY = ["incidents", "incident_history", "outbox", "delivery_attempts"];

export interface TableSizes {
  /** Of all tables that say how things are now, with their indexes. */
  readonly steadyBytes: number;
  /** Of the tables that keep what was, with their indexes, for each row of theirs. */
  readonly bytesPerRow: number;
}

/** Fewer say nothing about what one takes: a table is at least some pages. */
const ROWS_MIN = 500;

export async function readTableSizes(pool: Pool): Promise<TableSizes> {
  const { rows } = await pool.query<{ steady: number; history: number; kept: number }>(
    `select coalesce(sum(bytes) filter (where not is_history), 0)::float8 as steady,
       coalesce(sum(bytes) filter (where is_history), 0)::float8 as history,
       (${HISTORY.map((table) => `(select count(*) from ${table})`).join(" + ")})::float8 as kept
     from (select pg_total_relation_size(oid) as bytes, relname::text = any($1) as is_history
       from pg_class where relkind = 'r' and relnamespace =
         (select relnamespace from pg_class where oid = 'incidents'::regclass)) t`,
    [HISTORY],
  );
  const { steady = 0, history = 0, kept = 0 } = rows[0] ?? {};
  return { steadyBytes: steady, bytesPerRow: kept < ROWS_MIN ? 0 : history / kept };
}
