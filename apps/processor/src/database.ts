import { resolve } from "node:path";
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

export interface DatabaseParts {
  /** How long its end may take; as long as it takes when it is not given. */
  readonly stopping?: StopClock;
  /** Called with what the start waits for now. */
  readonly waitFor?: (what: string) => void;
}

/** Opens the database that the configuration names, or starts the embedded one, and migrates it. */
export async function openDatabase(
  config: Config,
  observe: Observe,
  { stopping, waitFor = () => {} }: DatabaseParts = {},
): Promise<Database> {
  await using stack = new AsyncDisposableStack();
  waitFor(
    config.databaseUrl === null ? "the embedded database to start" : "the database to answer",
  );
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
  await store.checkServerVersion(pool).catch((error: unknown) => {
    if (embedded !== null || !isUnavailable(error)) throw error;
    throw new TracerError("DATABASE_UNAVAILABLE", `DATABASE_URL: ${error.message}`, {
      cause: error,
    });
  });
  waitFor("the database's schema: another Tracer may be migrating it, or the database hangs");
  await store.migrate(pool);
  const owned = stack.move();
  return {
    pool,
    failed: embedded?.exited ?? new Promise<never>(() => {}),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The database is away: worth another try later. Anything else is a mistake of ours. */
export function isUnavailable(error: unknown): error is TracerError {
  return error instanceof TracerError && error.code === "DATABASE_UNAVAILABLE";
}
