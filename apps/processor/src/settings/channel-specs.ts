import { readFileSync } from "node:fs";
import type {
  ComposioSlackChannelOptions,
  PagerdutyChannelOptions,
  SlackChannelOptions,
  SlackWebhookChannelOptions,
  WebhookChannelOptions,
} from "@tracer/notify";
import { parseAllowedHosts, parseSecrets } from "@tracer/notify";
import type { ChannelEntry, GivenValue, SettingsFile } from "./schema.ts";

/** A configured channel, complete: what its notifier needs, under its name. */
export type ChannelSpec = { readonly name: string } & (
  | ({ readonly kind: "slack" } & Pick<
      SlackChannelOptions,
      "token" | "channel" | "apiUrl" | "groups"
    >)
  | ({ readonly kind: "slack-webhook" } & Pick<SlackWebhookChannelOptions, "url">)
  | ({ readonly kind: "composio-slack" } & Pick<
      ComposioSlackChannelOptions,
      "apiKey" | "channel" | "userId" | "baseUrl" | "toolkits" | "groups"
    >)
  | ({ readonly kind: "pagerduty" } & Pick<PagerdutyChannelOptions, "routingKey" | "eventsUrl">)
  | ({ readonly kind: "webhook" } & Pick<WebhookChannelOptions, "url" | "secret" | "allowHosts">)
  | { readonly kind: "console" }
);

/** Addresses that tests and proxies change, and what channels of the file share with those of the environment. */
export interface ChannelDefaults {
  readonly slackApiUrl: string;
  readonly composioBaseUrl: string;
  readonly composioToolkits: readonly string[];
  readonly pagerdutyEventsUrl: string;
}

export interface SpecsOptions {
  readonly environment: NodeJS.ProcessEnv;
  readonly defaults: ChannelDefaults;
}

/** The channels of a settings file, their values looked up; what cannot be used is a problem, by its place. */
export function channelSpecsOf(
  { channels }: SettingsFile,
  options: SpecsOptions,
): { readonly specs: readonly ChannelSpec[]; readonly problems: readonly string[] } {
  const specs: ChannelSpec[] = [];
  const problems: string[] = [];
  for (const [name, entry] of Object.entries(channels)) {
    const field = (key: string) => `channels.${name}.${key}`;
    const read = (key: string, given: GivenValue) => {
      const found = lookUp(given, options.environment);
      if (typeof found === "string") return found;
      problems.push(`${field(key)}: ${found.problem}`);
      return "";
    };
    const spec = specOf(name, entry, { ...options, read });
    specs.push(spec);
    for (const [key, problem] of refusalsOf(spec)) {
      // A value that could not be read has said so already.
      if (!problems.some((said) => said.startsWith(`${field(key)}: `))) {
        problems.push(`${field(key)}: ${problem}`);
      }
    }
  }
  return { specs, problems };
}

interface SpecOptions extends SpecsOptions {
  readonly read: (key: string, given: GivenValue) => string;
}

function specOf(name: string, entry: ChannelEntry, { defaults, read }: SpecOptions): ChannelSpec {
  switch (entry.kind) {
    case "slack": {
      const token = read("token", entry.token);
      const { channel, groups } = entry;
      return { name, kind: "slack", token, channel, groups, apiUrl: defaults.slackApiUrl };
    }
    case "slack-webhook":
      return { name, kind: "slack-webhook", url: read("url", entry.url) };
    case "composio-slack":
      return {
        ...{ name, kind: "composio-slack", apiKey: read("api_key", entry.api_key) },
        ...{ channel: entry.channel, userId: entry.user_id, groups: entry.groups },
        baseUrl: defaults.composioBaseUrl,
        toolkits: defaults.composioToolkits,
      };
    case "pagerduty":
      return {
        ...{ name, kind: "pagerduty", routingKey: read("routing_key", entry.routing_key) },
        eventsUrl: entry.events_url ?? defaults.pagerdutyEventsUrl,
      };
    case "webhook":
      return {
        ...{ name, kind: "webhook", url: read("url", entry.url) },
        secret: entry.secret === undefined ? null : read("secret", entry.secret),
        allowHosts: entry.allow_hosts ?? "",
      };
    case "console":
      return { name, kind: "console" };
    default:
      return entry satisfies never;
  }
}

/** Fields that a notifier would refuse, with the reason. */
function refusalsOf(spec: ChannelSpec): (readonly [key: string, problem: string])[] {
  const url = (key: string, text: string) =>
    /^https?:$/.test(URL.parse(text)?.protocol ?? "")
      ? []
      : [[key, "must be an http:// or https:// URL"] as const];
  switch (spec.kind) {
    case "slack-webhook":
      return url("url", spec.url);
    case "pagerduty":
      return url("events_url", spec.eventsUrl ?? "https:");
    case "webhook": {
      const refused: (readonly [string, string])[] = url("url", spec.url);
      if (spec.secret !== null && parseSecrets(spec.secret) === null) {
        refused.push(["secret", "must be whsec_ and base64 of 24 to 64 bytes"]);
      }
      if (parseAllowedHosts(spec.allowHosts ?? "") === null) {
        refused.push(["allow_hosts", "must be host names, addresses or networks"]);
      }
      return refused;
    }
    case "slack":
    case "composio-slack":
    case "console":
      return [];
    default:
      return spec satisfies never;
  }
}

function lookUp(
  given: GivenValue,
  environment: NodeJS.ProcessEnv,
): string | { readonly problem: string } {
  if (typeof given === "string") return given;
  if ("env" in given) {
    const found = environment[given.env]?.trim() ?? "";
    return found === "" ? { problem: `${given.env} is not set in the environment` } : found;
  }
  try {
    const found = readFileSync(given.file, "utf8").trim();
    return found === "" ? { problem: "the file is empty" } : found;
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    return { problem: `the file cannot be read (${reason})` };
  }
}
