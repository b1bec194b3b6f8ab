import { LevelIndex } from "@tracer/core";
import { RecordFlag } from "./batch.ts";
import {
  aliasName,
  DURATION_ALIAS,
  FieldMask,
  firstHigh,
  firstLow,
  SEVERITY_NUMBER_ALIAS,
  STATUS_ALIAS,
} from "./fields.ts";
import { ValueKind } from "./json-walker.ts";
import {
  LEVEL_UNREADABLE,
  levelOfNumber,
  levelOfSeverityNumber,
  levelOfStatus,
  levelOfText,
} from "./level.ts";
import { levelOfMessage, MESSAGE_SCAN_BYTES_MAX } from "./message-level.ts";
import { parseNumber } from "./numbers.ts";
import type { RecordScanner } from "./scanner.ts";
import type { RecordSink } from "./sink.ts";
import { clipEnd, unescapedTextOf } from "./text.ts";
import { parseEpoch, parseTime } from "./time.ts";

/** A longer latency is not believed: seven days. */
export const LATENCY_MS_MAX = 604_800_000;
/** A record stands for at most this many. */
export const COUNT_MAX = 1e12;

/** Turns the fields that a scanner found into a row of the sink. */
export class RecordReader {
  readonly #scanner: RecordScanner;
  readonly #sink: RecordSink;
  readonly #defaultService: Uint8Array;
  readonly #defaultEnvironment: Uint8Array;
  // The value last picked: it may lie in the body or, where a string holds escapes, in a copy.
  #bytes: Uint8Array;
  #start = 0;
  #end = 0;
  #kind = 0;

  constructor(scanner: RecordScanner, sink: RecordSink) {
    this.#scanner = scanner;
    this.#sink = sink;
    this.#bytes = scanner.bytes;
    this.#defaultService = Buffer.from(sink.context.defaultService);
    this.#defaultEnvironment = Buffer.from(sink.context.defaultEnvironment ?? "");
  }

