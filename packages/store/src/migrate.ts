import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { TracerError } from "@tracer/core";
import pg from "pg";
import { drizzle, readMigrationFiles, runMigrations } from "./drizzle.ts";
import { translated } from "./executor.ts";
import { asRow, listOf, numberOf, textOf, textOrNull } from "./row.ts";

/** Any constant of our own: "trac" in ASCII. */
const MIGRATION_LOCK = 0x74_72_61_63;

const FOLDER = resolve(import.meta.dirname, "../../../drizzle");

export interface MigrateOptions {
  /** Folder of the SQL files and their journal. Default: `drizzle` at the top of the repository. */
  readonly folder?: string;
}

/**
 * Brings the schema up to date. Several processes may call it at once: each takes one connection of its
 * own, waits for the lock, migrates what is left to do and unlocks, all on that one connection.
 *
 * @throws TracerError MIGRATION_FAILED (also when a newer Tracer has migrated the database further),
 *   DATABASE_UNAVAILABLE.
 */
export async function migrate(pool: pg.Pool, options: MigrateOptions = {}): Promise<void> {
  const folder = options.folder ?? FOLDER;
  await withMigrationLock(pool, async (client) => {
    try {
      await assertNotNewer(client, folder);
      await runMigrations(drizzle({ client }), { migrationsFolder: folder });
    } catch (cause) {
      if (cause instanceof TracerError) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new TracerError(
        "MIGRATION_FAILED",
        `The schema was not brought up to date: ${reason}`,
        {
          cause,
        },
      );
    }
  });
}

/** A migration that has not been run. */
export interface PendingMigration {
  /** As its file, such as `0005_routes`. */
  readonly name: string;
  readonly statements: readonly string[];
}

/**
 * What `migrate` would run, in order; runs nothing.
 *
 * @throws TracerError MIGRATION_FAILED when a newer Tracer has migrated the database further, DATABASE_UNAVAILABLE.
 */
export async function pendingMigrations(
  pool: pg.Pool,
  options: MigrateOptions = {},
): Promise<PendingMigration[]> {
  const folder = options.folder ?? FOLDER;
  return withMigrationLock(pool, async (client) => {
    await assertNotNewer(client, folder);
    const newest = await newestApplied(client);
    const names = await namesByTime(folder);
    return readMigrationFiles({ migrationsFolder: folder })
      .filter(({ folderMillis }) => folderMillis > newest)
      .map(({ folderMillis, sql: statements }) => ({
        name: names.get(folderMillis) ?? String(folderMillis),
        statements: statements.map((statement) => statement.trim()),
      }));
  });
}

/** Names of migrations by the time that Drizzle knows them by. */
async function namesByTime(folder: string): Promise<Map<number, string>> {
  const journal: unknown = JSON.parse(await readFile(`${folder}/meta/_journal.json`, "utf8"));
  return new Map(
    listOf(asRow(journal, "journal"), "entries").map((each) => {
      const entry = asRow(each, "entry");
      return [numberOf(entry, "when"), textOf(entry, "tag")];
    }),
  );
}

/** Runs `body` on one connection without time-outs, alone among all processes of this database. */
export async function withMigrationLock<Result>(
  pool: pg.Pool,
  body: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const { connectionString, connectionTimeoutMillis } = pool.options;
  const client = new pg.Client({
    ...(connectionString === undefined ? {} : { connectionString }),
    ...(connectionTimeoutMillis === undefined ? {} : { connectionTimeoutMillis }),
    application_name: "tracer-migrate",
  });
  client.on("error", () => {}); // Also reported by the statement in hand.
  try {
    await client.connect().catch((error: unknown) => {
      throw translated(error);
    });
    await client.query("select pg_advisory_lock($1)", [MIGRATION_LOCK]);
    return await body(client);
  } finally {
    await client.end(); // Ends the session, and with it the lock.
  }
}

async function assertNotNewer(client: pg.Client, folder: string): Promise<void> {
  const known = readMigrationFiles({ migrationsFolder: folder });
  const newestKnown = Math.max(...known.map((migration) => migration.folderMillis));
  if ((await newestApplied(client)) <= newestKnown) return;
  throw new TracerError(
    "MIGRATION_FAILED",
    "The database was migrated by a newer Tracer. Start that version or a later one.",
  );
}

/** The time of the newest migration that the database has seen; 0 for an empty one. */
async function newestApplied(client: pg.Client): Promise<number> {
  const table = await client.query<Record<string, unknown>>(
    "select to_regclass('drizzle.__drizzle_migrations')::text as name",
  );
  if (textOrNull(table.rows[0] ?? { name: null }, "name") === null) return 0;
  const newest = await client.query<Record<string, unknown>>(
    "select coalesce(max(created_at), 0) as newest from drizzle.__drizzle_migrations",
  );
  return numberOf(newest.rows[0] ?? { newest: 0 }, "newest");
}
