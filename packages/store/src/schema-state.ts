import { resolve } from "node:path";
import { readMigrationFiles } from "./drizzle.ts";
import { type Executor, run } from "./executor.ts";
import { numberOf, textOrNull } from "./row.ts";

/** How the database's schema stands to what this version of Tracer wants. */
export type SchemaState =
  | { readonly kind: "current" }
  /** So many steps are missing; `start` and `migrate` take them. All: the database is empty. */
  | { readonly kind: "behind"; readonly steps: number; readonly isEmpty: boolean }
  /** A newer Tracer has migrated it. */
  | { readonly kind: "newer" };

/** Compares without changing anything. Throws DATABASE_UNAVAILABLE. */
export async function schemaState(
  db: Executor,
  folder = resolve(import.meta.dirname, "../../../drizzle"),
): Promise<SchemaState> {
  const known = readMigrationFiles({ migrationsFolder: folder }).map((each) => each.folderMillis);
  const [table = { name: null }] = await run(
    db,
    "select to_regclass('drizzle.__drizzle_migrations')::text as name",
  );
  if (textOrNull(table, "name") === null) {
    return { kind: "behind", steps: known.length, isEmpty: true };
  }
  const [row = { newest: 0 }] = await run(
    db,
    "select coalesce(max(created_at), 0) as newest from drizzle.__drizzle_migrations",
  );
  const newest = numberOf(row, "newest");
  if (newest > Math.max(...known)) return { kind: "newer" };
  const steps = known.filter((each) => each > newest).length;
  return steps === 0 ? { kind: "current" } : { kind: "behind", steps, isEmpty: false };
}
