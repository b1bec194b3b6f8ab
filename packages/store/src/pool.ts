import { systemClock, TracerError } from "@tracer/core";
import pg from "pg";
import { Breaker } from "./breaker.ts";
import { type Executor, isDatabaseAway, run, translated } from "./executor.ts";
import { numberOf } from "./row.ts";

/** `server_version_num` of Postgres 14. */
const SERVER_VERSION_MIN = 140_000;
const LOCK_TIMEOUT_MS = 1_000;
const STATEMENT_TIMEOUT_MS = 1_800;
/** Ours is the longer one: the server's answer to its own time-out tells more. */
const QUERY_TIMEOUT_MS = 2_000;
/** For a new connection, and for one of the pool to be free. */
const CONNECT_TIMEOUT_MS = 1_400;
/** For the question whether the database is back. */
const PROBE_TIMEOUT_MS = 1_000;

const TIMEOUTS = {
  lock_timeout: LOCK_TIMEOUT_MS,
  statement_timeout: STATEMENT_TIMEOUT_MS,
  query_timeout: QUERY_TIMEOUT_MS,
  idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
  connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
};

export type Pool = pg.Pool;

export interface PoolOptions {
  readonly connectionString: string;
  /** Shown in pg_stat_activity. Default `tracer`. */
  readonly applicationName?: string;
  /** Default 10. */
  readonly connectionsMax?: number;
  /** True: no time-outs, for tools that may wait and for those that look after tests. Default false. */
  readonly patient?: boolean;
  /** Told when an idle connection breaks. The pool replaces it by itself. */
  readonly onError?: (error: Error) => void;
}

/**
 * A pool whose calls end within 3 s, whatever the database does: 1.4 s for a connection, 1 s for a lock,
 * 1.8 s for a statement, 2 s until we stop waiting and throw the connection away. After some failures in
 * a row the database is not asked for half a second at a time (breaker.ts). Connects at the first use. The
 * caller ends it.
 */
export function openPool(options: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.connectionString,
    application_name: options.applicationName ?? "tracer",
    max: options.connectionsMax ?? 10,
    ...(options.patient === true ? {} : TIMEOUTS),
    keepAlive: true,
  });
  // Without a listener, an idle connection that Postgres closes takes the process down.
  pool.on("error", (error) => {
    if (!pool.ending) options.onError?.(error); // Closed by us, or by a server that is closed with us.
  });
  const probe = async () => {
    const question = { text: "select 1", query_timeout: PROBE_TIMEOUT_MS };
    await pool.query(question).catch((error: unknown) => {
      throw translated(error);
    });
  };
  const { monotonicMs } = systemClock;
  const breaker = new Breaker({ monotonicMs, probe, isFailure: isDatabaseAway });
  return Object.assign(pool, { breaker });
}

/**
 * @throws TracerError DATABASE_UNAVAILABLE when the database is away or older than Postgres 14.
 */
export async function checkServerVersion(db: Executor): Promise<void> {
  const [row] = await run(db, "select current_setting('server_version_num')::int as version");
  const version = row === undefined ? 0 : numberOf(row, "version");
  if (version >= SERVER_VERSION_MIN) return;
  throw new TracerError(
    "DATABASE_UNAVAILABLE",
    `Tracer needs Postgres 14 or newer; the database is ${Math.floor(version / 10_000)}. Point ` +
      "DATABASE_URL at a newer one, or unset it to use the database that Tracer brings.",
    { details: { version } },
  );
}

/** The database's clock, in ms since the epoch. The caller measures the round trip around it. */
export async function serverTimeMs(db: Executor): Promise<number> {
  const [row] = await run(db, "select extract(epoch from clock_timestamp()) * 1000 as now_ms");
  return numberOf(row ?? {}, "now_ms");
}
