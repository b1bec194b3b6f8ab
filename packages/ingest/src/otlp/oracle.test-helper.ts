import { LEVELS } from "@tracer/core";
import { levelOfText } from "../level.ts";
import { levelOfMessage } from "../message-level.ts";
import { cleanName } from "../names.ts";
import { RECEIPT_MS, type Row } from "../test-decode.ts";

/*
 * For tests: what Tracer promises of an OTLP request, from the request as an object, by the shortest way: JSON.parse
 * or protobufjs made the object. How words and messages name a level has tests of its own.
 */

export function expectedRows(request: unknown): Row[] {
  return list(request, "resourceLogs").flatMap((resourceLogs) => {
    const resource = attributesOf(get(resourceLogs, "resource"));
    return list(resourceLogs, "scopeLogs").flatMap((scopeLogs) =>
      list(scopeLogs, "logRecords").map((record) => expectedRow(record, resource)),
    );
  });
}

const SERVICE_FALLBACKS = [
  ...["k8s.deployment.name", "k8s.statefulset.name", "k8s.daemonset.name", "k8s.cronjob.name"],
  ...["k8s.job.name", "k8s.container.name", "container.name"],
];
const ENVIRONMENT = ["deployment.environment.name", "deployment.environment"];
const LEVEL = ["level", "severity", "severity_text", "lvl", "loglevel", "log.level"];
const LATENCY = ["duration_ms", "latency_ms", "elapsed_ms", "responseTime", "metadata.latency"];
const SECONDS = ["duration", "latency"];
const MESSAGE = ["message", "msg", "body", "log", "text", "event"];
const ELSEWHERE = ["message", "msg", "exception.message", "event.name"];

/** An AnyValue made plain, and whether it was a double. */
interface Plain {
  readonly value: unknown;
  readonly isDouble: boolean;
  readonly isText: boolean;
  /** Bytes are no name, level or number. */
  readonly isBytes: boolean;
}

function expectedRow(record: unknown, resource: Map<string, Plain>): Row {
  const attributes = new Map([...attributesOf(record)].filter(([, { isBytes }]) => !isBytes));
  const body = plain(get(record, "body"));
  const message = messageOf(record, body.value, attributes);
  return {
    timestampMs: timeOf(record),
    level: levelOf(record, body.value, attributes, message),
    service: serviceOf(resource, attributes),
    environment: environmentOf(resource, attributes),
    latencyMs: latencyOf(attributes),
    count: 1,
    message: clip(message),
  };
}

function messageOf(record: unknown, body: unknown, attributes: Map<string, Plain>): string {
  let message = shown(body);
  if (isObject(body)) {
    const named = MESSAGE.map((key) => (Object.hasOwn(body, key) ? body[key] : null))
      .filter((value) => typeof value !== "object")
      .map(shown)
      .find((text) => text !== "");
    message = named ?? message;
  }
  if (message !== "") return message;
  const found = ELSEWHERE.map((key) => attributes.get(key)).find(
    (candidate) => candidate?.isText === true && candidate.value !== "",
  );
  return shown(found?.value ?? get(record, "eventName"));
}

function timeOf(record: unknown): number {
  for (const key of ["timeUnixNano", "observedTimeUnixNano"]) {
    const nanoseconds = BigInt(String(get(record, key) ?? "0"));
    const timeMs = Number(nanoseconds / 1_000_000n);
    if (nanoseconds > 0n) return timeMs > RECEIPT_MS + 300_000 ? RECEIPT_MS : timeMs;
  }
  return RECEIPT_MS;
}

function levelOf(
  record: unknown,
  body: unknown,
  attributes: Map<string, Plain>,
  message: string,
): string {
  const severity = get(record, "severityNumber");
  const digits = /(\d+)$/.exec(String(severity ?? ""))?.[1];
  const name = /^SEVERITY_NUMBER_([A-Z]+)/.exec(String(severity))?.[1];
  if (name !== undefined && name !== "UNSPECIFIED") return name.toLowerCase();
  const number = Number(digits ?? 0) * (String(severity).startsWith("-") ? -1 : 1);
  if (name === undefined && number >= 1 && number <= 24) {
    return LEVELS[Math.floor((number - 1) / 4)] ?? "";
  }
  const inBody = isObject(body)
    ? LEVEL.map((key) => (Object.hasOwn(body, key) ? body[key] : ""))
    : [];
  const texts = [
    get(record, "severityText"),
    ...LEVEL.map((key) => attributes.get(key)?.value),
    ...inBody,
  ];
  for (const text of texts) {
    if (typeof text !== "string" && typeof text !== "number") continue;
    const bytes = Buffer.from(String(text));
    const level = levelOfText(bytes, 0, bytes.length);
    if (bytes.length > 0 && level >= 0) return LEVELS[level] ?? "";
  }
  const bytes = Buffer.from(message);
  return message === "" ? "info" : (LEVELS[levelOfMessage(bytes, 0, bytes.length)] ?? "");
}

