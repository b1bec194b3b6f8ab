import { type Executor, run } from "./executor.ts";
import { textOf } from "./row.ts";

/** Small things that outlive a process: sessions of providers, connected accounts, what people were told. */
export interface Kept {
  readonly name: string;
  /** JSON. */
  readonly value: unknown;
  /** When it was last written, ISO 8601, by the database's clock. */
  readonly keptAt: string;
}

/** Values of one prefix that are listed. */
export const KEPT_LISTED_MAX = 1_000;

/** The JSON that was kept under a name; null when nothing was. */
export async function readKept(db: Executor, name: string): Promise<unknown> {
  const [row] = await run(db, "select value from kept where name = $1", [name]);
  return row?.["value"] ?? null;
}

/** All whose names begin so, by name. */
export async function listKept(db: Executor, prefix: string): Promise<Kept[]> {
  const rows = await run(db, LIST_SQL, [prefix, KEPT_LISTED_MAX]);
  return rows.map((row) => ({
    name: textOf(row, "name"),
    value: row["value"],
    keptAt: textOf(row, "kept_at"),
  }));
}

const LIST_SQL = `
select name, value, to_char(kept_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as kept_at
from kept where starts_with(name, $1) order by name limit $2`;

/** Keeps a value, in place of what was under the name. */
export async function keep(db: Executor, name: string, value: unknown): Promise<void> {
  await run(db, KEEP_SQL, [name, JSON.stringify(value)]);
}

const KEEP_SQL = `
insert into kept (name, value, kept_at) values ($1, $2::jsonb, clock_timestamp())
on conflict (name) do update set value = excluded.value, kept_at = clock_timestamp()`;

/** Forgets a value. False: there was none. */
export async function forget(db: Executor, name: string): Promise<boolean> {
  return (await run(db, "delete from kept where name = $1 returning name", [name])).length > 0;
}
