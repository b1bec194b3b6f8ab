import { KINDS, SEVERITIES } from "@tracer/core";
import { z } from "zod";
import { slug, ToolEntry } from "./tool-entry.ts";

/** Bounds of the file. */
export const CHANNELS_MAX = 100;
export const ROUTES_MAX = 500;
export const SERVICES_MAX = 500;
export const PATTERNS_MAX = 50;
const LIST_MAX = 100;

const name = z
  .string("must be a name")
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, "must be small letters, digits, - and _, at most 63");
const text = z.string("must be text").min(1, "must not be empty").max(2_000, "is too long");

/** A value as it is, or where it lies: secrets need not stand in the file. */
const value = z.union(
  [text, z.strictObject({ env: text }), z.strictObject({ file: text })],
  "must be text, { env: NAME } or { file: PATH }",
);

/** One, or a list of them; a list when read. */
function some<Out>(item: z.ZodType<Out>) {
  const list = z.array(item).min(1, "must not be empty").max(LIST_MAX, "has too many entries");
  return z.preprocess((given) => (Array.isArray(given) ? given : [given]), list.readonly());
}

const severity = z.enum(SEVERITIES);

/** Which incidents. What is left out matches all; of a list, one has to match. `*` stands for any text. */
const When = z.strictObject({
  project: some(text).optional(),
  environment: some(text).optional(),
  service: some(text).optional(),
  kind: some(z.enum(KINDS)).optional(),
  /** This one or graver. */
  severity: severity.optional(),
});

const time = z.string("must be a time such as 22:00").regex(/^([01]\d|2[0-3]):[0-5]\d$/, {
  error: 'must be a time such as "22:00", in quotes',
});
export const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

const QuietHours = z.strictObject({
  time_zone: text.refine(isTimeZone, "is no time zone of the IANA list, such as Europe/Berlin"),
  from: time,
  /** The next day when it is not after `from`. */
  to: time,
  /** On which days they begin. Default: all. */
  days: some(z.enum(WEEKDAYS)).optional(),
  /** This severity and graver is sent all the same. */
  except: severity.default("critical"),
});

const toolkit = z
  .string("must be a toolkit's name")
  .regex(/^[a-z0-9_-]{1,63}$/, "must be a toolkit's name, such as slackbot");

const common = { quiet_hours: QuietHours.optional() };
/** Incidents that belong together share one message. Default true. */
const grouped = { groups: z.boolean().default(true) };

const ChannelEntry = z.discriminatedUnion(
  "kind",
  [
    z.strictObject({
      ...{ kind: z.literal("slack"), token: value, channel: text, ...grouped, ...common },
    }),
    z.strictObject({ kind: z.literal("slack-webhook"), url: value, ...common }),
    z.strictObject({
      ...{ kind: z.literal("composio-slack"), api_key: value, channel: text, ...common },
      ...{ user_id: text.default("tracer"), ...grouped },
      toolkit: toolkit.optional(),
      via: z.enum(["tool", "proxy"]).optional(),
      slugs: z
        .strictObject({ post: slug.optional(), update: slug.optional(), history: slug.optional() })
        .optional(),
    }),
    z.strictObject({
      ...{ kind: z.literal("composio-tool"), api_key: value, toolkit, ...common },
      user_id: text.default("tracer"),
      ...ToolEntry,
    }),
    z.strictObject({
      ...{ kind: z.literal("email"), smtp_url: value, from: text, to: some(text), ...common },
    }),
    z.strictObject({ kind: z.literal("alertmanager"), url: some(value), ...common }),
    z.strictObject({
      ...{ kind: z.literal("pagerduty"), routing_key: value, ...common },
      events_url: text.optional(),
    }),
    z.strictObject({
      ...{ kind: z.literal("webhook"), url: value, secret: value.optional(), ...common },
      allow_hosts: text.optional(),
    }),
    z.strictObject({ kind: z.literal("console"), ...common }),
  ],
  "must be slack, slack-webhook, composio-slack, composio-tool, pagerduty, webhook, email, alertmanager or console",
);

const Route = z.strictObject({
  when: When.default({}),
  channels: z.array(name).max(CHANNELS_MAX, "has too many entries").readonly(),
  /** True: later routes are asked, too. */
  continue: z.boolean("must be true or false").default(false),
});

const ServiceRule = z.strictObject({
  when: When.omit({ severity: true, kind: true }),
  /** These kinds of incident are not announced at all. */
  ignore: some(z.enum(KINDS)).optional(),
  /** By kind: how grave its incidents are, whatever was found. */
  severity: z.partialRecord(z.enum(KINDS), severity).optional(),
});

const Redaction = z.strictObject({
  pattern: text.refine(isPattern, "is no regular expression"),
  replace: z.string("must be text").max(100, "is too long").default("‹redacted›"),
});

/** The file that `TRACER_CONFIG` names. */
export const SettingsFile = z.strictObject({
  channels: z
    .record(name, ChannelEntry)
    .refine((all) => Object.keys(all).length <= CHANNELS_MAX, `has more than ${CHANNELS_MAX}`)
    .default({}),
  routes: z.array(Route).max(ROUTES_MAX, `has more than ${ROUTES_MAX}`).default([]),
  fallback: z
    .strictObject({
      channel: name,
      after_seconds: z.number("must be a number of seconds").min(1).max(86_400).default(300),
    })
    .optional(),
  services: z.array(ServiceRule).max(SERVICES_MAX, `has more than ${SERVICES_MAX}`).default([]),
  redaction: z.array(Redaction).max(PATTERNS_MAX, `has more than ${PATTERNS_MAX}`).default([]),
});

export type SettingsFile = z.infer<typeof SettingsFile>;
export type ChannelEntry = z.infer<typeof ChannelEntry>;
export type GivenValue = z.infer<typeof value>;
export type QuietHours = z.infer<typeof QuietHours>;
export type When = z.infer<typeof When>;

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

function isPattern(pattern: string): boolean {
  try {
    return !new RegExp(pattern, "gu").test(""); // One that finds nothing everywhere would redact all.
  } catch {
    return false;
  }
}