function serviceOf(resource: Map<string, Plain>, attributes: Map<string, Plain>): string {
  const own = shown(resource.get("service.name")?.value);
  const isKnown = own.trim() !== "" && !/^unknown_service(:|$)/.test(own);
  if (isKnown) return cleanName(own);
  const candidates = [
    attributes.get("service.name"),
    ...SERVICE_FALLBACKS.map((key) => resource.get(key)),
    resource.get("service.name"),
  ];
  for (const [at, candidate] of candidates.entries()) {
    const name = at === 0 && isNested(candidate?.value) ? "" : shown(candidate?.value);
    if (!isBlank(name)) return cleanName(name);
  }
  return "unknown";
}

function environmentOf(resource: Map<string, Plain>, attributes: Map<string, Plain>): string {
  for (const key of ENVIRONMENT) {
    const name = shown(resource.get(key)?.value);
    if (!isBlank(name)) return cleanName(name);
  }
  for (const key of [...ENVIRONMENT, "env", "environment"]) {
    const value = attributes.get(key)?.value;
    // The first that is there; white space is nothing.
    if (isNested(value) || shown(value) === "") continue;
    return isBlank(shown(value)) ? "" : cleanName(shown(value));
  }
  return "";
}

function latencyOf(attributes: Map<string, Plain>): number | null {
  for (const key of [...LATENCY, ...SECONDS]) {
    const found = attributes.get(key);
    if (found === undefined || found.value === null || isNested(found.value)) continue;
    const { value, isDouble } = found;
    const isNumber = typeof value === "number" || /^-?\d+(\.\d+)?$/.test(String(value));
    if (!isNumber || typeof value === "boolean") return null;
    const number = Number(value);
    const fractional = isDouble || !Number.isInteger(number) || String(value).includes(".");
    const latencyMs = SECONDS.includes(key) && fractional ? number * 1000 : number;
    return latencyMs >= 0 && latencyMs <= 604_800_000 ? latencyMs : null;
  }
  return null;
}

function attributesOf(holder: unknown): Map<string, Plain> {
  const entries = list(holder, "attributes").map(
    (pair) => [String(get(pair, "key") ?? ""), plain(get(pair, "value"))] as const,
  );
  return new Map(entries);
}

function plain(any: unknown): Plain {
  const value = plainOf(any);
  const key = isObject(any) ? Object.keys(any).at(-1) : "";
  const is = (member: string) => key === member;
  const isDouble = is("doubleValue");
  return { value, isDouble, isText: is("stringValue"), isBytes: is("bytesValue") };
}

function plainOf(any: unknown): unknown {
  if (!isObject(any)) return null;
  const [key = "", value] = Object.entries(any).at(-1) ?? [];
  switch (key) {
    case "stringValue":
    case "boolValue":
      return value;
    case "intValue":
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    case "doubleValue":
      return Number.isFinite(Number(value)) ? Number(value) : String(value);
    case "bytesValue":
      return Buffer.from(String(value), "base64").toString("utf8");
    case "arrayValue":
      return list(value, "values").map(plainOf);
    case "kvlistValue":
      return Object.fromEntries(
        list(value, "values").map((pair) => [get(pair, "key") ?? "", plainOf(get(pair, "value"))]),
      );
    default:
      return null;
  }
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function clip(message: string): string {
  const bytes = Buffer.from(message.toWellFormed());
  let end = Math.min(bytes.length, 2048);
  while (end > 0 && end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString("utf8", 0, end);
}

function isBlank(name: string): boolean {
  return /^[ \t\r\n]*$/.test(name);
}

function isNested(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return isNested(value) && !Array.isArray(value);
}

function get(holder: unknown, key: string): unknown {
  return isObject(holder) && Object.hasOwn(holder, key) ? holder[key] : undefined;
}

function list(holder: unknown, key: string): unknown[] {
  const value = get(holder, key);
  return Array.isArray(value) ? value : [];
}
