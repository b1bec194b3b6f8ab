import { randomBytes } from "node:crypto";
import { migrate, openPool, type Pool } from "@tracer/store";
import pg from "pg";

/** Where `global-postgres.ts` tells the tests which server to use, and which database to clone. */
export const SERVER_VARIABLE = "TEST_DATABASE_URL";
export const TEMPLATE_VARIABLE = "TRACER_TEST_TEMPLATE";

export interface TestDatabase extends AsyncDisposable {
  /** For another process, or a pool of one's own. */
  readonly connectionString: string;
  readonly pool: Pool;
}

export interface TestDatabaseOptions {
  /** Connections of `pool`, default 25: more than the twenty that tests let race. */
  readonly connectionsMax?: number;
}

/**
 * A database of its own, cloned from a migrated one, and dropped at the end with whoever is still
 * connected to it. Needs the global set-up of the vitest projects `pg`, `fault` and `e2e`.
 */
export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  return createDatabase(`template ${variable(TEMPLATE_VARIABLE)}`, options);
}

/** An empty database without a schema, for tests of the migrations themselves. */
export async function createEmptyDatabase(
  options: TestDatabaseOptions = {},
): Promise<TestDatabase> {
  return createDatabase("", options);
}

/**
 * Lets time pass for everything that a database holds: every instant in its tables moves `seconds` into
 * the past. Negative: back.
 */
export async function passTime(pool: Pool, seconds: number): Promise<void> {
  const { rows } = await pool.query<{ statement: string | null }>(
    `select string_agg(statement, '; ') as statement from (
       select format('update %I set %s', table_name, string_agg(
         format(case when data_type = 'ARRAY'
             then '%1$I = array(select each - make_interval(secs => %2$s) from unnest(%1$I) with ordinality as u (each, n) order by n)'
             else '%1$I = %1$I - make_interval(secs => %2$s)' end, column_name, $1::float8), ', ')) as statement
       from information_schema.columns
       where table_schema = current_schema() and udt_name in ('timestamptz', '_timestamptz') group by table_name) s`,
    [seconds],
  );
  await pool.query(rows[0]?.statement ?? "");
}

/** Makes the migrated database that the tests clone. Nobody may stay connected to it. */
export async function createTemplate(server: string): Promise<string> {
  const name = uniqueName("template");
  await onServer(server, `create database ${name}`);
  const pool = openPool({ connectionString: withDatabase(server, name) });
  await migrate(pool);
  await pool.end();
  return name;
}

export async function dropTemplate(server: string, name: string): Promise<void> {
  await onServer(server, `drop database ${name} with (force)`);
}

async function createDatabase(
  clause: string,
  { connectionsMax = 25 }: TestDatabaseOptions,
): Promise<TestDatabase> {
  const server = variable(SERVER_VARIABLE);
  const name = uniqueName("test");
  await onServer(server, `create database ${name} ${clause}`);
  const connectionString = withDatabase(server, name);
  const pool = openPool({ connectionString, connectionsMax });
  return {
    connectionString,
    pool,
    [Symbol.asyncDispose]: async () => {
      await pool.end();
      await onServer(server, `drop database ${name} with (force)`);
    },
  };
}

function variable(name: string): string {
  const value = process.env[name];
  if (value !== undefined) return value;
  throw new Error("No test server: is this one of *.pg.test.ts, *.fault.test.ts, *.e2e.test.ts?");
}

function uniqueName(kind: string): string {
  return `tracer_${kind}_${randomBytes(6).toString("hex")}`;
}

function withDatabase(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.toString();
}

/** One statement on a connection of its own, without time-outs: databases are made and dropped outside transactions. */
async function onServer(server: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
