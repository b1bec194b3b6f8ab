import {
  parseAddress,
  parseAllowedHosts,
  parseRecipients,
  parseReplicas,
  parseSecrets,
  parseSmtpUrl,
} from "@tracer/notify";
import { z } from "zod";
import type { ChannelDefaults, ChannelSpec } from "./channel-specs.ts";
import { slug } from "./tool-entry.ts";

const httpUrl = z.url({ protocol: /^https?$/, error: "must be an http:// or https:// URL" });

/** The keys of the environment that are about channels. */
export const ChannelEnvironment = {
  SLACK_WEBHOOK_URL: httpUrl.optional(),
  SLACK_BOT_TOKEN: z.string().optional(),
  SLACK_CHANNEL: z.string().optional(),
  SLACK_API_URL: httpUrl.default("https://slack.com/api"),
  COMPOSIO_API_KEY: z.string().optional(),
  COMPOSIO_SLACK_CHANNEL: z.string().optional(),
  COMPOSIO_USER_ID: z.string().default("tracer"),
  COMPOSIO_BASE_URL: httpUrl.default("https://backend.composio.dev"),
  COMPOSIO_TOOLKITS: z
    .string()
    .default("slackbot")
    .transform((list) => list.split(",").map((name) => name.trim()))
    .refine((names) => names.every((name) => /^[a-z0-9_-]+$/.test(name)), {
      error: "must be toolkit names, separated by commas, such as slackbot",
    }),
  COMPOSIO_VIA: z.enum(["tool", "proxy"], { error: "must be tool or proxy" }).default("tool"),
  COMPOSIO_POST_SLUG: slug.optional(),
  COMPOSIO_UPDATE_SLUG: slug.optional(),
  COMPOSIO_HISTORY_SLUG: slug.optional(),
  SMTP_URL: z
    .string()
    .refine((url) => parseSmtpUrl(url) !== null, {
      error: "must be smtp://user:password@host:587 or smtps://user:password@host:465",
    })
    .optional(),
  EMAIL_FROM: z
    .string()
    .refine((from) => parseAddress(from) !== null, { error: "must be an e-mail address" })
    .optional(),
  EMAIL_TO: z
    .string()
    .refine((to) => parseRecipients(to) !== null, {
      error: "must be e-mail addresses, separated by commas",
    })
    .optional(),
  ALERTMANAGER_URL: z
    .string()
    .refine((urls) => parseReplicas(urls) !== null, {
      error: "must be http:// or https:// URLs of all replicas, separated by commas",
    })
    .optional(),
  PAGERDUTY_ROUTING_KEY: z.string().optional(),
  PAGERDUTY_EVENTS_URL: httpUrl.default("https://events.pagerduty.com/v2/enqueue"),
  WEBHOOK_URL: httpUrl.optional(),
  WEBHOOK_SECRET: z
    .string()
    .refine((secret) => parseSecrets(secret) !== null, {
      error:
        'must be whsec_ and base64 of 24 to 64 bytes; try: echo "whsec_$(openssl rand -base64 32)"',
    })
    .optional(),
  WEBHOOK_ALLOW_HOSTS: z
    .string()
    .refine((list) => parseAllowedHosts(list) !== null, {
      error: "must be host names, addresses or networks such as 10.1.0.0/16, separated by commas",
    })
    .optional(),
};

type Environment = z.infer<z.ZodObject<typeof ChannelEnvironment>>;

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
