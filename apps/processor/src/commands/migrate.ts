import { readConfig } from "../config.ts";
import { openDatabase } from "../database.ts";
import { Exit } from "../exit.ts";
import { createObserve } from "../observe.ts";
import type { CommandContext } from "./context.ts";

/** Brings the database's schema up to date and stops. `start` does the same by itself. */
export async function migrate({ environment, stdout, stderr }: CommandContext): Promise<Exit> {
  const config = readConfig(environment);
  const observe = createObserve(config.logLevel, stderr);
  try {
    await using _database = await openDatabase(config, observe);
    stdout.write("The database's schema is up to date.\n");
    return Exit.ok;
  } finally {
    observe.close();
  }
}
