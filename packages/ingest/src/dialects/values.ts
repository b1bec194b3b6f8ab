import { BATCH_ROWS_MAX, type RecordBatch } from "../batch.ts";
import type { BodyDecoder, DecodeFatal } from "../decoder.ts";
import { RECORD_BYTES_MAX } from "../json-walker.ts";
import { ParsedSink } from "../parsed-sink.ts";
import type { DecodeContext, DecodeReport } from "../sink.ts";
import { textOf } from "../text.ts";

/** How one dialect lays its records out, and what they mean. */
export interface ValueDialect {
  /**
   * Adds what a JSON value stands for to the sink: rows, a refusal, or nothing, where it is no record (a test
   * of the connection, say). `text` is the value as it was sent.
   */
  readonly read: (value: unknown, sink: ParsedSink, text: string) => void;
  /** The key of the array of records, where the body is one object around it. An object without it is a record. */
  readonly wrapper?: string;
  /** Takes a line that is no JSON. Default: it is refused. */
  readonly readLine?: (line: string, sink: ParsedSink) => void;
}

/** Values that may turn out cut off before each line must be a value of its own: each costs a look at all the rest. */
export const CUT_OFF_RETRIES_MAX = 8;

/**
 * Decodes a body of JSON values: one, an array, one a line, or one behind the other. Values are found by their
 * brackets, so that a broken one costs itself (in an array) or its line. Resumable between two values.
 */
export class ValueDecoder implements BodyDecoder {
  fatal: DecodeFatal | null = null;
  readonly #bytes: Uint8Array;
  readonly #dialect: ValueDialect;
  readonly #sink: ParsedSink;
  #at = 0;
  #inArray = false;
  #inWrapper = false;
  #seen = 0;
  #cutOffs = 0;
  #firstProblemAt = -1;

