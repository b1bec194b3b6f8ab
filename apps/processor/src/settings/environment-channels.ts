import type { Environment } from "../config.ts";
import type { ChannelDefaults, ChannelSpec } from "./channel-specs.ts";

/** What channels of the file share with those of the environment. */
export function channelDefaultsOf(env: Environment): ChannelDefaults {
  return {
    slackApiUrl: env.SLACK_API_URL.replace(/\/+$/, ""),
    composioBaseUrl: env.COMPOSIO_BASE_URL.replace(/\/+$/, ""),
    composioToolkits: env.COMPOSIO_TOOLKITS,
    composioVia: env.COMPOSIO_VIA,
    composioSlugs: {
      ...(env.COMPOSIO_POST_SLUG === undefined ? {} : { post: env.COMPOSIO_POST_SLUG }),
      ...(env.COMPOSIO_UPDATE_SLUG === undefined ? {} : { update: env.COMPOSIO_UPDATE_SLUG }),
      ...(env.COMPOSIO_HISTORY_SLUG === undefined ? {} : { history: env.COMPOSIO_HISTORY_SLUG }),
    },
    pagerdutyEventsUrl: env.PAGERDUTY_EVENTS_URL,
  };
}

/** The channels of the environment, under the names of their kinds. */
export function channelsOf(env: Environment): ChannelSpec[] {
  const { SLACK_BOT_TOKEN: token, SLACK_CHANNEL: channel } = env;
  const { COMPOSIO_API_KEY: apiKey, COMPOSIO_SLACK_CHANNEL: composioChannel } = env;
  const { slackApiUrl, composioBaseUrl, composioToolkits, pagerdutyEventsUrl, ...composioWay } =
    channelDefaultsOf(env);
  const specs: ChannelSpec[] = [];
  if (token !== undefined && channel !== undefined) {
    specs.push({ name: "slack", kind: "slack", token, channel, apiUrl: slackApiUrl });
  }
  if (apiKey !== undefined && composioChannel !== undefined) {
    const userId = env.COMPOSIO_USER_ID;
    const place = { baseUrl: composioBaseUrl, toolkits: composioToolkits };
    const { composioVia: via, composioSlugs: slugs } = composioWay;
    const composio = { apiKey, channel: composioChannel, userId, via, slugs, ...place };
    specs.push({ name: "composio-slack", kind: "composio-slack", ...composio });
  }
  if (env.SLACK_WEBHOOK_URL !== undefined) {
    specs.push({ name: "slack-webhook", kind: "slack-webhook", url: env.SLACK_WEBHOOK_URL });
  }
  if (env.PAGERDUTY_ROUTING_KEY !== undefined) {
    const routingKey = env.PAGERDUTY_ROUTING_KEY;
    specs.push({ name: "pagerduty", kind: "pagerduty", routingKey, eventsUrl: pagerdutyEventsUrl });
  }
  if (env.WEBHOOK_URL !== undefined) {
    const secret = env.WEBHOOK_SECRET ?? null;
    const allowHosts = env.WEBHOOK_ALLOW_HOSTS ?? "";
    specs.push({ name: "webhook", kind: "webhook", url: env.WEBHOOK_URL, secret, allowHosts });
  }
  const { SMTP_URL: smtpUrl, EMAIL_FROM: from, EMAIL_TO: to } = env;
  if (smtpUrl !== undefined && from !== undefined && to !== undefined) {
    specs.push({ name: "email", kind: "email", smtpUrl, from, to });
  }
  if (env.ALERTMANAGER_URL !== undefined) {
    specs.push({ name: "alertmanager", kind: "alertmanager", url: env.ALERTMANAGER_URL });
  }
  return specs;
}
