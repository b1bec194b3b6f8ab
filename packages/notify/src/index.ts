export type { Channel, Notice, Timings } from "./channel.ts";
export {
  type ComposioSlackChannelOptions,
  type ComposioSlugs,
  composioSlackChannel,
} from "./composio/channel.ts";
export { type McpSession, openMcpSession } from "./composio/mcp-session.ts";
export type { SessionStore } from "./composio/session.ts";
export { type ConsoleChannelOptions, consoleChannel } from "./console/channel.ts";
export { type PagerdutyChannelOptions, pagerdutyChannel } from "./pagerduty/channel.ts";
export { type SlackChannelOptions, slackChannel } from "./slack/channel.ts";
export { type SlackWebhookChannelOptions, slackWebhookChannel } from "./slack/webhook.ts";
export { type ModelOptions, openModel } from "./triage/model.ts";
export { type TriageResult, triage } from "./triage/triage.ts";
export { type WebhookChannelOptions, webhookChannel } from "./webhook/channel.ts";
export { parseAllowedHosts } from "./webhook/private-address.ts";
export { parseSecrets } from "./webhook/sign.ts";
