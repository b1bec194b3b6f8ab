import { readdir, stat, truncate } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { TracerError } from "@tracer/core";
import { lockFolder } from "@tracer/store";
import { readTold, type ToldState, toldPath, writeTold } from "../database-told.ts";
import type { Observe } from "../observe.ts";
import type { PendingState } from "../pending-state.ts";
import { replaySpill } from "./replay.ts";

/** What was not touched for so long: a process that is started again at once takes up its own. */
export const ORPHAN_MS_MIN = 30_000;

export interface OrphansOptions {
  /** This process' own folder; those beside it are looked at. */
  readonly folder: string;
  /** Wall clock, as that of the files. */
  readonly wallMs: () => number;
  /** Takes what a dead process could not write, and keeps it on disk. False: it could not be kept. */
  readonly adopt: (states: readonly PendingState[]) => Promise<boolean>;
  /** Takes over whom a dead process has told that the database is away. */
  readonly inherit: (state: ToldState) => Promise<void>;
  readonly observe: Observe;
}

/**
 * Takes over what a dead process has left in a folder beside this one, if nobody has taken the folder since. The
 * folder is locked meanwhile, and emptied when its content is on disk here: whoever comes next does not find it.
 */
export async function adoptOrphans(options: OrphansOptions): Promise<void> {
  const { folder } = options;
  const names = await readdir(dirname(folder)).catch(() => []);
  for (const name of names.toSorted()) {
    if (!/^slot-\d+$/u.test(name) || name === basename(folder)) continue;
    await adoptOrphan(join(dirname(folder), name), options);
  }
}

async function adoptOrphan(orphan: string, options: OrphansOptions): Promise<void> {
  const spill = join(orphan, "spill.log");
  const told = toldPath(orphan);
  const isLeft = async (path: string) => {
    const file = await stat(path).catch(() => null);
    return file !== null && file.size > 0 && options.wallMs() - file.mtimeMs >= ORPHAN_MS_MIN;
  };
  if (!(await isLeft(spill)) && !(await isLeft(told))) return;
  try {
    using _lock = await lockFolder(orphan);
    if (await isLeft(spill)) await takeSpill(spill, options);
    const state = (await isLeft(told)) ? await readTold(told) : null;
    if (state === null) return;
    await options.inherit(state);
    await writeTold(told, { ...state, told: [] });
  } catch (error) {
    if (error instanceof TracerError && error.code === "DATA_DIR_LOCKED") return; // It lives.
    options.observe({ name: "spill_failed", path: spill, error });
  }
}

async function takeSpill(path: string, { adopt, observe }: OrphansOptions): Promise<void> {
  const { states } = await replaySpill({ path, observe });
  if (states.length > 0 && !(await adopt(states))) return;
  await truncate(path, 0).catch((error: unknown) => {
    // A newer version's file was moved away.
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  });
}
