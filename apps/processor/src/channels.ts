import {
  type Channel,
  composioSlackChannel,
  consoleChannel,
  pagerdutyChannel,
  slackChannel,
  slackWebhookChannel,
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
  const { slackWebhook, slack, composioSlack, pagerduty } = channels;
  const configured: Channel[] = [];
  if (slack !== null) configured.push(slackChannel(slack));
  if (composioSlack !== null)
    configured.push(composioSlackChannel({ ...composioSlack, via: "tool" }));
  if (slackWebhook !== null) configured.push(slackWebhookChannel(slackWebhook));
  if (pagerduty !== null) configured.push(pagerdutyChannel(pagerduty));
  return configured.length > 0 ? configured : [consoleChannel({ write: print, color })];
}
