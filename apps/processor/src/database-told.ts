import { open, readdir, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";

/** Who was told, or may have been told, that the database is away. */
export interface Told {
  readonly channel: string;
  /** Of the message, for its end; null: it brought none, or nobody knows whether it was sent. */
  readonly receipt: Readonly<Record<string, string>> | null;
  /** False: it may have been sent. */
  readonly isSure: boolean;
}

/** What has to outlive the process, so that whoever was told of an outage is told its end. */
export interface ToldState {
  /** When the database last answered, receipt time, ms since the epoch. */
  readonly sinceMs: number;
  readonly told: readonly Told[];
}

const FILE = "database-down.json";

/** Beside the snapshot, in the folder of a process. */
export function toldPath(folder: string): string {
  return join(folder, FILE);
}

/** Null: nobody was told, or what is there cannot be read. */
export async function readTold(path: string): Promise<ToldState | null> {
  try {
    return toldSchema().parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return null; // At worst an outage that people know of is not taken back.
  }
}

/** Puts it there whole, or takes it away when nobody has to be told any more. Rejects when the disk says no. */
export async function writeTold(path: string, state: ToldState): Promise<void> {
  if (state.told.length === 0) return rm(path, { force: true });
  const temporary = `${path}.tmp`;
  const file = await open(temporary, "w", 0o600);
  try {
    await file.writeFile(JSON.stringify(state));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

/** What the other processes that share the DATA_DIR have told of. */
export async function toldBySiblings(path: string): Promise<ToldState[]> {
  const mine = dirname(path);
  const slots = await readdir(dirname(mine)).catch(() => []);
  const others = slots.filter((name) => name.startsWith("slot-") && name !== basename(mine));
  const states = await Promise.all(
    others.map((name) => readTold(toldPath(join(dirname(mine), name)))),
  );
  return states.filter((state) => state !== null);
}

/** Made when it is needed: a start without the file does not pay for it. */
function toldSchema() {
  return z.object({
    sinceMs: z.number(),
    told: z
      .array(
        z.object({
          channel: z.string(),
          receipt: z.record(z.string(), z.string()).nullable(),
          isSure: z.boolean(),
        }),
      )
      .max(100),
  }) satisfies z.ZodType<ToldState>;
}
