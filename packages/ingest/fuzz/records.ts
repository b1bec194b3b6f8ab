import { deepText, gap, numberText, stringText, valueText } from "./json.ts";
import type { Random } from "./random.ts";

/*
 * Log records as text. Fields get values of which the oracle (`expectedRow`) knows the meaning; what is no field gets
 * anything.
 */

const TIME_KEYS = ["timestamp", "time", "ts", "@timestamp", "date", "_time"] as const;
const LEVEL_KEYS = [
  ...(["level", "severity", "severity_text", "lvl", "loglevel", "log.level"] as const),
  ...(["severity_number", "status"] as const),
] as const;
const NAME_KEYS = [
  ...(["service", "service.name", "service_name", "app", "application", "appname"] as const),
  ...(["logger", "container_name", "kubernetes.labels.app", "env", "environment"] as const),
  ...(["deployment.environment", "message", "msg", "body", "log", "text", "event"] as const),
] as const;
const LATENCY_KEYS = [
  "duration_ms",
  "latency_ms",
  "elapsed_ms",
  "responseTime",
  "metadata.latency",
] as const;
const OBJECT_KEYS = [
  "service",
  "log",
  "kubernetes",
  "kubernetes.labels",
  "metadata",
  "deployment",
] as const;
const OTHER_KEYS = [
  "pid",
  "hostname",
  "__proto__",
  "levels",
  "attributes",
  "a_key_of_more_than_thirty_two_bytes_in_all",
] as const;

const TIMES = [
  ...(['"2026-06-01"', '"2026-06-01 11:59:59"', '"2026-06-01T11:59:59,123456789+02:00"'] as const),
  ...([
    '"2026-06-01T11:59:59.5Z"',
    '"2026-06-01T11:59:59Z"',
    '"2026-06-01T11:58:00.123Z"',
  ] as const),
  ...(['"2026-02-30T00:00:00Z"', '"2026-06-01T11:59-0730"', '"2027-06-01T00:00:00Z"'] as const),
  ...(['"1780000000"', '"yesterday"', "1780000000", "1780000000123", "1780000000123456"] as const),
  ...([
    "1500000000000000000",
    "-5",
    "0",
    '"2026-06-01T11:59:60Z"',
    '"2026-06-01T11:61:00Z"',
  ] as const),
] as const;
const LEVELS = [
  ...([
    '"trace"',
    '"DEBUG"',
    '"Info"',
    '"notice"',
    '"warn"',
    '"WARNING"',
    '"err"',
    '"Error"',
  ] as const),
  ...([
    '"crit"',
    '"alert"',
    '"EMERG"',
    '"panic"',
    '"fatal"',
    '" error "',
    '"banana"',
    '""',
  ] as const),
  ...(["10", "20", "30", "35", "40", "50", "60", "0", "3", "7", "9", "200", "404", "503"] as const),
  ...(["17", "24", "-1", "2.5", '"50"', '"500"', "null", "true", "[]", "{}", "99"] as const),
] as const;

/** One record on one line. */
export function recordText(random: Random): string {
  const members: string[] = [];
  for (let left = random.below(9); left > 0; left -= 1) members.push(memberText(random));
  return `{${gap(random)}${members.join(`${gap(random)},${gap(random)}`)}${gap(random)}}`;
}

function memberText(random: Random): string {
  const [key, value] = member(random);
  const written = random.oneIn(20) ? escaped(key) : key;
  return `"${written}"${gap(random)}:${gap(random)}${value}`;
}

function member(random: Random): readonly [string, string] {
  switch (random.below(12)) {
    case 0:
    case 1:
      return [random.pick(TIME_KEYS), random.pick(TIMES)];
    case 2:
    case 3:
      return [random.pick(LEVEL_KEYS), random.pick(LEVELS)];
    case 4:
    case 5:
    case 6:
      return [random.pick(NAME_KEYS), nameText(random)];
    case 7:
      return [
        random.pick(LATENCY_KEYS),
        random.pick([latencyText(random), "12.5", '"15"', '"fast"']),
      ];
    case 8:
      return [
        random.pick(["duration", "latency"]),
        random.pick(["0.25", "12", '"0.5"', "-3", "1e12"]),
      ];
    case 9:
      return [random.pick(OBJECT_KEYS), insideText(random)];
    default:
      return [
        random.pick(OTHER_KEYS),
        random.oneIn(200) ? deepText(random, false) : valueText(random, 3),
      ];
  }
}

/** A number of more than 64 bytes is not read as a latency: JSON.parse has no such limit. */
function latencyText(random: Random): string {
  const text = numberText(random);
  return text.length > 64 ? "12" : text;
}

/** A number as a name is told apart by its spelling, which JSON.parse forgets: only plain ones. */
function nameText(random: Random): string {
  const other = ["12", "true", "null", '""', '" "', '"api"', '"ERROR it broke"', "[]"] as const;
  return random.oneIn(3) ? random.pick(other) : stringText(random);
}

/** The object of a dotted field: its members may be fields. */
function insideText(random: Random): string {
  const leaf = () => {
    const key = random.pick([
      "name",
      "level",
      "labels",
      "labels.app",
      "app",
      "latency",
      "environment",
      "x",
    ]);
    const inner = random.pick([
      random.pick(LEVELS),
      '"api"',
      '{"app":"shop"}',
      '{"app":null,"x":[1]}',
    ]);
    return `"${key}":${key === "level" ? random.pick(LEVELS) : key === "latency" ? "12.5" : inner}`;
  };
  return `{${Array.from({ length: random.below(4) }, leaf).join(",")}}`;
}

function escaped(key: string): string {
  return `\\u${key.charCodeAt(0).toString(16).padStart(4, "0")}${key.slice(1)}`;
}
