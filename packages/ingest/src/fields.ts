import { WordTable } from "./words.ts";

/**
 * The fields that a record may name, in the order of the contract: of several that are there, the first
 * in this list wins, wherever it stands in the record. A dot means either that dotted key or the nested
 * member. An alias has a bit in one of two masks, in list order, so "the first that is there" is the
 * lowest bit that is set.
 */
const LOW_ALIASES = [
  ...["timestamp", "time", "ts", "@timestamp", "date", "_time"],
  ...["level", "severity", "severity_text", "lvl", "loglevel", "log.level", "log>level"],
  ...["severity_number", "status"],
  ...["service", "service.name", "service>name", "service_name", "app", "application", "appname"],
  ...["logger", "container_name", "kubernetes.labels.app", "kubernetes.labels>app"],
  ...["kubernetes>labels.app", "kubernetes>labels>app"],
] as const;

const HIGH_ALIASES = [
  ...["message", "msg", "body", "log", "text", "event"],
  ...["duration_ms", "latency_ms", "elapsed_ms", "responseTime"],
  ...["metadata.latency", "metadata>latency", "duration", "latency"],
  ...["env", "environment", "deployment.environment", "deployment>environment"],
  "count",
] as const;

const HIGH = 32;

/** Masks over the low aliases (time, level, service) and the high ones (all others). */
export const FieldMask = {
  time: lowMask("timestamp", "_time"),
  level: lowMask("level", "status"),
  service: lowMask("service", "kubernetes>labels>app"),
  message: highMask("message", "event"),
  latency: highMask("duration_ms", "latency"),
  environment: highMask("env", "deployment>environment"),
  count: highMask("count", "count"),
} as const;

/** Aliases that are read in a way of their own. */
export const SEVERITY_NUMBER_ALIAS = lowId("severity_number");
export const STATUS_ALIAS = lowId("status");
/** The low aliases that an object or array makes present, as one that cannot be read: times and levels. */
export const NESTED_LOW = (FieldMask.time | FieldMask.level) & ~(1 << STATUS_ALIAS);
/** From this alias to `latency`, a number with a fraction is in seconds. */
export const DURATION_ALIAS = highId("duration");

/** Aliases are 0 … ALIASES_END − 1: low ones from 0, high ones from 32. */
export const ALIASES_END = HIGH + HIGH_ALIASES.length;

/** The alias of the lowest bit in `low` (of the low mask) or `high`; -1 when both are 0. */
export function firstLow(mask: number): number {
  return mask === 0 ? -1 : 31 - Math.clz32(mask & -mask);
}

export function firstHigh(mask: number): number {
  return mask === 0 ? -1 : HIGH + 31 - Math.clz32(mask & -mask);
}

/** The key under which an alias stands in a record, for errors and warnings. */
export function aliasName(alias: number): string {
  const name = alias < HIGH ? LOW_ALIASES[alias] : HIGH_ALIASES[alias - HIGH];
  return (name ?? "").replaceAll(">", ".");
}

/** Objects whose members may be fields: the record itself, and those on the path of a dotted alias. */
const CONTEXTS = [
  "",
  "service>",
  "log>",
  "kubernetes>",
  "kubernetes.labels>",
  "kubernetes>labels>",
  "metadata>",
  "deployment>",
];

/** The key `logs`, which may make an object a batch of records. */
export const LOGS_KEY = 1 << 12;

/**
 * By context: its keys and what they mean: bits 0–5 are the alias + 1 (0: none), bits 6–11 the context that its
 * object opens (0: none), bit 12 marks `logs`.
 */
export const KEY_WORDS: readonly (readonly (readonly [string, number])[])[] = CONTEXTS.map(
  (prefix) => {
    const keys = new Map<string, number>();
    const note = (key: string, bits: number) => keys.set(key, (keys.get(key) ?? 0) | bits);
    const aliases: (readonly [string, number])[] = [
      ...LOW_ALIASES.map((name, at) => [name, at] as const),
      ...HIGH_ALIASES.map((name, at) => [name, HIGH + at] as const),
    ];
    for (const [name, alias] of aliases) {
      if (!name.startsWith(prefix)) continue;
      const key = name.slice(prefix.length);
      if (!key.includes(">")) note(key, alias + 1);
    }
    for (const [context, path] of CONTEXTS.entries()) {
      if (context === 0 || !path.startsWith(prefix)) continue;
      const key = path.slice(prefix.length, -1);
      if (key !== "" && !key.includes(">")) note(key, context << 6);
    }
    if (prefix === "") note("logs", LOGS_KEY);
    return [...keys];
  },
);

/** What a key means inside a context, as in `KEY_WORDS`, or -1. */
export const KEY_TABLES: readonly WordTable[] = KEY_WORDS.map((keys) => new WordTable(keys));

/** Which low and high aliases lie inside a context: a repeated parent key (last wins) clears them. */
export const CONTEXT_LOW: readonly number[] = CONTEXTS.map((prefix) =>
  membersMask(LOW_ALIASES, prefix),
);
export const CONTEXT_HIGH: readonly number[] = CONTEXTS.map((prefix) =>
  membersMask(HIGH_ALIASES, prefix),
);

function membersMask(names: readonly string[], prefix: string): number {
  let mask = 0;
  for (const [at, name] of names.entries()) {
    if (prefix !== "" && name.startsWith(prefix)) mask |= 1 << at;
  }
  return mask;
}

function lowId(name: (typeof LOW_ALIASES)[number]): number {
  return LOW_ALIASES.indexOf(name);
}

function highId(name: (typeof HIGH_ALIASES)[number]): number {
  return HIGH + HIGH_ALIASES.indexOf(name);
}

function lowMask(first: (typeof LOW_ALIASES)[number], last: (typeof LOW_ALIASES)[number]): number {
  return rangeMask(lowId(first), lowId(last));
}

function highMask(
  first: (typeof HIGH_ALIASES)[number],
  last: (typeof HIGH_ALIASES)[number],
): number {
  return rangeMask(highId(first) - HIGH, highId(last) - HIGH);
}

function rangeMask(first: number, last: number): number {
  let mask = 0;
  for (let at = first; at <= last; at += 1) mask |= 1 << at;
  return mask;
}
