import { createServer } from "node:net";
import { resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { TracerError } from "@tracer/core";
import { findBinaries, reachableBinaries, type ServerBinaries } from "./embedded-binaries.ts";
import { type Cluster, openCluster, stopOrphan } from "./embedded-cluster.ts";
import { type RunningServer, runServer, type ServerExit } from "./embedded-server.ts";
import { lockFolder } from "./folder-lock.ts";

/** Between finding a free port and the server taking it, another program may take it. */
const PORT_TRIES_MAX = 5;
/** How often, and after what pause, a start is tried again while an old server's helpers still end. */
const ORPHAN_TRIES_MAX = 40;
const ORPHAN_PAUSE_MS = 250;
/** A Tracer that was killed and is started again at once may find the old lock for a moment. */
const LOCK_WAIT_MS = 1_000;

export interface EmbeddedOptions {
  /** Made (mode 0700) when missing. The database is in `postgres` within it. */
  readonly dataDir: string;
  /** Default true. False: faster, and a power cut may cost the database. For tests. */
  readonly fsync?: boolean;
  /** Connections the server takes, default 40. */
  readonly connectionsMax?: number;
}

/** A database server of our own, a child of this process. */
export interface EmbeddedPostgres extends AsyncDisposable {
  /** `postgres://…@127.0.0.1:PORT/postgres`, holds the password. */
  readonly connectionString: string;
  readonly port: number;
  readonly pid: number;
  readonly dataDir: string;
  /** Settles when the server has ended without being asked; never when `stop` ended it. Never rejects. */
  readonly exited: Promise<Error>;
  /** Stops the server and gives the folder free. Again is harmless. */
  stop(): Promise<void>;
}

/**
 * Starts the Postgres server that comes with Tracer, making its database on the first start (about a
 * second). Whatever an earlier Tracer left behind is stopped and recovered. Listens on a free port of
 * 127.0.0.1, with a password that only this data folder holds.
 *
 * @throws TracerError DATA_DIR_LOCKED (another Tracer is on the folder), DATA_DIR_UNUSABLE (not
 *   writable, of another user or another major version, damaged), EMBEDDED_UNSUPPORTED (no server for
 *   this machine).
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir);
  const fsync = options.fsync ?? true;
  const found = findBinaries();
  using stack = new DisposableStack(); // Gives the folder free again if a step below throws.
  stack.use(await lockFolder(dataDir, { waitMs: LOCK_WAIT_MS }));
  const binaries = process.getuid?.() === 0 ? reachableBinaries(found) : found;
  const cluster = await openCluster(dataDir, binaries, { fsync });
  await stopOrphan(cluster);
  const settings = settingsOf({ fsync, connectionsMax: options.connectionsMax ?? 40 });
  const { server, port } = await runOnFreePort(cluster, binaries, settings);
  const lock = stack.move();
  const died = Promise.withResolvers<Error>();
  let stopping = false;
  void server.exited.then((exit) => {
    if (!stopping) died.resolve(diedError(exit));
  });
  const stop = async () => {
    stopping = true;
    await server.stop();
    lock.dispose();
  };
  return {
    connectionString: `postgres://tracer:${cluster.password}@127.0.0.1:${port}/postgres`,
    port,
    pid: server.pid,
    dataDir,
    exited: died.promise,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function diedError({ code, signal, log }: ServerExit): TracerError {
  return new TracerError(
    "DATABASE_UNAVAILABLE",
    `The embedded database ended by itself (${signal ?? code}). Its last lines:\n${log.join("\n")}`,
  );
}

async function runOnFreePort(
  cluster: Cluster,
  binaries: ServerBinaries,
  settings: Readonly<Record<string, string>>,
): Promise<{ server: RunningServer; port: number }> {
  let orphanTries = 0;
  for (let tries = 1; ; tries += 1) {
    const port = await freePort();
    try {
      const server = await runServer(cluster, binaries, { ...settings, port: String(port) });
      return { server, port };
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      if (tries - orphanTries < PORT_TRIES_MAX && reason.includes("Address already in use"))
        continue;
      // The helpers of a server that was killed notice it within a second or so, and leave.
      if (reason.includes("pre-existing shared memory") && orphanTries < ORPHAN_TRIES_MAX) {
        orphanTries += 1;
        await pause(ORPHAN_PAUSE_MS);
        continue;
      }
      throw new TracerError(
        "DATA_DIR_UNUSABLE",
        `The database in ${cluster.folder} does not start. ${reason}`,
        { cause, details: { folder: cluster.folder } },
      );
    }
  }
}

/** Small: a few connections, little memory, no helpers that only replication or big queries need. */
function settingsOf(options: { fsync: boolean; connectionsMax: number }): Record<string, string> {
  return {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: String(options.connectionsMax),
    shared_buffers: "16MB",
    io_method: "sync",
    wal_level: "minimal",
    max_wal_senders: "0",
    max_logical_replication_workers: "0",
    max_parallel_workers: "0",
    autovacuum_max_workers: "1",
    autovacuum_naptime: "20s",
    min_wal_size: "32MB",
    max_wal_size: "128MB",
    jit: "off",
    timezone: "UTC",
    log_timezone: "UTC",
    log_line_prefix: "",
    ...(options.fsync ? {} : { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }),
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
