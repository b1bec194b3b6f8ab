import { TracerError } from "@tracer/core";
import type pg from "pg";
import { Breaker } from "./breaker.ts";

/** A pool, or one client of it: the caller owns the boundary of a transaction. */
export type Executor = Pick<pg.Pool, "query"> | Pick<pg.ClientBase, "query">;

/** A row as it comes from the driver. The readers of `row.ts` take it apart. */
export type Row = Readonly<Record<string, unknown>>;

/**
 * Runs one statement. A statement with a name, always the same one for a text, is planned once for each
 * connection: for one that is long and runs often, that is most of what it costs. A pool throws the
 * connection away after any error, so that one which timed out on our side is never used again. A pool
 * with a breaker is not asked while the database is away.
 *
 * @throws TracerError DATABASE_UNAVAILABLE when the database could not be asked or did not answer in
 *   time; the driver's error otherwise (a mistake of ours).
 */
export async function run(
  db: Executor,
  text: string,
  values: unknown[] = [],
  name?: string,
): Promise<Row[]> {
  const named = name === undefined ? {} : { name };
  const ask = async () => {
    try {
      const result = await db.query<Record<string, unknown>>({ ...named, text, values });
      return result.rows;
    } catch (error) {
      throw translated(error);
    }
  };
  const breaker = "breaker" in db && db.breaker instanceof Breaker ? db.breaker : null;
  return breaker === null ? ask() : breaker.call(ask);
}

/**
 * Classes of SQLSTATE that say "not now": connection, transaction state (a server that is read-only, as
 * a standby is), login, no such database, resources, operator, system.
 */
const UNAVAILABLE_CLASSES = ["08", "25", "28", "3D", "53", "57", "58"];

/** Within those classes: the database is there, and refused or gave up what it was asked. */
const ANSWERED_STATES = ["25", "58"];
const STATEMENT_TIMEOUT = "57014";

/** The error says that the database could not be asked, rather than what it thinks of a statement. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof TracerError)) return false;
  const code = sqlStateOf(error.cause);
  if (code === null) return true;
  const unavailable = UNAVAILABLE_CLASSES.includes(code.slice(0, 2));
  return unavailable && code !== STATEMENT_TIMEOUT && !ANSWERED_STATES.includes(code.slice(0, 2));
}

/** Makes a TracerError of an error that says that the database is away; others stay as they are. */
export function translated(error: unknown): unknown {
  const code = sqlStateOf(error);
  if (code !== null && !UNAVAILABLE_CLASSES.includes(code.slice(0, 2))) return error;
  const reason = error instanceof Error ? error.message || String(error) : String(error);
  return new TracerError("DATABASE_UNAVAILABLE", `The database did not answer: ${reason}`, {
    cause: error,
  });
}

/** Five characters that Postgres names its errors by; null for an error that is not Postgres'. */
export function sqlStateOf(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error) || !("severity" in error)) return null;
  return typeof error.code === "string" && error.code.length === 5 ? error.code : null;
}
