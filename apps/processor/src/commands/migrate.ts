import { pendingMigrations } from "@tracer/store";
import { readConfig } from "../config.ts";
import { openDatabase } from "../database.ts";
import { Exit } from "../exit.ts";
import { createObserve } from "../observe.ts";
import type { CommandContext } from "./context.ts";

/** Brings the database's schema up to date and stops; or prints the SQL that it would run. `start` migrates by itself. */
export async function migrate(
  { environment, stdout, stderr }: CommandContext,
  { dryRun = false }: { readonly dryRun?: boolean },
): Promise<Exit> {
  const config = readConfig(environment);
  const observe = createObserve(config.logLevel, stderr);
  try {
    await using database = await openDatabase(config, observe, { migrates: !dryRun });
    if (!dryRun) {
      stdout.write("The database's schema is up to date.\n");
      return Exit.ok;
    }
    const pending = await pendingMigrations(database.pool);
    for (const { name, statements } of pending) {
      stdout.write(`-- ${name}\n${statements.map(ended).join("")}\n`);
    }
    stderr.write(
      pending.length === 0
        ? "The database's schema is up to date.\n"
        : `${pending.length} ${pending.length === 1 ? "migration" : "migrations"} would be run; nothing was.\n`,
    );
    return Exit.ok;
  } finally {
    observe.close();
  }
}

function ended(statement: string): string {
  return `${statement}${statement.endsWith(";") ? "" : ";"}\n`;
}
