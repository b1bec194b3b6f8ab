import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { TracerError } from "@tracer/core";
import { z } from "zod";

/** Keys that hold a secret; each may also be given as `NAME_FILE`, the path of a file that holds it. */
const SECRETS = [
  "DATABASE_URL",
  "TRACER_INGEST_KEY",
  "TRACER_ADMIN_KEY",
  "SLACK_WEBHOOK_URL",
  "SLACK_BOT_TOKEN",
  "COMPOSIO_API_KEY",
  "PAGERDUTY_ROUTING_KEY",
  "WEBHOOK_SECRET",
] as const;

/** Keys of channels and files that this version does not have yet: set, they would do nothing in silence. */
const NOT_YET = ["WEBHOOK_URL", "WEBHOOK_SECRET", "WEBHOOK_ALLOW_HOSTS", "TRACER_CONFIG"] as const;

/** The first needs the second: half a channel would deliver nothing. */
const PAIRS = [
  ["SLACK_BOT_TOKEN", "SLACK_CHANNEL"],
  ["SLACK_CHANNEL", "SLACK_BOT_TOKEN"],
  ["COMPOSIO_API_KEY", "COMPOSIO_SLACK_CHANNEL"],
  ["COMPOSIO_SLACK_CHANNEL", "COMPOSIO_API_KEY"],
] as const;

const KEY_LENGTH_MIN = 16;
/** Words that stand in examples, with digits and signs behind them, or one character again and again. */
const GUESSABLE =
  /^(?:(?:(?:change-?me|password|secret|default|example|admin|test|token|key|tracer)[\W_\d]*)+|(.)\1*)$/i;

const apiKey = z
  .string()
  .min(KEY_LENGTH_MIN, `must have at least ${KEY_LENGTH_MIN} characters; try: openssl rand -hex 24`)
  .refine((key) => !GUESSABLE.test(key), "looks like a placeholder; try: openssl rand -hex 24");
const httpUrl = z.url({ protocol: /^https?$/, error: "must be an http:// or https:// URL" });
const seconds = (min: number, max: number, byDefault: number) =>
  z.coerce
    .number("must be a number of seconds")
    .min(min, `must be at least ${min} seconds`)
    .max(max, `must be at most ${max} seconds`)
    .default(byDefault);
