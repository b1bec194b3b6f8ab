import { BATCH_ROWS_MAX, type RecordBatch } from "../batch.ts";
import type { BodyDecoder, DecodeFatal } from "../decoder.ts";
import { RECORD_BYTES_MAX, ValueKind } from "../json-walker.ts";
import type { DecodeContext, DecodeReport } from "../sink.ts";
import { parseTime } from "../time.ts";
import { BRACE, BRACE_END, BRACKET, BRACKET_END, COMMA, QUOTE, SPACE } from "./bytes.ts";
import { LokiEntries } from "./entries.ts";
import type { FlatFields } from "./flat-fields.ts";
import { readLabels } from "./labels.ts";
import { MemberWalker } from "./member-walker.ts";
import { brokenPush } from "./push.ts";
import { unescapeInPlace } from "./unescape.ts";
import { usualTime } from "./usual-time.ts";

/**
 * Decodes a Loki push in JSON: `{"streams":[{"stream":{…},"values":[["<ns>","<line>",{…}],…]},…]}`, or as older
 * clients write it, `{"streams":[{"labels":"{…}","entries":[{"ts":"…","line":"…"},…]},…]}`. Entries that are
 * none are rejected one by one; JSON that is broken anywhere makes all of the body so: `fatal`, and nothing
 * of it is to be counted. Lines that hold escapes are written anew without them, in their place in `bytes`.
 */
export function createLokiJsonDecoder(
  bytes: Uint8Array,
  context: DecodeContext,
  onBatch: (batch: RecordBatch) => void,
): BodyDecoder {
  return new LokiJsonDecoder(bytes, context, onBatch);
}

/**
 * States: `head` → `request` (between its members) → `streams` (between them) → `stream` (between members of one) →
 * `values` (between its entries) → `stream` → `streams` → `request` → `done`. When values come
 * before their labels, `stream` skips them and comes back to them from its end.
 */
type State = "head" | "streams" | "stream" | "values" | "request" | "done";

/** A batch is made for entries of this size: with smaller ones it fills more than once. */
const ENTRY_BYTES_USUAL = 64;

class LokiJsonDecoder extends MemberWalker implements BodyDecoder {
  fatal: DecodeFatal | null = null;
  readonly #entries: LokiEntries;
  #state: State = "head";
  #at = 0;
  #labelled = false;
  /** Where values began that came before their labels; -1 for none. */
  #skippedAt = -1;
  /** Behind the stream that is read again for its values; -1 when that is not so. */
  #resumeAt = -1;
  #sawStreams = false;

  constructor(bytes: Uint8Array, context: DecodeContext, onBatch: (batch: RecordBatch) => void) {
    super(bytes);
    const rowsMax = Math.min(BATCH_ROWS_MAX, Math.floor(bytes.length / ENTRY_BYTES_USUAL) + 1);
    this.#entries = new LokiEntries(bytes, context, onBatch, rowsMax);
    this.begin(0, false);
    this.limit = bytes.length; // The body as a whole is limited already.
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.#at = 3;
  }

  get report(): DecodeReport {
    return this.#entries.sink;
  }

  get text(): Uint8Array {
    return this.bytes;
  }

  advance(bytesMax: number): boolean {
    const stop = this.#at + Math.max(1, bytesMax);
    while (this.#at < stop && this.#state !== "done") {
      const next = this.#step(this.space(this.#at));
      if (next < 0) this.#refuse();
      else this.#at = next;
    }
    const { sink } = this.#entries;
    sink.flush();
    if (this.#state === "done" && this.fatal === null && sink.accepted + sink.rejected > 0) {
      this.fatal = sink.accepted > 0 ? null : this.#allRejected();
    }
    return this.#state === "done";
  }

