import { TracerError } from "@tracer/core";
import { type ComposioConnector, composioConnector } from "@tracer/notify";
import { type ComposioUser, connectedAccounts, keepAccount } from "../composio-sessions.ts";
import type { Config } from "../config.ts";
import { openDatabase } from "../database.ts";
import { createObserve } from "../observe.ts";
import { askTracer } from "./api-client.ts";
import type { CommandContext } from "./context.ts";

/** Composio as the configuration has it, and whose accounts are meant. */
export interface ComposioAccess {
  readonly connector: ComposioConnector;
  readonly user: ComposioUser;
}

/** Throws CONFIG_INVALID without a key. */
export function composioAccess({ composio }: Config): ComposioAccess {
  if (composio === null) {
    throw new TracerError(
      "CONFIG_INVALID",
      "COMPOSIO_API_KEY: is needed for this; copy it from the settings of your Composio project",
    );
  }
  const { apiKey, baseUrl, userId } = composio;
  const user = { apiKey, baseUrl, userId };
  return { connector: composioConnector(user), user };
}

/** Keeps which account to use, where the service finds it. False, and said why, when that did not work. */
export async function storeAccount(
  context: CommandContext,
  config: Config,
  account: ComposioUser & { readonly toolkit: string; readonly accountId: string },
): Promise<boolean> {
  const observe = createObserve("silent", context.stderr);
  try {
    await using database = await openDatabase(config, observe);
    await keepAccount(database.pool, account);
    return true;
  } catch (error) {
    if (!(error instanceof TracerError)) throw error;
    if (error.code !== "DATA_DIR_LOCKED") {
      context.stderr.write(`${error.code}: ${error.message}\n`);
      return false;
    }
  } finally {
    observe.close();
  }
  // The embedded database belongs to the Tracer that runs: it keeps it.
  const { toolkit, accountId, userId } = account;
  const path = "/api/v1/composio/accounts";
  const body = { toolkit, accountId, userId };
  return "body" in (await askTracer(context, { path, method: "POST", body }));
}

/** By toolkit; empty when the database cannot be asked without disturbing a Tracer that runs. */
export async function storedAccounts(
  context: CommandContext,
  config: Config,
  user: ComposioUser,
): Promise<Readonly<Record<string, string>>> {
  if (config.databaseUrl === null) return {};
  const observe = createObserve("silent", context.stderr);
  try {
    await using database = await openDatabase(config, observe);
    return await connectedAccounts(database.pool, user);
  } catch (error) {
    if (error instanceof TracerError) return {};
    throw error;
  } finally {
    observe.close();
  }
}
