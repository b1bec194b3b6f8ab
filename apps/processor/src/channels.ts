import { TracerError } from "@tracer/core";
import {
  type Channel,
  composioSlackChannel,
  consoleChannel,
  pagerdutyChannel,
  slackChannel,
  slackWebhookChannel,
  webhookChannel,
} from "@tracer/notify";
import type { ChannelsConfig } from "./config.ts";

export interface ChannelsOptions {
  readonly channels: ChannelsConfig;
  /** Where the `console` channel prints. */
  readonly print: (text: string) => Promise<void>;
  readonly color: boolean;
}

/** Every configured channel; none configured: the terminal. */
export function createChannels({ channels, print, color }: ChannelsOptions): Channel[] {
  const { slackWebhook, slack, composioSlack, pagerduty, webhook } = channels;
  const configured: Channel[] = [];
  if (slack !== null) configured.push(slackChannel(slack));
  if (composioSlack !== null)
    configured.push(composioSlackChannel({ ...composioSlack, via: "tool" }));
  if (slackWebhook !== null) configured.push(slackWebhookChannel(slackWebhook));
  if (pagerduty !== null) configured.push(pagerdutyChannel(pagerduty));
  if (webhook !== null) configured.push(webhookChannel(webhook));
  return configured.length > 0 ? configured : [consoleChannel({ write: print, color })];
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
