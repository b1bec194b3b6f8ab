import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { TracerError } from "@tracer/core";
import type { ServerBinaries } from "./embedded-binaries.ts";

/** Debian's `nobody` and `nogroup`: Postgres refuses to run as root. */
const NOBODY_ID = 65_534;
/** A database that is being made is in a folder whose name begins so. */
const UNFINISHED = "data.new";
/** How long an orphan is given to stop before the next, harder signal. */
const ORPHAN_STOP_MS = 10_000;
const ORPHAN_POLL_MS = 20;

/** The user the server runs as when Tracer runs as root. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/**
 * A database on disk. `DATA_DIR/postgres` holds `data` (the cluster) and `password` (mode 0600).
 */
export interface Cluster {
  readonly folder: string;
  /** Null: the server runs as this process' own user. */
  readonly user: ServerUser | null;
  readonly password: string;
}

/** What to start a program with so that it reaches the cluster: the folder it is in, and what to call it. */
export interface ClusterSpawn {
  readonly cwd: string;
  readonly dataFolder: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Finds the cluster of a data folder, or makes one. A new one is built under another name and renamed
 * when complete, so that a start cut off half-way leaves nothing that looks like a database.
 *
 * @throws TracerError DATA_DIR_UNUSABLE: another major version, another user's, or not writable.
 */
export async function openCluster(
  dataDir: string,
  binaries: ServerBinaries,
  { fsync }: { fsync: boolean },
): Promise<Cluster> {
  const base = join(dataDir, "postgres");
  const folder = join(base, "data");
  const passwordFile = join(base, "password");
  removeUnfinished(base);
  if (existsSync(folder)) {
    const user = userOf(folder);
    assertMajor(folder, binaries.version);
    return { folder, user, password: readPassword(passwordFile, folder) };
  }
  const user = process.getuid?.() === 0 ? { uid: NOBODY_ID, gid: NOBODY_ID } : null;
  const password = randomBytes(24).toString("hex");
  // A name of its own: the program of a start that was killed lives on for a second, and writes there.
  const fresh = join(base, `${UNFINISHED}${randomBytes(4).toString("hex")}`);
  try {
    mkdirSync(base, { recursive: true });
    chmodSync(base, user === null ? 0o700 : 0o711); // The server's user passes through, and lists nothing.
    mkdirSync(fresh, { mode: 0o700 });
    if (user !== null) chownSync(fresh, user.uid, user.gid);
    writeFileSync(passwordFile, `${password}\n`, { mode: 0o600, flush: true });
    await initialise({ folder: fresh, user, password }, base, binaries, fsync);
    renameSync(fresh, folder);
  } catch (cause) {
    removeUnfinished(base);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw unusable(folder, `A database could not be made in ${base}: ${reason}`, cause);
  }
  return { folder, user, password };
}

/** What starts that were cut off have left. Something may still be writing there: the next start tries again. */
function removeUnfinished(base: string): void {
  try {
    for (const name of readdirSync(base)) {
      if (!name.startsWith(UNFINISHED)) continue;
      rmSync(join(base, name), { recursive: true, force: true });
    }
  } catch {
    // Nothing depends on it: a new database gets a name that nobody has used.
  }
}

/**
 * As root the server runs as another user, who may not be allowed to walk the path to the data folder
 * (a home of mode 0700). Linux changes into a child's working folder before it changes the user, and
 * `/proc/self/cwd` leads there without walking the path: so the database stays inside DATA_DIR.
 */
export function spawnIn(cluster: Cluster): ClusterSpawn {
  // Postgres is told everything by argument; PG* variables of the user's shell must not steer it.
  const env = { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" };
  if (cluster.user === null) return { cwd: cluster.folder, dataFolder: cluster.folder, env };
  const dataFolder = process.platform === "linux" ? "/proc/self/cwd" : cluster.folder;
  return { cwd: cluster.folder, dataFolder, env, ...cluster.user };
}

/**
 * After a kill -9 of Tracer its server may still be running or stopping. Waits for it, and asks it to
 * stop if it does not; then removes a `postmaster.pid` that names a process which is not this server
 * (Postgres itself only knows whether *some* process has that number). Call it holding the folder's lock.
 */
export async function stopOrphan(cluster: Cluster): Promise<void> {
  const pidFile = join(cluster.folder, "postmaster.pid");
  for (const signal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
    const pid = pidIn(pidFile);
    if (pid === null) return;
    if (!(await isServerOf(pid, cluster))) break;
    process.kill(pid, signal);
    const end = performance.now() + ORPHAN_STOP_MS;
    while (performance.now() < end && (await isServerOf(pid, cluster))) await pause(ORPHAN_POLL_MS);
  }
  const pid = pidIn(pidFile);
  if (pid !== null && !(await isServerOf(pid, cluster))) rmSync(pidFile, { force: true });
}

function pidIn(pidFile: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(pidFile, "utf8"), 10);
    return Number.isSafeInteger(pid) && pid > 1 ? pid : null;
  } catch {
    return null; // Gone between two looks, or never there: the server removed it when it stopped.
  }
}

