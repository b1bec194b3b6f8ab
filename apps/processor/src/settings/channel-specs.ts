import { readFileSync } from "node:fs";
import type {
  AlertmanagerChannelOptions,
  ComposioSlackChannelOptions,
  ComposioSlugs,
  ComposioToolChannelOptions,
  EmailChannelOptions,
  PagerdutyChannelOptions,
  SlackChannelOptions,
  SlackWebhookChannelOptions,
  WebhookChannelOptions,
} from "@tracer/notify";
import {
  holesOf,
  parseAddress,
  parseAllowedHosts,
  parseRecipients,
  parseReplicas,
  parseSecrets,
  parseSmtpUrl,
} from "@tracer/notify";
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
      "apiKey" | "channel" | "userId" | "baseUrl" | "toolkits" | "groups" | "via" | "slugs"
    >)
  | ({ readonly kind: "composio-tool" } & Omit<
      ComposioToolChannelOptions,
      "name" | "sessionStore" | "timings"
    >)
  | ({ readonly kind: "email" } & Pick<EmailChannelOptions, "smtpUrl" | "from" | "to">)
  | ({ readonly kind: "alertmanager" } & Pick<AlertmanagerChannelOptions, "url">)
  | ({ readonly kind: "pagerduty" } & Pick<PagerdutyChannelOptions, "routingKey" | "eventsUrl">)
  | ({ readonly kind: "webhook" } & Pick<WebhookChannelOptions, "url" | "secret" | "allowHosts">)
  | { readonly kind: "console" }
);

/** Addresses that tests and proxies change, and what channels of the file share with those of the environment. */
export interface ChannelDefaults {
  readonly slackApiUrl: string;
  readonly composioBaseUrl: string;
  readonly composioToolkits: readonly string[];
  readonly composioVia: "tool" | "proxy";
  readonly composioSlugs: Partial<ComposioSlugs>;
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
        toolkits: entry.toolkit === undefined ? defaults.composioToolkits : [entry.toolkit],
        via: entry.via ?? defaults.composioVia,
        slugs: given({ ...defaults.composioSlugs, ...entry.slugs }),
      };
    case "composio-tool":
      return toolSpec(name, entry, { apiKey: read("api_key", entry.api_key), defaults });
    case "email":
      return {
        ...{ name, kind: "email", smtpUrl: read("smtp_url", entry.smtp_url) },
        ...{ from: entry.from, to: entry.to.join(",") },
      };
    case "alertmanager":
      return {
        name,
        kind: "alertmanager",
        url: entry.url.map((one) => read("url", one)).join(","),
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

function toolSpec(
  name: string,
  entry: ChannelEntry & { readonly kind: "composio-tool" },
  { apiKey, defaults }: { readonly apiKey: string; readonly defaults: ChannelDefaults },
): ChannelSpec {
  const { toolkit, open, user_id: userId, text_max: textCharsMax } = entry;
  const { update, resolve, keep, format } = entry;
  const options = given({ update, resolve, keep, format, textCharsMax });
  const baseUrl = defaults.composioBaseUrl;
  return { name, kind: "composio-tool", apiKey, baseUrl, userId, toolkit, open, ...options };
}

type Given<Fields> = { [Key in keyof Fields]?: Exclude<Fields[Key], undefined> };

/** Without the fields that are undefined. */
function given<Fields extends object>(fields: Fields): Given<Fields> {
  const kept: Given<Fields> = {};
  for (const key in fields) {
    const value = fields[key];
    if (value !== undefined) Object.assign(kept, { [key]: value });
  }
  return kept;
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
    case "email":
      return [
        ...(parseSmtpUrl(spec.smtpUrl) === null
          ? [["smtp_url", "must be smtp://user:password@host:587 or smtps://"] as const]
          : []),
        ...(parseAddress(spec.from) === null ? [["from", "must be an address"] as const] : []),
        ...(parseRecipients(spec.to) === null
          ? [["to", "must be one or more addresses"] as const]
          : []),
      ];
    case "alertmanager":
      return parseReplicas(spec.url) === null
        ? [["url", "must be one or more http:// or https:// URLs"]]
        : [];
    case "composio-tool":
      return keptRefusals(spec);
    case "slack":
    case "composio-slack":
    case "console":
      return [];
    default:
      return spec satisfies never;
  }
}

/** What `open` does not keep cannot be given to the others. */
function keptRefusals({
  open,
  update,
  resolve,
  keep = {},
}: ChannelSpec & { readonly kind: "composio-tool" }) {
  const refused: (readonly [string, string])[] = [];
  for (const [place, call] of Object.entries({ open, update, resolve })) {
    for (const hole of holesOf(call?.arguments ?? {})) {
      if (!hole.startsWith("kept.")) continue;
      if (place === "open") refused.push(["open.arguments", `{{${hole}}} is known only after it`]);
      else if (!Object.hasOwn(keep, hole.slice("kept.".length))) {
        refused.push([`${place}.arguments`, `{{${hole}}} is not among what keep names`]);
      }
    }
  }
  return refused;
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
