import { BATCH_ROWS_MAX, type RecordBatch } from "../batch.ts";
import type { BodyDecoder, DecodeFatal } from "../decoder.ts";
import { JsonWalker, RECORD_BYTES_MAX, ValueKind } from "../json-walker.ts";
import type { DecodeContext, DecodeReport } from "../sink.ts";
import { textOf, unescapedTextOf } from "../text.ts";
import { parseTime } from "../time.ts";
import { LokiEntries } from "./entries.ts";
import { type Label, parseLabels, type StreamLabels, streamLabels } from "./labels.ts";
import { brokenPush } from "./push.ts";
import { unescapeInPlace } from "./unescape.ts";

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

/** The smallest entry: `[],`. */
const ENTRY_BYTES_MIN = 3;

class LokiJsonDecoder extends JsonWalker implements BodyDecoder {
  fatal: DecodeFatal | null = null;
  readonly #entries: LokiEntries;
  #state: State = "head";
  #at = 0;
  /** In an array or object: something was there already, so a comma must come before the next. */
  #several = false;
  #labelled = false;
  /** Where values began that came before their labels; -1 for none. */
  #skippedAt = -1;
  /** Behind the stream that is read again for its values; -1 when that is not so. */
  #resumeAt = -1;
  #sawStreams = false;

