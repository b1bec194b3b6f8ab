import { LevelIndex } from "@tracer/core";
import {
  LEVEL_UNREADABLE,
  levelOfNumber,
  levelOfSeverityNumber,
  levelOfStatus,
  levelOfText,
} from "./level.ts";
import { parseNumber } from "./numbers.ts";
import type { ParsedRecord } from "./parsed-sink.ts";
import { LATENCY_MS_MAX } from "./record.ts";
import { parseTime } from "./time.ts";

/** An object as `JSON.parse` makes it. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Told of a field that is there and cannot be read. */
export type Warn = (field: string, reason: string) => void;

// The fields of `POST /logs` in their order; fields.ts holds the same for bytes, and a test compares the two.
const TIME = pathsOf("timestamp time ts @timestamp date _time");
const LEVEL = pathsOf("level severity severity_text lvl loglevel log.level severity_number status");
const SERVICE = pathsOf(
  "service service.name service_name app application appname logger container_name kubernetes.labels.app",
);
const MESSAGE = pathsOf("message msg body log text event");
const LATENCY = pathsOf(
  "duration_ms latency_ms elapsed_ms responseTime metadata.latency duration latency",
);
const ENVIRONMENT = pathsOf("env environment deployment.environment");
const IN_SECONDS: ReadonlySet<string> = new Set(["duration", "latency"]);

const SCRATCH_CHARACTERS = 64;
const scratch = Buffer.alloc(SCRATCH_CHARACTERS * 3);

/**
 * Reads the fields of `POST /logs` from an object that `JSON.parse` made: for records that lie inside of
 * another protocol's. `""`, NaN and a level of -1: it names none.
 */
export function readFields(record: JsonObject, warn: Warn): ParsedRecord {
  return {
    timestampMs: timeIn(record, warn),
    level: levelIn(record, warn),
    service: textIn(record, SERVICE),
    environment: textIn(record, ENVIRONMENT),
    message: textIn(record, MESSAGE),
    latencyMs: latencyIn(record),
  };
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A time as a JSON value (ISO 8601, or an epoch by magnitude), in ms; NaN when it is none. */
export function timeOfValue(value: unknown): number {
  if (typeof value !== "string" && typeof value !== "number") return Number.NaN;
  return parseTime(scratch, 0, scratch.write(String(value).slice(0, SCRATCH_CHARACTERS), "utf8"));
}

/** The index of a level as a JSON value, in any of the ways of `POST /logs`; -1 when it is none. */
export function levelOfValue(value: unknown): number {
  if (typeof value === "number") return levelOfNumber(value);
  if (typeof value !== "string") return LEVEL_UNREADABLE;
  return levelOfText(scratch, 0, scratch.write(value.slice(0, SCRATCH_CHARACTERS), "utf8"));
}

/** A name or message as a JSON value; `""` when it is none. */
export function textOfValue(value: unknown): string {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

function timeIn(record: JsonObject, warn: Warn): number {
  for (const path of TIME) {
    const value = valueAt(record, path, isThere);
    if (value === undefined) continue;
    const timestampMs = timeOfValue(value);
    if (Number.isNaN(timestampMs)) {
      warn(path.name, "Not a time that can be read: counted at receipt time.");
    }
    return timestampMs;
  }
  return Number.NaN;
}

function levelIn(record: JsonObject, warn: Warn): number {
  for (const path of LEVEL) {
    const counts = path.name === "status" ? isPlain : isThere;
    const value = valueAt(record, path, counts);
    if (value === undefined) continue;
    const level = levelNamed(path.name, value);
    if (level !== LEVEL_UNREADABLE) return level;
    warn(path.name, "Not a level that can be read: counted as info.");
    return LevelIndex.info;
  }
  return LEVEL_UNREADABLE;
}

function levelNamed(name: string, value: unknown): number {
  if (name !== "status" && name !== "severity_number") return levelOfValue(value);
  if (typeof value !== "string" && typeof value !== "number") return LEVEL_UNREADABLE;
  const number = numberOf(value);
  if (Number.isNaN(number)) return levelOfValue(value);
  return name === "status" ? levelOfStatus(number) : levelOfSeverityNumber(number);
}

function latencyIn(record: JsonObject): number {
  for (const path of LATENCY) {
    const value = valueAt(record, path, isPlain);
    if (value === undefined) continue;
    if (typeof value !== "string" && typeof value !== "number") return Number.NaN;
    let latencyMs = numberOf(value);
    const fractional = !Number.isInteger(latencyMs) || String(value).includes(".");
    if (IN_SECONDS.has(path.name) && fractional) latencyMs *= 1000;
    return latencyMs >= 0 && latencyMs <= LATENCY_MS_MAX ? latencyMs : Number.NaN;
  }
  return Number.NaN;
}

function textIn(record: JsonObject, paths: readonly Path[]): string {
  for (const path of paths) {
    const value = valueAt(record, path, isPlain);
    if (value !== undefined) return textOfValue(value);
  }
  return "";
}

function numberOf(value: string | number): number {
  if (typeof value === "number") return value;
  const length = scratch.write(value.slice(0, SCRATCH_CHARACTERS), "utf8");
  return parseNumber(scratch, 0, length);
}

interface Path {
  readonly name: string;
  /** Ways to cut the name at its dots, the longest first key first: a dot may be nesting or part of a key. */
  readonly cuts: readonly (readonly [string, Path])[];
}

function pathsOf(names: string): Path[] {
  return names.split(" ").map(pathOf);
}

function pathOf(name: string): Path {
  const parts = name.split(".");
  const cuts: (readonly [string, Path])[] = [];
  for (let at = parts.length - 1; at > 0; at -= 1) {
    cuts.push([parts.slice(0, at).join("."), pathOf(parts.slice(at).join("."))]);
  }
  return { name, cuts };
}

/** The value that counts at a path: under the dotted key itself, else inside of nested objects. */
function valueAt(record: JsonObject, path: Path, counts: (value: unknown) => boolean): unknown {
  const value = Object.hasOwn(record, path.name) ? record[path.name] : undefined;
  if (value !== undefined && counts(value)) return value;
  for (const [key, rest] of path.cuts) {
    const inner = Object.hasOwn(record, key) ? record[key] : undefined;
    const found = isJsonObject(inner) ? valueAt(inner, rest, counts) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function isThere(value: unknown): boolean {
  return value !== null && value !== "";
}

function isPlain(value: unknown): boolean {
  return isThere(value) && typeof value !== "object";
}
