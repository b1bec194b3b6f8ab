import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LOG_VARIABLE } from "./guard.ts";

/**
 * One log for a whole run of the tests; at the end, a line in it fails the run. Several vitest projects name this
 * file: the first makes the log, and looks at it when all of them are done.
 */
export async function setup(): Promise<() => Promise<void>> {
  if (process.env[LOG_VARIABLE] !== undefined) return async () => {};
  const folder = await mkdtemp(join(tmpdir(), "tracer-guard-"));
  const path = join(folder, "tried.log");
  process.env[LOG_VARIABLE] = path; // Workers are started later and inherit it.
  return async () => {
    delete process.env[LOG_VARIABLE];
    const tried = await readFile(path, "utf8").catch(() => "");
    await rm(folder, { recursive: true, force: true });
    if (tried !== "") throw new Error(`Something tried to leave this machine:\n${tried}`);
  };
}
