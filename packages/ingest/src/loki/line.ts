import {
  DURATION_ALIAS,
  FieldMask,
  firstHigh,
  firstLow,
  SEVERITY_NUMBER_ALIAS,
  STATUS_ALIAS,
} from "../fields.ts";
import { ValueKind } from "../json-walker.ts";
import { levelOfNumber, levelOfSeverityNumber, levelOfStatus, levelOfText } from "../level.ts";
import { parseNumber } from "../numbers.ts";
import { LATENCY_MS_MAX } from "../record.ts";
import { RecordScanner } from "../scanner.ts";
import { unescapedTextOf } from "../text.ts";
import { FlatFields, FlatKind, type Span } from "./flat-fields.ts";

/** Keys that one logfmt line may have; what follows is not looked at. */
export const PAIRS_MAX = 128;

/** A scanner that stops where the line does, whatever lies behind it. */
class LineScanner extends RecordScanner {
  #lineEnd = 0;

  /** Whether [start, end) is one JSON object, white space around it allowed. */
  scanLine(start: number, end: number): boolean {
    this.#lineEnd = end;
    if (this.scan(start, false, false) !== "record") return false;
    return this.space(this.position) === end;
  }

  protected override begin(at: number, oneLine: boolean): void {
    super.begin(at, oneLine);
    this.limit = Math.min(this.limit, this.#lineEnd);
  }
}

/** What a line of plain bytes names itself: as a JSON object with the fields of `POST /logs`, as logfmt, or not. */
export class LineReader {
  level = -1;
  latencyMs = Number.NaN;
  service: Span | null = null;
  environment: Span | null = null;
  messageStart = 0;
  messageEnd = 0;
  /** The message lies in a JSON string that holds escapes. */
  messageEscaped = false;
  readonly #bytes: Uint8Array;
  readonly #scanner: LineScanner;
  readonly #flat = new FlatFields();

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#scanner = new LineScanner(bytes);
  }

  read(start: number, end: number): void {
    this.level = -1;
    this.latencyMs = Number.NaN;
    this.service = null;
    this.environment = null;
    this.messageStart = start;
    this.messageEnd = end;
    this.messageEscaped = false;
    if (this.#bytes[start] === BRACE && end > start) {
      if (this.#scanner.scanLine(start, end)) this.#takeJson();
    } else if (startsPair(this.#bytes, start, end)) {
      this.#takeLogfmt(start, end);
    }
  }

  #takeJson(): void {
    const { low, high, start, end, kind } = this.#scanner;
    const message = firstHigh(high & FieldMask.message);
    if (message >= 0) {
      this.messageStart = start[message] ?? 0;
      this.messageEnd = end[message] ?? 0;
      this.messageEscaped = kind[message] === ValueKind.escaped;
    }
    const level = firstLow(low & FieldMask.level);
    if (level >= 0) this.level = this.#levelOf(level);
    const latency = firstHigh(high & FieldMask.latency);
    if (latency >= 0) this.latencyMs = this.#latencyOf(latency);
    this.service = this.#spanOf(firstLow(low & FieldMask.service));
    this.environment = this.#spanOf(firstHigh(high & FieldMask.environment));
  }

  #levelOf(alias: number): number {
    const { kind } = this.#scanner;
    const span = this.#spanOf(alias);
    if (span === null || (kind[alias] ?? 0) > ValueKind.number) return -1;
    const { bytes, start, end } = span;
    if (alias !== STATUS_ALIAS && alias !== SEVERITY_NUMBER_ALIAS) {
      if (kind[alias] !== ValueKind.number) return levelOfText(bytes, start, end);
      return levelOfNumber(parseNumber(bytes, start, end));
    }
    const value = parseNumber(bytes, start, end);
    if (Number.isNaN(value)) return levelOfText(bytes, start, end);
    return alias === STATUS_ALIAS ? levelOfStatus(value) : levelOfSeverityNumber(value);
  }

  #latencyOf(alias: number): number {
    const span = this.#spanOf(alias);
    if (span === null) return Number.NaN;
    const { bytes, start, end } = span;
    let value = parseNumber(bytes, start, end);
    if (alias >= DURATION_ALIAS && holds(bytes, start, end, DOT)) value *= 1000;
    return value >= 0 && value <= LATENCY_MS_MAX ? value : Number.NaN;
  }

  /** The value of an alias, escapes resolved; null when it is not there or blank. */
  #spanOf(alias: number): Span | null {
    if (alias < 0) return null;
    const scanner = this.#scanner;
    const start = scanner.start[alias] ?? 0;
    const end = scanner.end[alias] ?? 0;
    if (scanner.kind[alias] === ValueKind.escaped) {
      const bytes = Buffer.from(unescapedTextOf(this.#bytes, start, end));
      return isBlank(bytes, 0, bytes.length) ? null : { bytes, start: 0, end: bytes.length };
    }
    return isBlank(this.#bytes, start, end) ? null : { bytes: this.#bytes, start, end };
  }

  #takeLogfmt(start: number, end: number): void {
    const bytes = this.#bytes;
    const flat = this.#flat;
    flat.clear(bytes);
    let at = start;
    for (let pairs = 0; pairs < PAIRS_MAX && at < end; pairs += 1) {
      while (at < end && (bytes[at] ?? 0) <= SPACE) at += 1;
      const keyStart = at;
      while (at < end && (bytes[at] ?? 0) > SPACE && bytes[at] !== EQUALS) at += 1;
      if (bytes[at] !== EQUALS || at >= end) continue;
      const meaning = flat.meaning(bytes, keyStart, at);
      at += 1;
      const quoted = at < end && bytes[at] === QUOTE;
      const valueStart = quoted ? at + 1 : at;
      at = quoted ? quoteEnd(bytes, valueStart, end) : wordEnd(bytes, valueStart, end);
      if (meaning >= 0) flat.note(meaning, valueStart, at);
      if (quoted) at += 1;
    }
    this.level = flat.level;
    this.latencyMs = flat.latencyMs;
    this.service = this.#flatSpan(FlatKind.service);
    this.environment = this.#flatSpan(FlatKind.environment);
    const message = this.#flatSpan(FlatKind.message);
    // Escapes of logfmt are not those of JSON: then the whole line is shown.
    if (message === null || holds(bytes, message.start, message.end, BACKSLASH)) return;
    this.messageStart = message.start;
    this.messageEnd = message.end;
  }

  #flatSpan(kind: number): Span | null {
    return this.#flat.has(kind) ? this.#flat.spanOf(kind) : null;
  }
}

const SPACE = 0x20;
const QUOTE = 0x22;
const DOT = 0x2e;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;

/** Whether a line begins as logfmt does: letters, digits, `_`, `.` or `-`, and an equals sign. */
function startsPair(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end && isKeyByte(bytes[at] ?? 0)) at += 1;
  return at > start && at < end && bytes[at] === EQUALS;
}

function isKeyByte(byte: number): boolean {
  const letter = byte | 0x20;
  if (letter >= 0x61 && letter <= 0x7a) return true;
  return (byte >= 0x30 && byte <= 0x39) || byte === 0x5f || byte === DOT || byte === 0x2d;
}

function wordEnd(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && (bytes[at] ?? 0) > SPACE) at += 1;
  return at;
}

function quoteEnd(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return Math.min(at, end);
}

function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if ((bytes[at] ?? 0) > SPACE) return false;
  return true;
}

function holds(bytes: Uint8Array, start: number, end: number, wanted: number): boolean {
  for (let at = start; at < end; at += 1) if (bytes[at] === wanted) return true;
  return false;
}
