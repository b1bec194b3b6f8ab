import { levelOfMessage } from "./message-level.ts";
import { cleanName } from "./names.ts";
import { RECEIPT_MS, type Row } from "./test-decode.ts";

/** For tests: what the contract says of one record's text, by way of JSON.parse; null when it is broken. */
export function expectedRow(text: string): Row | null {
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(record)) return null;
  const message = first(record, MESSAGE, isPlain);
  return {
    timestampMs: expectedTime(first(record, TIME, isThere)?.value),
    level: expectedLevel(record),
    service: nameOr(first(record, SERVICE, isPlain)?.value, "unknown"),
    environment: nameOr(first(record, ENVIRONMENT, isPlain)?.value, ""),
    latencyMs: expectedLatency(record),
    count: 1,
    message: message === undefined ? text : String(message.value),
  };
}

const TIME = ["timestamp", "time", "ts", "@timestamp", "date", "_time"];
const LEVEL = "level severity severity_text lvl loglevel log.level severity_number status".split(
  " ",
);
const SERVICE = [
  ..."service service.name service_name app application appname logger container_name".split(" "),
  "kubernetes.labels.app",
];
const MESSAGE = ["message", "msg", "body", "log", "text", "event"];
const LATENCY =
  "duration_ms latency_ms elapsed_ms responseTime metadata.latency duration latency".split(" ");
const ENVIRONMENT = ["env", "environment", "deployment.environment"];

function nameOr(value: unknown, otherwise: string): string {
  const name = String(value ?? "");
  return /^[ \t\r\n]*$/.test(name) ? otherwise : cleanName(name);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "";
}

function isPlain(value: unknown): boolean {
  return isThere(value) && typeof value !== "object";
}

/** The first alias that is there: as a dotted key, or else along any split of it into nested objects. */
function first(
  record: Record<string, unknown>,
  names: readonly string[],
  counts: (value: unknown, name: string) => boolean,
): { name: string; value: unknown } | undefined {
  for (const name of names) {
    for (const value of valuesAt(record, name)) if (counts(value, name)) return { name, value };
  }
  return undefined;
}

function valuesAt(record: Record<string, unknown>, name: string): unknown[] {
  const values = Object.hasOwn(record, name) ? [record[name]] : [];
  const parts = name.split(".");
  for (let split = parts.length - 1; split > 0; split -= 1) {
    const parent = parts.slice(0, split).join(".");
    const inner = Object.hasOwn(record, parent) ? record[parent] : undefined;
    if (isObject(inner)) values.push(...valuesAt(inner, parts.slice(split).join(".")));
  }
  return values;
}

function expectedTime(value: unknown): number {
  const eventMs = eventTime(value);
  return Number.isNaN(eventMs) || eventMs > RECEIPT_MS + 300_000 ? RECEIPT_MS : eventMs;
}

function eventTime(value: unknown): number {
  if (typeof value === "number") return value >= 0 ? epoch(value) : Number.NaN;
  if (typeof value !== "string") return Number.NaN;
  const text = value.trim();
  if (JSON_NUMBER.test(text) && !text.startsWith("-")) return epoch(Number(text));
  const iso =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(?:[.,](\d+))?)?(Z|[+-]\d\d:?\d\d)?$/.exec(text);
  if (iso === null) return Number.NaN;
  const [, date, minutes = "00:00", seconds = ":00", fraction = "", zone = "Z"] = iso;
  // Date.parse rolls 30 February over into March, so the date is checked on its own.
  const day = new Date(`${date}T00:00:00Z`);
  if (Number.isNaN(day.getTime()) || day.toISOString().slice(0, 10) !== date) return Number.NaN;
  const offset = zone === "Z" ? "Z" : `${zone.slice(0, 3)}:${zone.slice(-2)}`;
  return Date.parse(`${date}T${minutes}${seconds}.${fraction.padEnd(3, "0").slice(0, 3)}${offset}`);
}

function epoch(value: number): number {
  if (value < 1e11) return Math.floor(value * 1000);
  if (value < 1e14) return Math.floor(value);
  if (value < 1e17) return Math.floor(value / 1e3);
  return value < 1e20 ? Math.floor(value / 1e6) : Number.NaN;
}

function expectedLevel(record: Record<string, unknown>): string {
  const found = first(record, LEVEL, (value, name) => {
    return name === "status" ? isPlain(value) : isThere(value);
  });
  if (found === undefined) {
    // What a message says of its level has tests of its own; here only that it is asked, unescaped.
    const message = first(record, MESSAGE, isPlain)?.value;
    const text = Buffer.from(message === undefined ? "" : String(message));
    return ORDER[levelOfMessage(text, 0, text.length)] ?? "";
  }
  const { name, value } = found;
  if (typeof value === "boolean" || typeof value === "object") return "info";
  const text = String(value).trim().toLowerCase();
  const number = JSON_NUMBER.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(number)) return WORDS[text] ?? "info";
  if (name === "severity_number") {
    return number >= 1 && number < 25 ? (ORDER[Math.floor((number - 1) / 4)] ?? "info") : "info";
  }
  if (name === "status" && number >= 100) return number >= 500 && number < 600 ? "error" : "info";
  if (number >= 10 && number < 100) return ORDER[Math.min(5, Math.floor(number / 10) - 1)] ?? "";
  return ["fatal", "fatal", "fatal", "error", "warn", "info", "info", "debug"][number] ?? "info";
}

const ORDER = ["trace", "debug", "info", "warn", "error", "fatal"];
const WORDS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries({
    trace: "trace trc silly finest finer t",
    debug: "debug dbg verbose fine config d v",
    info: "info inf information informational notice log i ok success default http",
    warn: "warn warning wrn w",
    error: "error err severe e",
    fatal: "fatal ftl critical crit alert emerg emergency f c panic dpanic",
  }).flatMap(([level, words]) => words.split(" ").map((word) => [word, level])),
);

const JSON_NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;

function expectedLatency(record: Record<string, unknown>): number | null {
  const found = first(record, LATENCY, isPlain);
  if (typeof found?.value !== "number" && typeof found?.value !== "string") return null;
  if (typeof found.value === "string" && !JSON_NUMBER.test(found.value)) return null;
  const value = Number(found.value);
  const isSeconds = ["duration", "latency"].includes(found.name) && !Number.isInteger(value);
  const latencyMs = isSeconds ? value * 1000 : value;
  return latencyMs >= 0 && latencyMs <= 604_800_000 ? latencyMs : null;
}
