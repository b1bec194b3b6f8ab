import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { TracerError } from "@tracer/core";
import { migrate, openPool, startEmbeddedPostgres } from "@tracer/store";

/** A database, or a schema of one, that belongs to one row and is dropped with it. */
export interface Scratch extends AsyncDisposable {
  readonly connectionString: string;
}

/** Where scratch databases are made. */
export interface Place extends AsyncDisposable {
  /** In words, for the report. */
  readonly what: string;
  readonly create: () => Promise<Scratch>;
}

const EMBEDDED_CONNECTIONS_MAX = 300;
const DRIZZLE = resolve(import.meta.dirname, "../../../drizzle");

/** A server of our own with fsync, in a temporary folder. */
export async function embeddedPlace(): Promise<Place> {
  await using stack = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), "tracer-torture-"));
  stack.defer(() => rm(dataDir, { recursive: true, force: true, maxRetries: 5 }));
  const server = stack.use(
    await startEmbeddedPostgres({ dataDir, connectionsMax: EMBEDDED_CONNECTIONS_MAX }),
  );
  const owned = stack.move();
  return {
    what: "an embedded Postgres with fsync",
    create: () => createDatabase(server.connectionString),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/**
 * The user's own Postgres: scratch databases beside the one that is named, or where the user may not make
 * any, scratch schemas in it. Nothing else is read or written.
 *
 * @throws TracerError DATABASE_UNAVAILABLE: it is away, or lets us make neither.
 */
export async function givenPlace(connectionString: string): Promise<Place> {
  const may = await permissions(connectionString);
  if (may === "nothing") {
    throw new TracerError(
      "DATABASE_UNAVAILABLE",
      "The torture needs a place of its own: the user of --database-url may create neither a database " +
        "nor a schema. Give it CREATEDB, or CREATE on the database. Nothing was changed.",
    );
  }
  const create = may === "database" ? createDatabase : createSchema;
  return {
    what:
      may === "database"
        ? "scratch databases on --database-url"
        : "scratch schemas of --database-url",
    create: () => create(connectionString),
    [Symbol.asyncDispose]: async () => {},
  };
}

async function permissions(connectionString: string): Promise<"database" | "schema" | "nothing"> {
  const { rows } = await onServer(
    connectionString,
    `select rolcreatedb or rolsuper as database,
       has_database_privilege(current_database(), 'create') as schema
     from pg_roles where rolname = current_user`,
  );
  if (rows[0]?.["database"] === true) return "database";
  return rows[0]?.["schema"] === true ? "schema" : "nothing";
}

async function createDatabase(server: string): Promise<Scratch> {
  const name = scratchName();
  await onServer(server, `create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  const connectionString = url.toString();
  const pool = openPool({ connectionString, patient: true });
  await migrate(pool);
  await pool.end();
  const drop = () => onServer(server, `drop database ${name} with (force)`);
  return { connectionString, [Symbol.asyncDispose]: async () => void (await drop()) };
}

/** Tables go by the search path; the two names that a migration spells out are made to follow it. */
async function createSchema(server: string): Promise<Scratch> {
  const name = scratchName();
  await onServer(server, `create schema ${name}`);
  const url = new URL(server);
  url.searchParams.set("options", `-c search_path=${name}`);
  const connectionString = url.toString();
  const pool = openPool({ connectionString, patient: true });
  const { entries } = JSON.parse(await readFile(join(DRIZZLE, "meta/_journal.json"), "utf8"));
  for (const { tag } of entries) {
    const text = await readFile(join(DRIZZLE, `${tag}.sql`), "utf8");
    for (const statement of text.split("--> statement-breakpoint")) {
      await pool.query(statement.replaceAll('"public".', `"${name}".`));
    }
  }
  await pool.end();
  const drop = () => onServer(server, `drop schema ${name} cascade`);
  return { connectionString, [Symbol.asyncDispose]: async () => void (await drop()) };
}

function scratchName(): string {
  return `tracer_torture_${randomBytes(6).toString("hex")}`;
}

/** One statement on a connection of its own. */
async function onServer(connectionString: string, statement: string) {
  const pool = openPool({ connectionString, connectionsMax: 1, patient: true });
  try {
    return await pool.query<Record<string, unknown>>(statement);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TracerError("DATABASE_UNAVAILABLE", `--database-url: ${reason}`, { cause });
  } finally {
    await pool.end();
  }
}