  #refuse(): void {
    this.#state = "done";
    const offset = this.position;
    this.fatal = brokenPush("JSON", offset);
    if (this.outcome === "cut_off") {
      const message = `The body ends at byte ${offset}, before it is complete: nothing of this push was taken.`;
      this.fatal = { code: "BODY_CUT_OFF", message, offset };
    }
  }

  #allRejected(): DecodeFatal {
    const { rejected, errors } = this.#entries.sink;
    const reason = errors[0]?.reason ?? "";
    const message = `None of the ${rejected} entries can be read. The first: ${reason}`;
    return { code: "RECORDS_ALL_INVALID", message, offset: 0 };
  }

  /** One thing further from `at`, which is no white space; where it ends, or -1. */
  #step(at: number): number {
    switch (this.#state) {
      case "head":
        return this.#head(at);
      case "streams":
        return this.#streams(at);
      case "stream":
        return this.#stream(at);
      case "values":
        return this.#values(at);
      case "request":
        return this.#request(at);
      case "done":
        return -1;
      default:
        return this.#state satisfies never;
    }
  }

  #head(at: number): number {
    if (this.byte(at) !== BRACE) return this.fail(at);
    this.several = false;
    this.#state = "request";
    return at + 1;
  }

  /** Between members of the request. */
  #request(at: number): number {
    if (this.byte(at) === BRACE_END) {
      const end = this.space(at + 1);
      if (end < this.bytes.length) return this.fail(end);
      if (!this.#sawStreams) this.fatal = { code: "BODY_NOT_LOGS", message: NO_STREAMS, offset: 0 };
      this.#state = "done";
      return end;
    }
    const value = this.memberValue(at);
    if (value < 0) return -1;
    const isStreams = this.keyIs("streams");
    if (!isStreams || this.byte(value) !== BRACKET) return this.value(value, 1);
    this.#sawStreams = true;
    this.several = false;
    this.#state = "streams";
    return value + 1;
  }

  #streams(at: number): number {
    if (this.byte(at) === BRACKET_END) {
      this.several = true;
      this.#state = "request";
      return at + 1;
    }
    const start = this.itemStart(at);
    if (start < 0) return -1;
    if (this.byte(start) !== BRACE) {
      const end = this.value(start, 2);
      if (end >= 0) this.#entries.sink.reject("streams", "Not a stream: it must be an object.");
      return end;
    }
    this.several = false;
    this.#labelled = false;
    this.#skippedAt = -1;
    this.#state = "stream";
    this.#entries.beginStream();
    return start + 1;
  }

  #stream(at: number): number {
    if (this.byte(at) === BRACE_END) {
      if (this.#skippedAt >= 0) return this.#goBack(at + 1);
      this.several = true;
      this.#state = "streams";
      return at + 1;
    }
    const value = this.memberValue(at);
    if (value < 0) return -1;
    const byte = this.byte(value);
    if (byte === BRACE && this.keyIs("stream")) {
      this.#labelled = true;
      return this.#members(value + 1, this.#entries.labels);
    }
    if (byte === QUOTE && this.keyIs("labels")) {
      this.#labelled = true;
      const end = this.#text(value + 1);
      if (end >= 0) readLabels(this.bytes, value + 1, this.#textEnd, this.#entries.labels);
      return end;
    }
    if (byte === BRACKET && (this.keyIs("values") || this.keyIs("entries"))) {
      if (!this.#labelled) this.#skippedAt = value;
      else return this.#beginValues(value);
    }
    return this.value(value, 3);
  }

  #beginValues(at: number): number {
    this.several = false;
    this.#state = "values";
    return at + 1;
  }

  /** To the values that came before the labels; then on at `resumeAt`. */
  #goBack(resumeAt: number): number {
    const at = this.#skippedAt;
    this.#skippedAt = -1;
    this.#resumeAt = resumeAt;
    return this.#beginValues(at);
  }

  #values(at: number): number {
    if (this.byte(at) === BRACKET_END) {
      this.several = true;
      if (this.#resumeAt < 0) {
        this.#state = "stream";
        return at + 1;
      }
      this.#state = "streams";
      const end = this.#resumeAt;
      this.#resumeAt = -1;
      return end;
    }
    const start = this.itemStart(at);
    if (start < 0) return -1;
    const byte = this.byte(start);
    this.#lineKind = 0;
    this.#timestampMs = Number.NaN;
    this.#entries.beginMetadata();
    let end = -1;
    if (byte === BRACKET) end = this.#tuple(start);
    else if (byte === BRACE) end = this.#object(start + 1);
    else end = this.value(start, 4);
    if (end >= 0) this.#add(end - start);
    return end;
  }

  // What the entry in hand holds: its time, and its line inside the quotes, escapes resolved.
  #timestampMs = Number.NaN;
  #lineKind = 0;
  #lineStart = 0;
  #lineEnd = 0;

  /** `["<ns>", "<line>", {…}]` from its bracket. */
  #tuple(start: number): number {
    const line = this.#usualTime(start);
    let place = 1;
    let at = line;
    if (line < 0) {
      at = this.space(start + 1);
      if (this.byte(at) === BRACKET_END) return at + 1;
      place = 0;
    }
    for (; ; place += 1) {
      const end = this.#place(place, at);
      if (end < 0) return -1;
      at = this.byte(end) <= SPACE ? this.space(end) : end;
      const byte = this.byte(at);
      if (byte === BRACKET_END) return at + 1;
      if (byte !== COMMA) return this.fail(at);
      at = this.byte(at + 1) <= SPACE ? this.space(at + 1) : at + 1;
    }
  }

  /** One of time, line, metadata and what else there is; where it ends, or -1. */
  #place(place: number, at: number): number {
    if (place === 1) return this.#line(at);
    if (place === 2 && this.byte(at) === BRACE) {
      return this.#members(at + 1, this.#entries.metadata);
    }
    const end = this.value(at, 5);
    if (end >= 0 && place === 0) this.#noteTime(at, end);
    return end;
  }

  /** The time as almost all write it: takes it, and says where the line is; else -1. */
  #usualTime(start: number): number {
    const { bytes } = this;
    if (start + 24 > this.limit || bytes[start + 22] !== COMMA) return -1;
    const timestampMs = usualTime(bytes, start + 1);
    if (Number.isNaN(timestampMs)) return -1;
    this.#timestampMs = timestampMs;
    return bytes[start + 23] === QUOTE ? start + 23 : this.space(start + 23);
  }

  /** The line at `at`, which should be a string. */
  #line(at: number): number {
    if (this.byte(at) !== QUOTE) return this.value(at, 5);
    const end = this.#text(at + 1);
    if (end < 0) return -1;
    this.#lineKind = ValueKind.string;
    this.#lineStart = at + 1;
    this.#lineEnd = this.#textEnd;
    return end;
  }

  // Where the text that was read last ends, escapes resolved.
  #textEnd = 0;

  /**
   * A string from behind its quote, with its escapes resolved where it stands: it only gets shorter, and is not read
   * again as JSON. Where it ends, behind its quote, or -1.
   */
  #text(from: number): number {
    const quote = this.stringEnd(from);
    if (quote < 0) return -1;
    const escaped = this.valueKind === ValueKind.escaped;
    this.#textEnd = escaped ? unescapeInPlace(this.bytes, from, quote) : quote;
    return quote + 1;
  }

  /** `{"ts":"…","line":"…"}` from behind its brace. */
  #object(from: number): number {
    let at = this.space(from);
    this.several = false;
    while (this.byte(at) !== BRACE_END) {
      const value = this.memberValue(at);
      if (value < 0) return -1;
      let end: number;
      if (this.keyIs("line")) {
        end = this.#line(value);
      } else if (this.keyIs("structuredMetadata") && this.byte(value) === BRACE) {
        end = this.#members(value + 1, this.#entries.metadata);
      } else {
        const isTime = this.keyIs("ts");
        end = this.value(value, 5);
        if (isTime && end >= 0) this.#noteTime(value, end);
      }
      if (end < 0) return -1;
      at = this.space(end);
    }
    this.several = true;
    return at + 1;
  }

  /** Labels or structured metadata from behind their brace. */
  #members(from: number, fields: FlatFields): number {
    this.several = false;
    let at = this.space(from);
    while (this.byte(at) !== BRACE_END) {
      const value = this.memberValue(at);
      if (value < 0) return -1;
      const meaning = fields.meaning(this.bytes, this.keyStart, this.keyEnd);
      let end: number;
      if (meaning >= 0 && this.byte(value) === QUOTE) {
        end = this.#text(value + 1);
        if (end >= 0) fields.note(meaning, value + 1, this.#textEnd);
      } else {
        end = this.value(value, 6);
        const isNumber = end >= 0 && this.valueKind === ValueKind.number;
        if (isNumber && meaning >= 0) fields.note(meaning, value, end);
      }
      if (end < 0) return -1;
      at = this.space(end);
    }
    this.several = true;
    return at + 1;
  }

  #noteTime(at: number, end: number): void {
    const kind = this.valueKind;
    if (kind === ValueKind.string) this.#timestampMs = parseTime(this.bytes, at + 1, end - 1);
    if (kind === ValueKind.number) this.#timestampMs = parseTime(this.bytes, at, end);
  }

  #add(length: number): void {
    const { sink } = this.#entries;
    if (this.#lineKind === 0) {
      sink.reject("values", "Not an entry: it must hold a time and a line, both as text.");
      return;
    }
    if (length > RECORD_BYTES_MAX) {
      sink.reject("values", `Larger than ${RECORD_BYTES_MAX} bytes.`);
      return;
    }
    if (Number.isNaN(this.#timestampMs)) {
      sink.warn("ts", "Not a time that can be read: counted at receipt time.");
    }
    this.#entries.add(this.#timestampMs, this.#lineStart, this.#lineEnd);
  }
}

const NO_STREAMS = 'Not a Loki push: it must be an object with an array "streams".';