  /** Adds the record at [start, end) that the scanner has just scanned. */
  accept(start: number, end: number): void {
    const scanner = this.#scanner;
    const sink = this.#sink;
    const batch = sink.row();
    const row = batch.length;
    const message = firstHigh(scanner.high & FieldMask.message);
    const named = message >= 0;
    const messageStart = named ? (scanner.start[message] ?? 0) : start;
    const messageEnd = named ? (scanner.end[message] ?? 0) : end;
    const escaped = named && scanner.kind[message] === ValueKind.escaped;
    batch.timestampMs[row] = sink.countedMs(this.#eventMs());
    batch.level[row] = this.#level(message);
    batch.slot[row] = this.#slot();
    batch.latencyMs[row] = this.#latencyMs();
    batch.count[row] = sink.context.readCount === true ? this.#count() : 1;
    batch.recordStart[row] = start;
    batch.recordEnd[row] = end;
    batch.messageStart[row] = messageStart;
    batch.messageEnd[row] = messageEnd;
    batch.flags[row] =
      (escaped ? RecordFlag.messageEscaped : 0) | (named ? 0 : RecordFlag.messageMissing);
    sink.commit();
  }

  #eventMs(): number {
    const alias = firstLow(this.#scanner.low & FieldMask.time);
    if (alias < 0) return Number.NaN;
    this.#pick(alias);
    let eventMs = Number.NaN;
    if (this.#kind === ValueKind.number) {
      eventMs = parseEpoch(this.#bytes, this.#start, this.#end);
    } else if (this.#kind === ValueKind.string) {
      eventMs = parseTime(this.#bytes, this.#start, this.#end);
    }
    if (Number.isNaN(eventMs)) {
      this.#sink.warn(aliasName(alias), "Not a time that can be read: counted at receipt time.");
    }
    return eventMs;
  }

  #level(message: number): number {
    const alias = firstLow(this.#scanner.low & FieldMask.level);
    if (alias < 0) return message < 0 ? LevelIndex.info : this.#levelOfMessage(message);
    this.#pick(alias);
    const level = this.#levelOf(alias);
    if (level >= 0) return level;
    this.#sink.warn(aliasName(alias), "Not a level that can be read: counted as info.");
    return LevelIndex.info;
  }

  #levelOfMessage(message: number): number {
    const { bytes, start, end, kind } = this.#scanner;
    const escaped = kind[message] === ValueKind.escaped;
    return levelOfMessageAt(bytes, start[message] ?? 0, end[message] ?? 0, escaped);
  }

  #levelOf(alias: number): number {
    if (this.#kind !== ValueKind.number && this.#kind !== ValueKind.string) return LEVEL_UNREADABLE;
    if (alias !== STATUS_ALIAS && alias !== SEVERITY_NUMBER_ALIAS) {
      if (this.#kind === ValueKind.string) {
        return levelOfText(this.#bytes, this.#start, this.#end);
      }
      return levelOfNumber(parseNumber(this.#bytes, this.#start, this.#end));
    }
    const value = parseNumber(this.#bytes, this.#start, this.#end);
    if (Number.isNaN(value)) return levelOfText(this.#bytes, this.#start, this.#end);
    return alias === STATUS_ALIAS ? levelOfStatus(value) : levelOfSeverityNumber(value);
  }

  #slot(): number {
    const { directory, projectId } = this.#sink.context;
    const environment = firstHigh(this.#scanner.high & FieldMask.environment);
    let environmentBytes = this.#defaultEnvironment;
    let environmentStart = 0;
    let environmentEnd = environmentBytes.length;
    if (environment >= 0) {
      this.#pick(environment);
      if (!this.#isBlank()) {
        environmentBytes = this.#bytes;
        environmentStart = this.#start;
        environmentEnd = this.#end;
      }
    }
    const service = firstLow(this.#scanner.low & FieldMask.service);
    if (service >= 0) this.#pick(service);
    if (service < 0 || this.#isBlank()) {
      this.#bytes = this.#defaultService;
      this.#start = 0;
      this.#end = this.#bytes.length;
    }
    return directory.internBytes(
      projectId,
      environmentBytes,
      environmentStart,
      environmentEnd,
      this.#bytes,
      this.#start,
      this.#end,
    );
  }

  #latencyMs(): number {
    const alias = firstHigh(this.#scanner.high & FieldMask.latency);
    if (alias < 0) return Number.NaN;
    this.#pick(alias);
    if (this.#kind !== ValueKind.number && this.#kind !== ValueKind.string) return Number.NaN;
    return latencyMsOf(alias, this.#bytes, this.#start, this.#end);
  }

  #count(): number {
    const alias = firstHigh(this.#scanner.high & FieldMask.count);
    if (alias < 0) return 1;
    this.#pick(alias);
    const value = parseNumber(this.#bytes, this.#start, this.#end);
    if (Number.isInteger(value) && value >= 0 && value <= COUNT_MAX) return value;
    this.#sink.warn(aliasName(alias), "Not a count that can be read: counted once.");
    return 1;
  }

  /** Nothing but white space. The first byte settles it for almost all names. */
  #isBlank(): boolean {
    for (let at = this.#start; at < this.#end; at += 1) {
      const byte = this.#bytes[at] ?? 0;
      if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return false;
    }
    return true;
  }

  #pick(alias: number): void {
    const scanner = this.#scanner;
    const start = scanner.start[alias] ?? 0;
    const end = scanner.end[alias] ?? 0;
    const kind = scanner.kind[alias] ?? 0;
    if (kind !== ValueKind.escaped) {
      this.#bytes = scanner.bytes;
      this.#start = start;
      this.#end = end;
      this.#kind = kind;
      return;
    }
    this.#bytes = Buffer.from(unescapedTextOf(scanner.bytes, start, end));
    this.#start = 0;
    this.#end = this.#bytes.length;
    this.#kind = ValueKind.string;
  }
}

/** The level that the message in [start, end) names, or info. */
export function levelOfMessageAt(
  bytes: Uint8Array,
  start: number,
  end: number,
  escaped: boolean,
): number {
  if (!escaped) return levelOfMessage(bytes, start, end);
  // Every letter may be an escape of six bytes.
  const cut = clipEnd(bytes, start, end, 6 * MESSAGE_SCAN_BYTES_MAX, true);
  const plain = Buffer.from(unescapedTextOf(bytes, start, cut));
  return levelOfMessage(plain, 0, plain.length);
}

/** The latency in ms that the text in [start, end) of an alias says; NaN when it is none that is believed. */
export function latencyMsOf(alias: number, bytes: Uint8Array, start: number, end: number): number {
  let value = parseNumber(bytes, start, end);
  if (alias >= DURATION_ALIAS && isFractional(value, bytes, start, end)) value *= 1000;
  return value >= 0 && value <= LATENCY_MS_MAX ? value : Number.NaN;
}

/** Written with a fraction (`1.0` too: seconds as Python writes them), or not a whole number. */
function isFractional(value: number, bytes: Uint8Array, start: number, end: number): boolean {
  if (!Number.isInteger(value)) return true;
  for (let at = start; at < end; at += 1) if (bytes[at] === 0x2e) return true;
  return false;
}
