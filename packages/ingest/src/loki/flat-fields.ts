import { LEVEL_UNREADABLE, levelOfSeverityNumber, levelOfStatus, levelOfText } from "../level.ts";
import { parseNumber } from "../numbers.ts";
import { LATENCY_MS_MAX } from "../record.ts";
import { WordTable } from "../words.ts";

/** What a key of labels, structured metadata or logfmt may name. */
export const FlatKind = { level: 0, service: 1, environment: 2, latency: 3, message: 4 } as const;
const KINDS_END = 5;

/** Those of `POST /logs`, then what Loki itself takes for a service's name, in its order. */
const SERVICE_KEYS = [
  ...["service", "service.name", "service_name", "app", "application", "appname", "logger"],
  ...["container_name", "app_name", "name", "app_kubernetes_io_name", "container"],
  ...["k8s_container_name", "component", "workload", "job", "k8s_job_name"],
];
const LEVEL_KEYS = [
  ...["detected_level", "level", "severity", "severity_text", "lvl", "loglevel", "log_level"],
  ...["log.level", "severity_number", "status"],
];
const LATENCY_KEYS = [
  ...["duration_ms", "latency_ms", "elapsed_ms", "responseTime", "duration", "latency"],
];
const ENVIRONMENT_KEYS = [
  ...["env", "environment", "deployment.environment", "deployment_environment"],
  ...["deployment_environment_name"],
];
const MESSAGE_KEYS = ["message", "msg"];

const SEVERITY_NUMBER_RANK = LEVEL_KEYS.indexOf("severity_number");
const STATUS_RANK = LEVEL_KEYS.indexOf("status");
const DURATION_RANK = LATENCY_KEYS.indexOf("duration");
/** As a label or in metadata these name other things: a metric, a person. */
const RANK_NONE = 255;

/** A key's kind × 256 + its rank: of several of a kind, the lowest rank counts. */
const KEYS: readonly (readonly [string, number])[] = [
  ...LEVEL_KEYS.map((key, rank) => [key, FlatKind.level * 256 + rank] as const),
  ...SERVICE_KEYS.map((key, rank) => [key, FlatKind.service * 256 + rank] as const),
  ...ENVIRONMENT_KEYS.map((key, rank) => [key, FlatKind.environment * 256 + rank] as const),
  ...LATENCY_KEYS.map((key, rank) => [key, FlatKind.latency * 256 + rank] as const),
  ...MESSAGE_KEYS.map((key, rank) => [key, FlatKind.message * 256 + rank] as const),
];
const KEY_TABLE = new WordTable(KEYS);

/** A text in a buffer of its own or in the body. */
export interface Span {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** The fields among flat keys and text values: where they are, of each kind the one that counts. */
export class FlatFields {
  /** Index into core's LEVELS, or -1. */
  level = -1;
  /** NaN: none that can be read. */
  latencyMs = Number.NaN;
  readonly #ranks = new Array<number>(KINDS_END).fill(RANK_NONE);
  readonly #starts = new Array<number>(KINDS_END).fill(0);
  readonly #ends = new Array<number>(KINDS_END).fill(0);
  #bytes: Uint8Array = new Uint8Array(0);
  #used = false;

  /** Forgets everything; the values to come lie in `bytes`. */
  clear(bytes: Uint8Array): void {
    this.#bytes = bytes;
    if (!this.#used) return;
    this.#used = false;
    this.level = -1;
    this.latencyMs = Number.NaN;
    this.#ranks.fill(RANK_NONE);
  }

  /** What the key in [start, end) means: -1 for nothing, else what `note` takes. */
  meaning(bytes: Uint8Array, start: number, end: number): number {
    return KEY_TABLE.find(bytes, start, end);
  }

  /** Takes the value of a key that means something. Blank values, and those that cannot be read, name nothing. */
  note(meaning: number, start: number, end: number): void {
    const kind = meaning >> 8;
    const rank = meaning & 255;
    if (rank > (this.#ranks[kind] ?? 0) || isNothing(this.#bytes, start, end)) return;
    if (kind === FlatKind.level) {
      const level = this.#levelOf(rank, start, end);
      if (level === LEVEL_UNREADABLE) return;
      this.level = level;
    } else if (kind === FlatKind.latency) {
      const latencyMs = this.#latencyOf(rank, start, end);
      if (!(latencyMs >= 0 && latencyMs <= LATENCY_MS_MAX)) return;
      this.latencyMs = latencyMs;
    }
    this.#used = true;
    this.#ranks[kind] = rank;
    this.#starts[kind] = start;
    this.#ends[kind] = end;
  }

  has(kind: number): boolean {
    return this.#ranks[kind] !== RANK_NONE;
  }

  /** The value of a kind that is there. */
  spanOf(kind: number): Span {
    return { bytes: this.#bytes, start: this.#starts[kind] ?? 0, end: this.#ends[kind] ?? 0 };
  }

  #levelOf(rank: number, start: number, end: number): number {
    if (rank !== SEVERITY_NUMBER_RANK && rank !== STATUS_RANK) {
      return levelOfText(this.#bytes, start, end);
    }
    const value = parseNumber(this.#bytes, start, end);
    if (Number.isNaN(value)) return levelOfText(this.#bytes, start, end);
    return rank === STATUS_RANK ? levelOfStatus(value) : levelOfSeverityNumber(value);
  }

  #latencyOf(rank: number, start: number, end: number): number {
    const bytes = this.#bytes;
    const last = (bytes[end - 1] ?? 0) | 0x20;
    if (last >= 0x61 && last <= 0x7a) return durationMs(bytes, start, end);
    const value = parseNumber(bytes, start, end);
    if (rank < DURATION_RANK) return value;
    for (let at = start; at < end; at += 1) if (bytes[at] === 0x2e) return value * 1000;
    return value;
  }
}

/** A duration with one unit, as Go and others print it (`12.3ms`), in ms; NaN when it is none. */
function durationMs(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start && !isDigit(bytes[at - 1] ?? 0)) at -= 1;
  const unit = UNITS.find(bytes, at, end);
  return unit < 0 ? Number.NaN : parseNumber(bytes, start, at) * (UNITS_MS[unit] ?? Number.NaN);
}

const UNITS_MS: readonly number[] = [1e-6, 1e-3, 1e-3, 1e-3, 1, 1000, 60_000, 3_600_000];
/** `µ` is two bytes of UTF-8, and two characters of Unicode look like it. */
const UNITS = new WordTable(
  ["ns", "us", "\u00c2\u00b5s", "\u00ce\u00bcs", "ms", "s", "m", "h"].map(
    (unit, at) => [unit, at] as const,
  ),
);

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** Blank, or what a client writes for a value that it does not have. */
function isNothing(bytes: Uint8Array, start: number, end: number): boolean {
  if (NOTHING.find(bytes, start, end) >= 0) return true;
  for (let at = start; at < end; at += 1) if ((bytes[at] ?? 0) > 0x20) return false;
  return true;
}

const NOTHING = new WordTable([
  ["undefined", 1],
  ["null", 1],
]);
