import { TracerError } from "@tracer/core";
import {
  alertmanagerChannel,
  type Channel,
  composioSlackChannel,
  composioToolChannel,
  consoleChannel,
  emailChannel,
  pagerdutyChannel,
  type SessionStore,
  slackChannel,
  slackWebhookChannel,
  webhookChannel,
} from "@tracer/notify";
import type { ComposioKey } from "./composio-sessions.ts";
import type { ChannelSpec } from "./settings/channel-specs.ts";

/** The terminal, for when no channel is configured. */
export const CONSOLE: ChannelSpec = { name: "console", kind: "console" };

export interface MakeOptions {
  /** Where `console` channels print. */
  readonly print: (text: string) => Promise<void>;
  readonly color: boolean;
  /** Where Composio's sessions are kept. Default: nowhere, so each process makes its own. */
  readonly sessionStore?: (key: ComposioKey) => SessionStore;
  /** What channels go by that say when something ends, ms since the epoch. Default: this machine's clock. */
  readonly nowMs?: () => number;
}

/** The channel that a spec describes. */
export function makeChannel(spec: ChannelSpec, options: MakeOptions): Channel {
  const { print, color, nowMs } = options;
  switch (spec.kind) {
    case "slack":
      return slackChannel(spec);
    case "composio-slack":
      return composioSlackChannel({ ...spec, ...storeOf(spec, spec.toolkits, options) });
    case "composio-tool":
      return composioToolChannel({ ...spec, ...storeOf(spec, [spec.toolkit], options) });
    case "email":
      return emailChannel(spec);
    case "alertmanager":
      return alertmanagerChannel({ ...spec, ...(nowMs === undefined ? {} : { nowMs }) });
    case "slack-webhook":
      return slackWebhookChannel(spec);
    case "pagerduty":
      return pagerdutyChannel(spec);
    case "webhook":
      return webhookChannel(spec);
    case "console":
      return consoleChannel({ name: spec.name, write: print, color });
    default:
      return spec satisfies never;
  }
}

function storeOf(
  {
    apiKey,
    baseUrl = "",
    userId,
  }: Pick<ComposioKey, "apiKey" | "userId"> & { readonly baseUrl?: string },
  toolkits: readonly string[] = ["slackbot"],
  { sessionStore }: MakeOptions,
): { readonly sessionStore?: SessionStore } {
  if (sessionStore === undefined) return {};
  return { sessionStore: sessionStore({ apiKey, baseUrl, userId, toolkits }) };
}

export interface Routes {
  /** Names of the channels that every incident is announced to. */
  readonly announced: readonly string[];
  /** Name of the one that gets only what these could not deliver; null: there is none. */
  readonly fallback: string | null;
}

/** Who gets what. The only channel there is gets everything, also when it is named as the fall-back. */
export function routesOf(
  channels: readonly Pick<Channel, "name">[],
  fallbackChannel: string | null,
): Routes {
  const names = channels.map(({ name }) => name);
  if (fallbackChannel === null) return { announced: names, fallback: null };
  if (!names.includes(fallbackChannel)) {
    throw new TracerError(
      "CONFIG_INVALID",
      `FALLBACK_CHANNEL: no channel of this name is configured; it can be ${names.join(" or ")}`,
    );
  }
  const others = names.filter((name) => name !== fallbackChannel);
  return others.length === 0
    ? { announced: names, fallback: null }
    : { announced: others, fallback: fallbackChannel };
}
