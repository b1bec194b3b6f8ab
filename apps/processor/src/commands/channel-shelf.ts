import type { Channel } from "@tracer/notify";
import * as store from "@tracer/store";
import { CONSOLE, type MakeOptions, makeChannel } from "../channels.ts";
import { composioSessions } from "../composio-sessions.ts";
import type { Config } from "../config.ts";
import type { CommandContext } from "./context.ts";

/** The configured channels, as the service would have them. */
export interface ChannelShelf extends AsyncDisposable {
  readonly channels: readonly Channel[];
}

/**
 * Makes the channels for a command. Composio's sessions and accounts are those of the service where the database can be
 * asked; an embedded one is the service's own.
 */
export async function openChannels(
  config: Config,
  { stdout, color }: CommandContext,
): Promise<ChannelShelf> {
  await using stack = new AsyncDisposableStack();
  const options: MakeOptions = {
    print: async (text) => void stdout.write(text),
    color: color(stdout),
    ...(await sessionsOf(config, stack)),
  };
  const specs = config.channels.length > 0 ? config.channels : [CONSOLE];
  const channels = specs.map((spec) => {
    const channel = makeChannel(spec, options);
    stack.defer(() => channel.close?.());
    return channel;
  });
  const owned = stack.move();
  return { channels, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function sessionsOf(
  { databaseUrl, channels }: Config,
  stack: AsyncDisposableStack,
): Promise<Pick<MakeOptions, "sessionStore">> {
  const isNeeded = channels.some(({ kind }) => kind.startsWith("composio-"));
  if (databaseUrl === null || !isNeeded) return {};
  const pool = store.openPool({ connectionString: databaseUrl, connectionsMax: 2 });
  stack.defer(() => pool.end());
  const state = await store.schemaState(pool).catch(() => null);
  return state?.kind === "current" ? { sessionStore: composioSessions(pool) } : {};
}
