import { readFileSync } from "node:fs";
import { type BlockList, isIP } from "node:net";
import { TracerError } from "@tracer/core";
import { parseAllowedHosts, parseSecrets } from "@tracer/notify";
import { z } from "zod";
import { type ChannelSpec, channelSpecsOf } from "./settings/channel-specs.ts";
import { FILE_BYTES_MAX, parseSettings, unknownChannels } from "./settings/read.ts";
import type { QuietHours, SettingsFile } from "./settings/schema.ts";
import {
  type TriageConfig,
  TriageEnvironment,
  triageConfigOf,
  triageProblems,
} from "./triage-config.ts";
import { parseTrustedProxies } from "./trusted-proxies.ts";

/** Keys that hold a secret; each may also be given as `NAME_FILE`, the path of a file that holds it. */
const SECRETS = [
  "DATABASE_URL",
  "TRACER_INGEST_KEY",
  "TRACER_ADMIN_KEY",
  "SLACK_WEBHOOK_URL",
  "WEBHOOK_URL",
  "SLACK_BOT_TOKEN",
  "COMPOSIO_API_KEY",
  "PAGERDUTY_ROUTING_KEY",
  "WEBHOOK_SECRET",
  "VERCEL_DRAIN_SECRET",
  "TRIAGE_API_KEY",
  "HEARTBEAT_URL",
] as const;