  constructor(bytes: Uint8Array, context: DecodeContext, onBatch: (batch: RecordBatch) => void) {
    super(bytes);
    const rowsMax = Math.min(BATCH_ROWS_MAX, Math.floor(bytes.length / ENTRY_BYTES_MIN) + 1);
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
    if (this.#byte(at) !== BRACE) return this.fail(at);
    this.#several = false;
    this.#state = "request";
    return at + 1;
  }

  /** Between members of the request. */
  #request(at: number): number {
    if (this.#byte(at) === BRACE_END) {
      const end = this.space(at + 1);
      if (end < this.bytes.length) return this.fail(end);
      if (!this.#sawStreams) this.fatal = { code: "BODY_NOT_LOGS", message: NO_STREAMS, offset: 0 };
      this.#state = "done";
      return end;
    }
    const value = this.#memberValue(at);
    if (value < 0) return -1;
    const isStreams = this.#keyIs("streams");
    if (!isStreams || this.#byte(value) !== BRACKET) return this.value(value, 1);
    this.#sawStreams = true;
    this.#several = false;
    this.#state = "streams";
    return value + 1;
  }

  #streams(at: number): number {
    if (this.#byte(at) === BRACKET_END) {
      this.#several = true;
      this.#state = "request";
      return at + 1;
    }
    const start = this.#itemStart(at);
    if (start < 0) return -1;
    if (this.#byte(start) !== BRACE) {
      const end = this.value(start, 2);
      if (end >= 0) this.#entries.sink.reject("streams", "Not a stream: it must be an object.");
      return end;
    }
    this.#several = false;
    this.#labelled = false;
    this.#skippedAt = -1;
    this.#state = "stream";
    this.#entries.begin("", () => streamLabels([]));
    return start + 1;
  }

  #stream(at: number): number {
    if (this.#byte(at) === BRACE_END) {
      if (this.#skippedAt >= 0) return this.#goBack(at + 1);
      this.#several = true;
      this.#state = "streams";
      return at + 1;
    }
    const value = this.#memberValue(at);
    if (value < 0) return -1;
    const byte = this.#byte(value);
    if (byte === BRACE && this.#keyIs("stream")) return this.#labels(value, labelsOfObject);
    if (byte === QUOTE && this.#keyIs("labels")) return this.#labels(value, labelsOfText);
    if (byte === BRACKET && (this.#keyIs("values") || this.#keyIs("entries"))) {
      if (!this.#labelled) this.#skippedAt = value;
      else return this.#beginValues(value);
    }
    return this.value(value, 3);
  }

  #labels(at: number, read: (text: string) => StreamLabels): number {
    const end = this.value(at, 3);
    if (end < 0) return -1;
    this.#labelled = true;
    const text = textOf(this.bytes, at, end);
    this.#entries.begin(text, () => read(text));
    return end;
  }

  #beginValues(at: number): number {
    this.#several = false;
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
    if (this.#byte(at) === BRACKET_END) {
      this.#several = true;
      if (this.#resumeAt < 0) {
        this.#state = "stream";
        return at + 1;
      }
      this.#state = "streams";
      const end = this.#resumeAt;
      this.#resumeAt = -1;
      return end;
    }
    const start = this.#itemStart(at);
    if (start < 0) return -1;
    const byte = this.#byte(start);
    this.#lineKind = 0;
    this.#timeKind = 0;
    this.#entries.beginMetadata(this.bytes);
    let end = -1;
    if (byte === BRACKET) end = this.#tuple(start + 1);
    else if (byte === BRACE) end = this.#object(start + 1);
    else end = this.value(start, 4);
    if (end >= 0) this.#add(start, end);
    return end;
  }

  // What the entry in hand holds: ranges inside the quotes.
  #timeKind = 0;
  #timeStart = 0;
  #timeEnd = 0;
  #lineKind = 0;
  #lineStart = 0;
  #lineEnd = 0;

  /** `["<ns>", "<line>", {…}]` from behind its bracket. */
  #tuple(from: number): number {
    let at = this.space(from);
    if (this.#byte(at) === BRACKET_END) return at + 1;
    for (let place = 0; ; place += 1) {
      let end: number;
      if (place === 2 && this.#byte(at) === BRACE) end = this.#metadata(at + 1);
      else end = this.value(at, 5);
      if (end < 0) return -1;
      if (place === 0) this.#noteTime(at, end);
      else if (place === 1) this.#noteLine(at, end);
      at = this.#byte(end) <= SPACE ? this.space(end) : end;
      const byte = this.#byte(at);
      if (byte === BRACKET_END) return at + 1;
      if (byte !== COMMA) return this.fail(at);
      at = this.#byte(at + 1) <= SPACE ? this.space(at + 1) : at + 1;
    }
  }

  /** `{"ts":"…","line":"…"}` from behind its brace. */
  #object(from: number): number {
    let at = this.space(from);
    this.#several = false;
    while (this.#byte(at) !== BRACE_END) {
      const value = this.#memberValue(at);
      if (value < 0) return -1;
      const isTime = this.#keyIs("ts");
      const isLine = this.#keyIs("line");
      let end: number;
      if (this.#byte(value) === BRACE && this.#keyIs("structuredMetadata")) {
        end = this.#metadata(value + 1);
        this.#several = true;
      } else {
        end = this.value(value, 5);
      }
      if (end < 0) return -1;
      if (isTime) this.#noteTime(value, end);
      else if (isLine) this.#noteLine(value, end);
      at = this.space(end);
    }
    this.#several = true;
    return at + 1;
  }

  /** Structured metadata from behind its brace. */
  #metadata(from: number): number {
    const { metadata } = this.#entries;
    const several = this.#several;
    this.#several = false;
    let at = this.space(from);
    while (this.#byte(at) !== BRACE_END) {
      const value = this.#memberValue(at);
      if (value < 0) return -1;
      const meaning = metadata.meaning(this.bytes, this.#keyStart, this.#keyEnd);
      const end = this.value(value, 6);
      if (end < 0) return -1;
      // A name with escapes is no name of ours, nor a value with escapes a level.
      if (this.valueKind === ValueKind.string && meaning >= 0) {
        metadata.note(meaning, value + 1, end - 1);
      } else if (this.valueKind === ValueKind.number && meaning >= 0) {
        metadata.note(meaning, value, end);
      }
      at = this.space(end);
    }
    this.#several = several;
    return at + 1;
  }

  #noteTime(at: number, end: number): void {
    const quoted = this.valueKind === ValueKind.string ? 1 : 0;
    this.#timeKind = this.valueKind;
    this.#timeStart = at + quoted;
    this.#timeEnd = end - quoted;
  }

  #noteLine(at: number, end: number): void {
    this.#lineKind = this.valueKind;
    this.#lineStart = at + 1;
    this.#lineEnd = end - 1;
  }

  #add(start: number, end: number): void {
    const { sink } = this.#entries;
    if (this.#lineKind !== ValueKind.string && this.#lineKind !== ValueKind.escaped) {
      sink.reject("values", "Not an entry: it must hold a time and a line, both as text.");
      return;
    }
    if (end - start > RECORD_BYTES_MAX) {
      sink.reject("values", `Larger than ${RECORD_BYTES_MAX} bytes.`);
      return;
    }
    let timestampMs = Number.NaN;
    if (this.#timeKind === ValueKind.string || this.#timeKind === ValueKind.number) {
      timestampMs = parseTime(this.bytes, this.#timeStart, this.#timeEnd);
    }
    if (Number.isNaN(timestampMs)) {
      sink.warn("ts", "Not a time that can be read: counted at receipt time.");
    }
    if (this.#lineKind === ValueKind.string) {
      this.#entries.add(timestampMs, this.#lineStart, this.#lineEnd);
      return;
    }
    // Where it stands, since it only gets shorter: what lies there is not read again as JSON.
    const lineEnd = unescapeInPlace(this.bytes, this.#lineStart, this.#lineEnd);
    this.#entries.add(timestampMs, this.#lineStart, lineEnd);
  }

  // The key read last, inside its quotes.
  #keyStart = 0;
  #keyEnd = 0;

  /** From a member's comma or key to its value, or -1. */
  #memberValue(from: number): number {
    const at = this.#itemStart(from);
    if (at < 0) return -1;
    if (this.#byte(at) !== QUOTE) return this.fail(at);
    this.#keyStart = at + 1;
    this.#keyEnd = this.stringEnd(at + 1);
    if (this.#keyEnd < 0) return -1;
    const colon = this.space(this.#keyEnd + 1);
    if (this.#byte(colon) !== COLON) return this.fail(colon);
    return this.space(colon + 1);
  }

  /** From where a comma must be, unless it is the first, to what follows it; -1 when it is not there. */
  #itemStart(at: number): number {
    if (!this.#several) {
      this.#several = true;
      return at;
    }
    if (this.#byte(at) !== COMMA) return this.fail(at);
    return this.space(at + 1);
  }

  #keyIs(name: string): boolean {
    const { bytes } = this;
    const start = this.#keyStart;
    if (this.#keyEnd - start !== name.length) return false;
    for (let at = 0; at < name.length; at += 1) {
      if (bytes[start + at] !== name.charCodeAt(at)) return false;
    }
    return true;
  }

  /** A byte of the body; 0, which is nowhere valid, behind its end. */
  #byte(at: number): number {
    return at < this.limit ? (this.bytes[at] ?? 0) : 0;
  }
}

/** Labels from the text of a JSON object that was validated. */
function labelsOfObject(text: string): StreamLabels {
  const labels: unknown = JSON.parse(text);
  const pairs: Label[] = [];
  if (typeof labels === "object" && labels !== null) {
    for (const [name, value] of Object.entries(labels)) {
      if (typeof value === "string" || typeof value === "number") pairs.push([name, `${value}`]);
    }
  }
  return streamLabels(pairs);
}

/** Labels from the text of a JSON string that was validated, quotes included. */
function labelsOfText(quoted: string): StreamLabels {
  const bytes = Buffer.from(quoted);
  return streamLabels(parseLabels(unescapedTextOf(bytes, 1, bytes.length - 1)));
}

const NO_STREAMS = 'Not a Loki push: it must be an object with an array "streams".';
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BRACKET = 0x5b;
const BRACKET_END = 0x5d;
const BRACE = 0x7b;
const BRACE_END = 0x7d;
