import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TracerError } from "@tracer/core";

const SQLITE_BUSY = 5;

/** Sole use of a folder, until released or until this process ends in whatever way. */
export interface FolderLock extends Disposable {
  readonly folder: string;
}

export interface FolderLockOptions {
  /**
   * How long to wait for a holder that may be about to end, in milliseconds; the process stands still
   * meanwhile. Default 0. A Tracer that was killed this moment still holds its lock for some of them.
   */
  readonly waitMs?: number;
}

/**
 * Takes sole use of a folder, making it (mode 0700) where it is missing. The lock is the kernel's, held
 * by SQLite on the empty file `lock`: it ends with this process, also by kill -9, so that there is no
 * stale lock to judge and no process id to mistake for another. `lock.pid` only names the holder.
 *
 * @throws TracerError DATA_DIR_LOCKED when another process (or another lock of this one) has it,
 *   DATA_DIR_UNUSABLE when the folder cannot be made, written or locked.
 */
export async function lockFolder(
  folder: string,
  { waitMs = 0 }: FolderLockOptions = {},
): Promise<FolderLock> {
  const pidFile = join(folder, "lock.pid");
  // Loaded here, so that commands without a data folder do not pay for SQLite's memory.
  const { DatabaseSync } = await import("node:sqlite");
  let lock: InstanceType<typeof DatabaseSync> | undefined;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    lock = new DatabaseSync(join(folder, "lock"), { timeout: waitMs });
    lock.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE"); // One file is enough.
    writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
  } catch (error) {
    if (lock?.isOpen) lock.close();
    throw isBusy(error) ? lockedError(folder, pidFile, error) : unusableError(folder, error);
  }
  const held = lock;
  return {
    folder,
    [Symbol.dispose]: () => {
      if (held.isOpen) held.close();
    },
  };
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY;
}

function lockedError(folder: string, pidFile: string, cause: unknown): TracerError {
  const pid = holderOf(pidFile);
  return new TracerError(
    "DATA_DIR_LOCKED",
    `The data folder ${folder} is in use by another Tracer${pid === null ? "" : ` (pid ${pid})`}. ` +
      "Stop that one, or give this one a folder of its own with DATA_DIR, or set DATABASE_URL so " +
      "that several can share one database.",
    { cause, details: { folder, pid } },
  );
}

function holderOf(pidFile: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(pidFile, "utf8"), 10);
    return Number.isSafeInteger(pid) ? pid : null;
  } catch {
    return null; // Only the message is poorer: the lock itself does not depend on this file.
  }
}

function unusableError(folder: string, cause: unknown): TracerError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new TracerError(
    "DATA_DIR_UNUSABLE",
    `The data folder ${folder} cannot be used: ${reason}. Choose a folder that this user may write ` +
      "to with DATA_DIR.",
    { cause, details: { folder } },
  );
}