/** Whether the process is a server on this cluster. A zombie is not: it has no working folder. */
async function isServerOf(pid: number, cluster: Cluster): Promise<boolean> {
  if (process.platform === "linux") {
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(cluster.folder);
    } catch {
      return false;
    }
  }
  const { output } = await run("/bin/ps", ["-o", "command=", "-p", String(pid)], { env: {} });
  return output.includes("postgres") && output.includes(cluster.folder);
}

function userOf(folder: string): ServerUser | null {
  const { uid, gid } = statSync(folder);
  const own = process.getuid?.();
  if (own === uid && own !== 0) return null;
  if (own === 0 && uid !== 0) return { uid, gid }; // Made by an ordinary user: stays theirs.
  throw unusable(
    folder,
    `The database in ${folder} belongs to user ${uid}, and Tracer runs as user ${own}. Run Tracer as ` +
      "the user who made it or as root, or choose another folder with DATA_DIR.",
  );
}

function assertMajor(folder: string, version: string): void {
  const found = readVersion(folder);
  const major = version.split(".", 1)[0];
  if (found === major) return;
  throw unusable(
    folder,
    `The database in ${folder} was made by Postgres ${found ?? "(unknown)"}; this Tracer brings ` +
      `Postgres ${major}. To keep its contents, start the Tracer that made it and dump it with ` +
      "pg_dump, or serve it by that Postgres and set DATABASE_URL. To begin afresh, move the folder away.",
  );
}

function readVersion(folder: string): string | null {
  try {
    return readFileSync(join(folder, "PG_VERSION"), "utf8").trim();
  } catch {
    return null; // Reported as unknown, with the same way out.
  }
}

function readPassword(passwordFile: string, folder: string): string {
  try {
    return readFileSync(passwordFile, "utf8").trim();
  } catch (cause) {
    throw unusable(folder, `The password of the database cannot be read: ${passwordFile}.`, cause);
  }
}

async function initialise(
  cluster: Cluster,
  base: string,
  binaries: ServerBinaries,
  fsync: boolean,
): Promise<void> {
  // initdb reads the password from a file that its user must be able to open; it is gone right after.
  const handOver = join(base, "password.init");
  writeFileSync(handOver, `${cluster.password}\n`, { mode: 0o600 });
  if (cluster.user !== null) chownSync(handOver, cluster.user.uid, cluster.user.gid);
  const { dataFolder, ...spawnOptions } = spawnIn(cluster);
  try {
    const { code, output } = await run(
      join(binaries.folder, "bin", "initdb"),
      [
        ...[
          "-D",
          dataFolder,
          "-U",
          "tracer",
          "--encoding=UTF8",
          "--locale=C",
          "-A",
          "scram-sha-256",
        ],
        ...[`--pwfile=${dataFolder}/../password.init`, "--no-instructions"],
        ...(fsync ? [] : ["--no-sync"]),
      ],
      spawnOptions,
    );
    if (code !== 0) throw new Error(`initdb ended with ${code}: ${output.slice(-2_000).trim()}`);
  } finally {
    rmSync(handOver, { force: true });
  }
}

function run(
  program: string,
  args: readonly string[],
  options: Omit<ClusterSpawn, "cwd" | "dataFolder"> & { readonly cwd?: string },
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-16_384);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
}

function unusable(folder: string, message: string, cause?: unknown): TracerError {
  return new TracerError("DATA_DIR_UNUSABLE", message, { cause, details: { folder } });
}
