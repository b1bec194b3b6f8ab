import { resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { TracerError } from "@tracer/core";
import * as store from "@tracer/store";
import type { Config } from "./config.ts";
import type { Observe } from "./observe.ts";
import type { StopClock } from "./stopping.ts";

export interface Database extends AsyncDisposable {
  readonly pool: store.Pool;
  /** Settles when the embedded server has ended without being asked; never with DATABASE_URL. */
  readonly failed: Promise<Error>;
}

const CONNECTIONS_MAX = 10;
/** The first answer is asked for so often, after such a pause. */
const FIRST_TRIES_MAX = 4;
const FIRST_PAUSE_MS = 1_000;

export interface DatabaseParts {
  /** How long its end may take; as long as it takes when it is not given. */
  readonly stopping?: StopClock;
  /** Called with what the start waits for now. */
  readonly waitFor?: (what: string) => void;
  /** False: the schema is left as it is. Default true. */
  readonly migrates?: boolean;
}

/** Opens the database that the configuration names, or starts the embedded one, and migrates it. */
export async function openDatabase(
  config: Config,
  observe: Observe,
  { stopping, waitFor = () => {}, migrates = true }: DatabaseParts = {},
): Promise<Database> {
  await using stack = new AsyncDisposableStack();
  const what =
    config.databaseUrl === null ? "the embedded database to start" : "the database to answer";
  waitFor(what);
  const embedded =
    config.databaseUrl === null
      ? stack.use(await store.startEmbeddedPostgres({ dataDir: resolve(config.dataDir) }))
      : null;
  const pool = store.openPool({
    connectionString: config.databaseUrl ?? embedded?.connectionString ?? "",
    connectionsMax: CONNECTIONS_MAX,
    onError: (error) => observe({ name: "database_lost", error }),
  });
  stack.defer(() => stopping?.within("close", pool.end()) ?? pool.end());
  await firstAnswer(pool, () => waitFor(what)).catch((error: unknown) => {
    if (embedded !== null || !isUnavailable(error)) throw error;
    throw new TracerError(
      "DATABASE_UNAVAILABLE",
      `DATABASE_URL: ${error.message}. Tracer does not start without its database.`,
      { cause: error },
    );
  });
  waitFor("the database's schema: another Tracer may be migrating it, or the database hangs");
  if (migrates) await store.migrate(pool);
  const owned = stack.move();
  return {
    pool,
    failed: embedded?.exited ?? new Promise<never>(() => {}),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A database that is only just starting, or slow, gets a few tries; one that refuses us by name does not. */
async function firstAnswer(pool: store.Pool, goOn: () => void): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await store.checkServerVersion(pool);
    } catch (error) {
      const cause = isUnavailable(error) ? error.cause : null;
      // Postgres' own errors have a severity.
      const isSilent = cause instanceof Error && !("severity" in cause);
      if (tries >= FIRST_TRIES_MAX || !isSilent) throw error;
      await pause(FIRST_PAUSE_MS);
      goOn();
    }
  }
}

/** The database is away: worth another try later. Anything else is a mistake of ours. */
export function isUnavailable(error: unknown): error is TracerError {
  return error instanceof TracerError && error.code === "DATABASE_UNAVAILABLE";
}