const whole = (min: number, max: number, byDefault: number) =>
  z.coerce
    .number("must be a whole number")
    .int("must be a whole number")
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`)
    .default(byDefault);

const DAY_SECONDS = 86_400;

const Environment = z.object({
  HOST: z.string().default("127.0.0.1"),
  PORT: whole(0, 65_535, 4318),
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/, error: "must be a postgres:// URL" })
    .optional(),
  DATA_DIR: z.string().default("./.tracer"),
  PUBLIC_URL: httpUrl.optional(),
  TRACER_INGEST_KEY: apiKey.optional(),
  TRACER_ADMIN_KEY: apiKey.optional(),
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
  PAGERDUTY_ROUTING_KEY: z.string().optional(),
  PAGERDUTY_EVENTS_URL: httpUrl.default("https://events.pagerduty.com/v2/enqueue"),
  FALLBACK_CHANNEL: z.string().optional(),
  FALLBACK_SECONDS: seconds(1, DAY_SECONDS, 300),
  HOLD_SECONDS: seconds(1, 3600, 8),
  QUIET_SECONDS: seconds(1, 7 * DAY_SECONDS, 300),
  CLEAR_SECONDS: seconds(0, DAY_SECONDS, 30),
  REPEAT_SECONDS: seconds(1, 30 * DAY_SECONDS, 14_400),
  LATENESS_SECONDS: seconds(0, 300, 10),
  STALE_SECONDS: seconds(60, DAY_SECONDS, 900),
  SERIES_MAX: whole(1, 1_000_000, 100_000),
  METRIC_SERIES_MAX: whole(0, 50_000, 2_000),
  SNAPSHOT_SECONDS: seconds(1, 3600, 30),
  LOG_LEVEL: z
    .enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"], {
      error: "must be trace, debug, info, warn, error, fatal or silent",
    })
    .default("info"),
});

type Environment = z.infer<typeof Environment>;

/** The whole configuration, frozen. Seconds and names as in the environment, in camel case. */
export interface Config {
  readonly host: string;
  readonly port: number;
  /** True when only this machine can connect. */
  readonly loopback: boolean;
  readonly databaseUrl: string | null;
  readonly dataDir: string;
  /** Without a trailing slash; null means http://HOST:PORT of the socket that is listened on. */
  readonly publicUrl: string | null;
  readonly ingestKey: string | null;
  readonly adminKey: string | null;
  readonly channels: ChannelsConfig;
  /** Name of the channel that gets what another cannot deliver; null: there is none. */
  readonly fallbackChannel: string | null;
  /** So long a firing waits for its own channel before the fall-back gets it, too. */
  readonly fallbackSeconds: number;
  readonly holdSeconds: number;
  readonly quietSeconds: number;
  readonly clearSeconds: number;
  readonly repeatSeconds: number;
  readonly latenessSeconds: number;
  readonly staleSeconds: number;
  readonly seriesMax: number;
  readonly metricSeriesMax: number;
  readonly snapshotSeconds: number;
  readonly logLevel: Environment["LOG_LEVEL"];
}

/** Each channel that is configured; none of them: alerts go to the terminal. */
export interface ChannelsConfig {
  readonly slackWebhook: { readonly url: string } | null;
  readonly slack: {
    readonly token: string;
    readonly channel: string;
    readonly apiUrl: string;
  } | null;
  readonly composioSlack: {
    readonly apiKey: string;
    readonly channel: string;
    readonly userId: string;
    readonly baseUrl: string;
    readonly toolkits: readonly string[];
  } | null;
  readonly pagerduty: { readonly routingKey: string; readonly eventsUrl: string } | null;
}

/**
 * Reads the environment once and names every problem at once, by key and without printing a value.
 * Throws CONFIG_INVALID.
 */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const problems: string[] = [];
  const values = readSecretFiles(environment, problems);
  for (const key of NOT_YET) {
    if (values[key] !== undefined) problems.push(`${key}: this version does not have it; unset it`);
  }
  for (const [key, other] of PAIRS) {
    if (values[key] !== undefined && values[other] === undefined) {
      problems.push(`${other}: is required with ${key}`);
    }
  }
  const parsed = Environment.safeParse(values);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      problems.push(`${issue.path.join(".")}: ${issue.message}`);
    }
  }
  if (problems.length > 0 || !parsed.success) {
    throw new TracerError(
      "CONFIG_INVALID",
      `The configuration has ${problems.length === 1 ? "a problem" : `${problems.length} problems`}:\n${problems
        .map((problem) => `  ${problem}`)
        .join("\n")}`,
    );
  }
  return toConfig(parsed.data);
}

/** The environment without empty values (compose passes unset keys as ""), with `NAME_FILE` read. */
function readSecretFiles(environment: NodeJS.ProcessEnv, problems: string[]): NodeJS.ProcessEnv {
  const values: NodeJS.ProcessEnv = {};
  for (const [key, value] of Object.entries(environment)) {
    if (value !== undefined && value.trim() !== "") values[key] = value.trim();
  }
  for (const key of SECRETS) {
    const path = values[`${key}_FILE`];
    if (path === undefined) continue;
    if (values[key] !== undefined) {
      problems.push(`${key}_FILE: is set together with ${key}; keep one of them`);
      continue;
    }
    try {
      values[key] = readFileSync(path, "utf8").trim();
    } catch (error) {
      const reason = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
      problems.push(`${key}_FILE: the file cannot be read (${reason})`);
    }
  }
  return values;
}

function toConfig(env: Environment): Config {
  return Object.freeze({
    host: env.HOST,
    port: env.PORT,
    loopback: isLoopback(env.HOST),
    databaseUrl: env.DATABASE_URL ?? null,
    dataDir: env.DATA_DIR,
    publicUrl: env.PUBLIC_URL?.replace(/\/+$/, "") ?? null,
    ingestKey: env.TRACER_INGEST_KEY ?? null,
    adminKey: env.TRACER_ADMIN_KEY ?? null,
    channels: channelsOf(env),
    fallbackChannel: env.FALLBACK_CHANNEL ?? null,
    fallbackSeconds: env.FALLBACK_SECONDS,
    holdSeconds: env.HOLD_SECONDS,
    quietSeconds: env.QUIET_SECONDS,
    clearSeconds: env.CLEAR_SECONDS,
    repeatSeconds: env.REPEAT_SECONDS,
    latenessSeconds: env.LATENESS_SECONDS,
    staleSeconds: env.STALE_SECONDS,
    seriesMax: env.SERIES_MAX,
    metricSeriesMax: env.METRIC_SERIES_MAX,
    snapshotSeconds: env.SNAPSHOT_SECONDS,
    logLevel: env.LOG_LEVEL,
  });
}

function channelsOf(env: Environment): ChannelsConfig {
  const { SLACK_BOT_TOKEN: token, SLACK_CHANNEL: channel } = env;
  const { COMPOSIO_API_KEY: composioKey, COMPOSIO_SLACK_CHANNEL: composioChannel } = env;
  return {
    slackWebhook: env.SLACK_WEBHOOK_URL === undefined ? null : { url: env.SLACK_WEBHOOK_URL },
    slack:
      token === undefined || channel === undefined
        ? null
        : { token, channel, apiUrl: env.SLACK_API_URL.replace(/\/+$/, "") },
    composioSlack:
      composioKey === undefined || composioChannel === undefined
        ? null
        : {
            apiKey: composioKey,
            channel: composioChannel,
            userId: env.COMPOSIO_USER_ID,
            baseUrl: env.COMPOSIO_BASE_URL.replace(/\/+$/, ""),
            toolkits: env.COMPOSIO_TOOLKITS,
          },
    pagerduty:
      env.PAGERDUTY_ROUTING_KEY === undefined
        ? null
        : { routingKey: env.PAGERDUTY_ROUTING_KEY, eventsUrl: env.PAGERDUTY_EVENTS_URL },
  };
}

/** True for `localhost`, 127.0.0.0/8 and ::1, with or without brackets. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "").toLowerCase();
  if (bare === "localhost" || bare === "::1") return true;
  return isIP(bare) === 4 && bare.startsWith("127.");
}