/** The first needs the second: half a channel would deliver nothing. */
const PAIRS = [
  ["SLACK_BOT_TOKEN", "SLACK_CHANNEL"],
  ["SLACK_CHANNEL", "SLACK_BOT_TOKEN"],
  ["COMPOSIO_API_KEY", "COMPOSIO_SLACK_CHANNEL"],
  ["COMPOSIO_SLACK_CHANNEL", "COMPOSIO_API_KEY"],
  ["WEBHOOK_SECRET", "WEBHOOK_URL"],
  ["WEBHOOK_ALLOW_HOSTS", "WEBHOOK_URL"],
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
const wholeNumber = (min: number, max: number) =>
  z.coerce
    .number("must be a whole number")
    .int("must be a whole number")
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`);
const whole = (min: number, max: number, byDefault: number) =>
  wholeNumber(min, max).default(byDefault);

const rate = (max: number) =>
  z.coerce
    .number("must be a whole number")
    .int("must be a whole number")
    .min(1, "must be at least 1; unset it for no limit")
    .max(max, `must be at most ${max}`)
    .optional();

const MIB = 1024 * 1024;
const DAY_SECONDS = 86_400;
const FALLBACK_SECONDS = 300;

const Environment = z.object({
  HOST: z.string().default("127.0.0.1"),
  PORT: whole(0, 65_535, 4318),
  SYSLOG_PORT: wholeNumber(0, 65_535).optional(),
  SYSLOG_HOST: z.string().optional(),
  VERCEL_DRAIN_SECRET: z.string().optional(),
  VERCEL_VERIFY: z
    .string()
    .regex(/^[\x21-\x7e]{1,256}$/, "must be the code that Vercel shows")
    .optional(),
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
  HEARTBEAT_URL: httpUrl.optional(),
  TRUSTED_PROXIES: z
    .string()
    .refine((list) => parseTrustedProxies(list) !== null, {
      error: "must be addresses or networks such as 10.1.0.0/16, separated by commas",
    })
    .optional(),
  TRACER_CONFIG: z.string().optional(),
  FALLBACK_CHANNEL: z.string().optional(),
  FALLBACK_SECONDS: seconds(1, DAY_SECONDS, FALLBACK_SECONDS),
  HOLD_SECONDS: seconds(1, 3600, 8),
  QUIET_SECONDS: seconds(1, 7 * DAY_SECONDS, 300),
  CLEAR_SECONDS: seconds(0, DAY_SECONDS, 30),
  REPEAT_SECONDS: seconds(1, 30 * DAY_SECONDS, 14_400),
  LATENESS_SECONDS: seconds(0, 300, 10),
  STALE_SECONDS: seconds(60, DAY_SECONDS, 900),
  SERIES_MAX: whole(1, 1_000_000, 100_000),
  INGEST_IN_FLIGHT_BYTES_MAX: whole(32 * MIB, 65_536 * MIB, 256 * MIB),
  INGEST_RECORDS_PER_SECOND: rate(1_000_000_000),
  INGEST_BYTES_PER_SECOND: rate(1_000_000_000_000),
  METRIC_SERIES_MAX: whole(0, 50_000, 2_000),
  SNAPSHOT_SECONDS: seconds(1, 3600, 30),
  ...TriageEnvironment,
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
  /** Where it receives syslog, over TCP and UDP; null: nowhere. */
  readonly syslog: SyslogConfig | null;
  readonly vercel: VercelConfig;
  readonly databaseUrl: string | null;
  readonly dataDir: string;
  /** Without a trailing slash; null means http://HOST:PORT of the socket that is listened on. */
  readonly publicUrl: string | null;
  readonly ingestKey: string | null;
  readonly adminKey: string | null;
  /** Asked each minute while all is well; null: nobody is. */
  readonly heartbeatUrl: string | null;
  /** Whose `X-Forwarded-For` says where a request comes from; null: nobody's. */
  readonly trustedProxies: BlockList | null;
  /** Each channel that is configured; none: alerts go to the terminal. */
  readonly channels: readonly ChannelSpec[];
  /** Of the file that TRACER_CONFIG names. */
  readonly settings: Settings;
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
  /** Bytes of requests in hand, compressed and inflated; beyond it batches are refused. */
  readonly ingestInFlightBytesMax: number;
  /** What one key may send, on average; null: as much as it likes. Bytes are inflated ones. */
  readonly ingestRecordsPerSecond: number | null;
  readonly ingestBytesPerSecond: number | null;
  readonly metricSeriesMax: number;
  readonly snapshotSeconds: number;
  /** The model that is asked about incidents; null: none. */
  readonly triage: TriageConfig | null;
  /** The account whose tools `tracer ask` may use; null: none. */
  readonly composio: ComposioConfig | null;
  readonly logLevel: Environment["LOG_LEVEL"];
}

/** Rules for who is told what, and how. */
export interface Settings extends Pick<SettingsFile, "routes" | "services" | "redaction"> {
  /** By channel. */
  readonly quietHours: ReadonlyMap<string, QuietHours>;
}

export interface ComposioConfig {
  readonly apiKey: string;
  readonly baseUrl: string;
  readonly userId: string;
  readonly toolkits: readonly string[];
}

export interface SyslogConfig {
  /** Without brackets. */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly loopback: boolean;
}

export interface VercelConfig {
  /** Bodies of `POST /vercel` must be signed with it; null: they need not be. */
  readonly drainSecret: string | null;
  /** What Vercel wants to read back before it sends anything. */
  readonly verify: string | null;
}

/**
 * Reads the environment once and names every problem at once, by key and without printing a value.
 * Throws CONFIG_INVALID.
 */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const problems: string[] = [];
  const values = readSecretFiles(environment, problems);
  for (const [key, other] of PAIRS) {
    if (key === "COMPOSIO_API_KEY" && values["TRIAGE_MODEL"] !== undefined) continue; // For `tracer ask`.
    if (values[key] !== undefined && values[other] === undefined) {
      problems.push(`${other}: is required with ${key}`);
    }
  }
  problems.push(...triageProblems(values));
  const parsed = Environment.safeParse(values);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      problems.push(`${issue.path.join(".")}: ${issue.message}`);
    }
  }
  const file = readSettingsFile(values, problems);
  const config = parsed.success ? toConfig(parsed.data, { file, values, problems }) : null;
  if (problems.length > 0 || config === null) {
    throw new TracerError(
      "CONFIG_INVALID",
      `The configuration has ${problems.length === 1 ? "a problem" : `${problems.length} problems`}:\n${problems
        .map((problem) => `  ${problem}`)
        .join("\n")}`,
    );
  }
  return config;
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

/** What TRACER_CONFIG names; nothing when it is not set, or its problems are said. */
function readSettingsFile(values: NodeJS.ProcessEnv, problems: string[]): SettingsFile | null {
  const path = values["TRACER_CONFIG"];
  if (path === undefined) return null;
  try {
    const text = readFileSync(path, "utf8");
    if (text.length > FILE_BYTES_MAX) throw new Error("too large");
    const { settings, problems: found } = parseSettings(text);
    problems.push(...found.map((problem) => `TRACER_CONFIG: ${problem}`));
    return settings;
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "too large";
    problems.push(`TRACER_CONFIG: the file cannot be read (${reason})`);
    return null;
  }
}

interface Sources {
  readonly file: SettingsFile | null;
  readonly values: NodeJS.ProcessEnv;
  readonly problems: string[];
}

/** The environment wins: a channel of the file that has the name of one of the environment is not used. */
function toConfig(env: Environment, { file, values, problems }: Sources): Config {
  const channels = channelsOf(env);
  if (file !== null) {
    const defaults = channelDefaultsOf(env);
    const { specs, problems: found } = channelSpecsOf(file, { environment: values, defaults });
    const known = new Set(channels.map(({ name }) => name));
    channels.push(...specs.filter(({ name }) => !known.has(name)));
    const names = channels.map(({ name }) => name);
    for (const problem of [...found, ...unknownChannels(file, names)]) {
      problems.push(`TRACER_CONFIG: ${problem}`);
    }
  }
  return Object.freeze({
    host: env.HOST,
    port: env.PORT,
    loopback: isLoopback(env.HOST),
    syslog: syslogOf(env),
    vercel: { drainSecret: env.VERCEL_DRAIN_SECRET ?? null, verify: env.VERCEL_VERIFY ?? null },
    databaseUrl: env.DATABASE_URL ?? null,
    dataDir: env.DATA_DIR,
    publicUrl: env.PUBLIC_URL?.replace(/\/+$/, "") ?? null,
    ingestKey: env.TRACER_INGEST_KEY ?? null,
    adminKey: env.TRACER_ADMIN_KEY ?? null,
    heartbeatUrl: env.HEARTBEAT_URL ?? null,
    trustedProxies: parseTrustedProxies(env.TRUSTED_PROXIES ?? ""),
    channels,
    settings: settingsOf(file),
    fallbackChannel: env.FALLBACK_CHANNEL ?? file?.fallback?.channel ?? null,
    fallbackSeconds:
      env.FALLBACK_CHANNEL === undefined
        ? (file?.fallback?.after_seconds ?? env.FALLBACK_SECONDS)
        : env.FALLBACK_SECONDS,
    holdSeconds: env.HOLD_SECONDS,
    quietSeconds: env.QUIET_SECONDS,
    clearSeconds: env.CLEAR_SECONDS,
    repeatSeconds: env.REPEAT_SECONDS,
    latenessSeconds: env.LATENESS_SECONDS,
    staleSeconds: env.STALE_SECONDS,
    seriesMax: env.SERIES_MAX,
    ingestInFlightBytesMax: env.INGEST_IN_FLIGHT_BYTES_MAX,
    ingestRecordsPerSecond: env.INGEST_RECORDS_PER_SECOND ?? null,
    ingestBytesPerSecond: env.INGEST_BYTES_PER_SECOND ?? null,
    metricSeriesMax: env.METRIC_SERIES_MAX,
    snapshotSeconds: env.SNAPSHOT_SECONDS,
    triage: triageConfigOf(env),
    composio: composioOf(env),
    logLevel: env.LOG_LEVEL,
  });
}

function composioOf(env: Environment): ComposioConfig | null {
  const { COMPOSIO_API_KEY: apiKey, COMPOSIO_USER_ID: userId } = env;
  if (apiKey === undefined) return null;
  const { composioBaseUrl: baseUrl, composioToolkits: toolkits } = channelDefaultsOf(env);
  return { apiKey, baseUrl, userId, toolkits };
}

function syslogOf({ SYSLOG_PORT: port, SYSLOG_HOST, HOST }: Environment): SyslogConfig | null {
  if (port === undefined) return null;
  const host = (SYSLOG_HOST ?? HOST).replace(/^\[|\]$/g, "");
  return { host, port, loopback: isLoopback(host) };
}

function settingsOf(file: SettingsFile | null): Settings {
  const { channels = {}, routes = [], services = [], redaction = [] } = file ?? {};
  const quietHours = new Map<string, QuietHours>();
  for (const [name, { quiet_hours: hours }] of Object.entries(channels)) {
    if (hours !== undefined) quietHours.set(name, hours);
  }
  return { routes, services, redaction, quietHours };
}

function channelDefaultsOf(env: Environment) {
  return {
    slackApiUrl: env.SLACK_API_URL.replace(/\/+$/, ""),
    composioBaseUrl: env.COMPOSIO_BASE_URL.replace(/\/+$/, ""),
    composioToolkits: env.COMPOSIO_TOOLKITS,
    pagerdutyEventsUrl: env.PAGERDUTY_EVENTS_URL,
  };
}

/** The channels of the environment, under the names of their kinds. */
function channelsOf(env: Environment): ChannelSpec[] {
  const { SLACK_BOT_TOKEN: token, SLACK_CHANNEL: channel } = env;
  const { COMPOSIO_API_KEY: apiKey, COMPOSIO_SLACK_CHANNEL: composioChannel } = env;
  const { slackApiUrl, composioBaseUrl, composioToolkits, pagerdutyEventsUrl } =
    channelDefaultsOf(env);
  const specs: ChannelSpec[] = [];
  if (token !== undefined && channel !== undefined) {
    specs.push({ name: "slack", kind: "slack", token, channel, apiUrl: slackApiUrl });
  }
  if (apiKey !== undefined && composioChannel !== undefined) {
    const userId = env.COMPOSIO_USER_ID;
    const place = { baseUrl: composioBaseUrl, toolkits: composioToolkits };
    const composio = { apiKey, channel: composioChannel, userId, ...place };
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
  return specs;
}

/** True for `localhost`, 127.0.0.0/8 and ::1, with or without brackets. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "").toLowerCase();
  if (bare === "localhost" || bare === "::1") return true;
  return isIP(bare) === 4 && bare.startsWith("127.");
}