  constructor(
    bytes: Uint8Array,
    context: DecodeContext,
    onBatch: (batch: RecordBatch) => void,
    dialect: ValueDialect,
  ) {
    this.#bytes = bytes;
    this.#dialect = dialect;
    // The shortest record is `{}`; one of CloudWatch's holds many, so a batch may fill before the body ends.
    this.#sink = new ParsedSink(
      context,
      onBatch,
      Math.min(BATCH_ROWS_MAX, (bytes.length >> 1) + 1),
    );
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.#at = 3;
  }

  get report(): DecodeReport {
    return this.#sink.report;
  }

  get text(): Uint8Array {
    return this.#sink.text;
  }

  advance(bytesMax: number): boolean {
    const { length } = this.#bytes;
    const stop = Math.min(length, this.#at + bytesMax);
    while (this.#at < stop) this.#step();
    this.#sink.sink.flush();
    if (this.#at < length) return false;
    if (this.#inArray)
      this.#inArray = this.#reject(length, "The body ends inside the array of records.");
    if (this.report.accepted === 0) this.fatal = this.#fatal();
    return true;
  }

  #fatal(): DecodeFatal | null {
    if (this.report.rejected > 0) {
      const message = `No record of the body can be read: ${this.report.errors[0]?.reason ?? ""}`;
      return { code: "RECORDS_ALL_INVALID", message, offset: Math.max(0, this.#firstProblemAt) };
    }
    if (this.#seen > 0) return null; // There were values, and none of them was to be a record.
    return { code: "BODY_EMPTY", message: "The body holds no record.", offset: 0 };
  }

  #step(): void {
    const bytes = this.#bytes;
    const byte = bytes[this.#at] ?? 0;
    if (isSpace(byte) || (this.#inArray && byte === COMMA)) {
      this.#at += 1;
    } else if (this.#inArray && byte === BRACKET_END) {
      this.#at += 1;
      this.#inArray = false;
      // What is left of an object around the records means nothing.
      if (this.#inWrapper) this.#at = bytes.length;
    } else if (!this.#inArray && byte === BRACKET) {
      this.#at += 1;
      this.#inArray = true;
      this.#seen += 1;
    } else if (byte === BRACE && this.#seen === 0 && this.#enterWrapper()) {
      this.#seen += 1;
    } else {
      this.#value(byte);
    }
  }

  #value(byte: number): void {
    const bytes = this.#bytes;
    const start = this.#at;
    const isLine = !this.#inArray && byte !== BRACE;
    const stop = this.#cutOffs > CUT_OFF_RETRIES_MAX ? lineEnd(bytes, start) : bytes.length;
    const end = isLine ? lineEnd(bytes, start) : valueEnd(bytes, start, stop);
    this.#seen += 1;
    if (end < 0) {
      this.#reject(start, "The body ends inside this record.");
      this.#cutOffs += 1;
      // A cut-off line does not take the others with it.
      this.#at = this.#inArray ? bytes.length : lineEnd(bytes, start);
      this.#inArray = false;
      return;
    }
    this.#at = end;
    const { read, readLine } = this.#dialect;
    if (end - start > RECORD_BYTES_MAX) {
      this.#reject(start, `Larger than ${RECORD_BYTES_MAX} bytes.`);
      return;
    }
    const text = textOf(bytes, start, end);
    if (isLine && readLine !== undefined) return readLine(text.trimEnd(), this.#sink);
    const value = parsed(text);
    if (value === undefined) {
      this.#reject(start, `Broken JSON at byte ${start}.`);
      if (!this.#inArray) this.#at = lineEnd(bytes, end);
      return;
    }
    const before = this.report.rejected;
    read(value, this.#sink, text);
    if (this.report.rejected > before && this.#firstProblemAt < 0) this.#firstProblemAt = start;
  }

  /** Goes to the first record of the array under the wrapper's key. False: this is no wrapper. */
  #enterWrapper(): boolean {
    const { wrapper } = this.#dialect;
    if (wrapper === undefined) return false;
    const bytes = this.#bytes;
    let at = spaceEnd(bytes, this.#at + 1);
    while (bytes[at] === QUOTE) {
      const keyEnd = stringEnd(bytes, at);
      if (keyEnd < 0) return false;
      const key = textOf(bytes, at + 1, keyEnd - 1);
      at = spaceEnd(bytes, keyEnd);
      if (bytes[at] !== COLON) return false;
      at = spaceEnd(bytes, at + 1);
      if (key === wrapper && bytes[at] === BRACKET) {
        this.#at = at + 1;
        this.#inArray = true;
        this.#inWrapper = true;
        return true;
      }
      at = valueEnd(bytes, at, bytes.length);
      if (at < 0) return false;
      at = spaceEnd(bytes, at);
      if (bytes[at] !== COMMA) return false;
      at = spaceEnd(bytes, at + 1);
    }
    return false;
  }

  #reject(at: number, reason: string): false {
    if (this.#firstProblemAt < 0) this.#firstProblemAt = at;
    this.#sink.sink.reject(null, reason);
    return false;
  }
}

/** The value of a JSON text; undefined: it is broken. */
function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const BRACKET_END = 0x5d;
const BRACE = 0x7b;
const BRACE_END = 0x7d;
const LINE_FEED = 0x0a;

/** White space, and the NULs that GELF puts behind its messages. */
function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === LINE_FEED || byte === 0x0d || byte === 0x09 || byte === 0;
}

function spaceEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && isSpace(bytes[at] ?? 0)) at += 1;
  return at;
}

function lineEnd(bytes: Uint8Array, from: number): number {
  const lineFeed = bytes.indexOf(LINE_FEED, from);
  return lineFeed < 0 ? bytes.length : lineFeed;
}

/** Behind the value that begins at `start`, by its brackets alone; -1: it goes on beyond `stop`. */
function valueEnd(bytes: Uint8Array, start: number, stop: number): number {
  const first = bytes[start] ?? 0;
  if (first === QUOTE) return stringEnd(bytes, start);
  if (first !== BRACE && first !== BRACKET) return scalarEnd(bytes, start);
  let depth = 0;
  for (let at = start; at < stop; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === QUOTE) {
      const end = stringEnd(bytes, at);
      if (end < 0) return -1;
      at = end - 1;
    } else if (byte === BRACE || byte === BRACKET) {
      depth += 1;
    } else if (byte === BRACE_END || byte === BRACKET_END) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return -1;
}

/** Behind the string whose quote is at `start`; -1: it does not end. */
function stringEnd(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  for (;;) {
    const quote = bytes.indexOf(QUOTE, at);
    if (quote < 0) return -1;
    let before = quote;
    while (bytes[before - 1] === BACKSLASH && before - 1 > start) before -= 1;
    if ((quote - before) % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}

function scalarEnd(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < bytes.length) {
    const byte = bytes[at] ?? 0;
    if (isSpace(byte) || byte === COMMA || byte === BRACKET_END || byte === BRACE_END) break;
    at += 1;
  }
  return at;
}
