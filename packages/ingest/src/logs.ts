import { BATCH_ROWS_MAX, type RecordBatch } from "./batch.ts";
import type { BodyDecoder, DecodeFatal } from "./decoder.ts";
import { ElementSkipper } from "./element-skipper.ts";
import { isBlank, isSpace, spaceEnd, startsValue } from "./json-bytes.ts";
import { DEPTH_MAX, RECORD_BYTES_MAX } from "./json-walker.ts";
import { RecordReader } from "./record.ts";
import { RecordScanner } from "./scanner.ts";
import { type DecodeContext, type DecodeReport, RecordSink } from "./sink.ts";
import type { WasmScanner } from "./wasm-scanner.ts";

/** The scanner is left alone once it has declined so much of a body: each record that it takes makes up for some. */
const DECLINED_MAX = 256;
/** Records that it must take for each that it declines. */
const DECLINED_COST = 8;
/** Multi-line objects that may turn out broken before each line must be a record of its own. */
export const MULTI_LINE_RETRIES_MAX = 8;

/**
 * Decodes the body of `POST /logs`, told by its content: an object, an array of them, `{"logs":[…]}`, or
 * NDJSON; also objects that follow each other, and a UTF-8 byte order mark. Pure and resumable.
 *
 * What a broken record costs:
 * - NDJSON: its line. A cut-off line is one error.
 * - Objects over several lines: up to the next line that begins with a brace.
 * - An array: its element, up to the `,` or `]` at the element's level, with brackets matched and strings
 *   skipped. A string that runs into a line feed is broken: then up to the next line whose first character is
 *   a brace or `]`. A cut-off array: what is complete counts, the rest is one error.
 *
 * `logs` makes an object a batch when it is an array and either the object's first key or begins with an
 * object; the other keys of that object mean nothing.
 */
export function createLogsDecoder(
  bytes: Uint8Array,
  context: DecodeContext,
  onBatch: (batch: RecordBatch) => void,
): BodyDecoder {
  return new ContentDecoder(bytes, context, onBatch);
}

/**
 * States: `top` (between records) → `after_record` → `top`; `top` → `element` on `[` or a wrapper;
 * `element` → `after_element` → `element` … → `top` behind the `]`. A broken record leads to `skip_line`,
 * `skip_lines` (back to `top`), `skip_element` or `skip_element_lines` (back to the array). Any → `done`.
 */
type State =
  | "top"
  | "after_record"
  | "element"
  | "after_element"
  | "skip_line"
  | "skip_lines"
  | "skip_element"
  | "skip_element_lines"
  | "done";

class ContentDecoder implements BodyDecoder {
  readonly #bytes: Uint8Array;
  readonly #length: number;
  readonly #scanner: RecordScanner;
  readonly #sink: RecordSink;
  readonly #reader: RecordReader;
  readonly #skipper: ElementSkipper;
  #state: State = "top";
  #at = 0;
  #stop = 0;
  /** Where the record in hand begins. */
  #recordStart = 0;
  /** What the body's first value is: decides whether an array at the top is a batch or a broken line. */
  #first: "nothing" | "record" | "array" | "other" = "nothing";
  /** How objects lie on lines, once that is known. */
  #layout: "unknown" | "line_each" | "multi_line" = "unknown";
  #multiLineFailures = 0;
  #inWrapper = false;
  #cutOff = false;
  #firstProblemAt = -1;
  /** Null: the walker does all. */
  readonly #wasm: WasmScanner | null;
  /** What declined records have cost so far, less what others have saved. */
  #declined = 0;

  constructor(bytes: Uint8Array, context: DecodeContext, onBatch: (batch: RecordBatch) => void) {
    this.#bytes = bytes;
    this.#length = bytes.length;
    this.#scanner = new RecordScanner(bytes);
    // The shortest record is `{}`, so a body cannot hold more rows than half its bytes.
    const rowsMax = Math.min(BATCH_ROWS_MAX, (bytes.length >> 1) + 1);
    this.#sink = new RecordSink(context, onBatch, rowsMax);
    this.#reader = new RecordReader(this.#scanner, this.#sink);
    this.#skipper = new ElementSkipper(bytes);
    const { scanner = null, readCount, directory } = context;
    this.#wasm = readCount !== true && scanner?.directory === directory ? scanner : null;
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.#at = 3;
  }

  get report(): DecodeReport {
    return this.#sink;
  }

  get fatal(): DecodeFatal | null {
    if (this.#state !== "done" || this.#sink.accepted > 0) return null;
    const offset = Math.max(this.#firstProblemAt, 0);
    if (this.#sink.rejected === 0) {
      return { code: "BODY_EMPTY", message: "The body holds no log records.", offset: 0 };
    }
    if (this.#first === "other") {
      const message = `The body is not logs in JSON: it must begin with { or [ (byte ${offset}).`;
      return { code: "BODY_NOT_LOGS", message, offset };
    }
    if (this.#cutOff && this.#sink.rejected === 1) {
      const message = `The body is cut off at byte ${offset}, before its first record is complete.`;
      return { code: "BODY_CUT_OFF", message, offset };
    }
    const reason = this.#sink.errors[0]?.reason ?? "";
    const message = `None of the ${this.#sink.rejected} records can be read. The first: ${reason}`;
    return { code: "RECORDS_ALL_INVALID", message, offset };
  }

  get text(): Uint8Array {
    return this.#bytes;
  }

  advance(bytesMax: number): boolean {
    this.#stop = Math.min(this.#length, this.#at + Math.max(1, bytesMax));
    while (this.#at < this.#stop && this.#state !== "done") {
      if (this.#wasm === null || !this.#scanUsual(this.#wasm)) this.#step();
    }
    if (this.#at >= this.#length && this.#state !== "done") this.#finish();
    this.#sink.flush();
    return this.#state === "done";
  }

  /** Lets the scanner go over usual records, from between two of them. False: it has got nowhere. */
  #scanUsual(wasm: WasmScanner): boolean {
    const elements = this.#state === "element";
    if (!elements && (this.#state !== "top" || this.#layout === "multi_line")) return false;
    if (this.#declined > DECLINED_MAX) return false; // The walker twice over would be slower than once.
    const range = { bytes: this.#bytes, at: this.#at, stop: this.#stop, elements };
    const before = this.#sink.accepted;
    const moved = wasm.scan(range, this.#sink);
    this.#at = wasm.position;
    const rows = this.#sink.accepted - before;
    const lost = wasm.declined ? DECLINED_COST : 0;
    this.#declined = Math.max(0, this.#declined + lost - rows);
    if (rows > 0 && !elements) {
      if (this.#first === "nothing") this.#first = "record";
      if (this.#layout === "unknown" && wasm.sawLine) this.#layout = "line_each";
    }
    // One that was declined is the walker's now.
    if (!wasm.declined || this.#at >= this.#stop) return moved;
    this.#step();
    return true;
  }

  #step(): void {
    switch (this.#state) {
      case "top":
        return this.#top();
      case "after_record":
        return this.#afterRecord();
      case "element":
        return this.#element();
      case "after_element":
        return this.#afterElement();
      case "skip_line":
        return this.#skipLine();
      case "skip_lines":
        return this.#skipLines();
      case "skip_element":
        return this.#skipElement();
      case "skip_element_lines":
        return this.#skipElementLines();
      case "done":
        return;
      default:
        return this.#state satisfies never;
    }
  }

  /** The body has ended: what the state says is still owed. */
  #finish(): void {
    if (this.#state === "after_record") {
      this.#reader.accept(this.#recordStart, this.#scanner.position);
    }
    const inArray = this.#state === "element" || this.#state === "after_element";
    if (this.#state === "after_element") {
      this.#reader.accept(this.#recordStart, this.#scanner.position);
    }
    if (inArray) this.#reject(this.#length, CUT_OFF_ARRAY, true);
    this.#state = "done";
  }

  #top(): void {
    const bytes = this.#bytes;
    const byte = bytes[this.#at] ?? 0;
    if (isSpace(byte)) {
      this.#at = spaceEnd(bytes, this.#at, this.#stop);
      return;
    }
    if (byte === BRACE) return this.#topRecord();
    if (byte === BRACKET && (this.#first === "nothing" || this.#first === "array")) {
      this.#first = "array";
      this.#inWrapper = false;
      this.#at += 1;
      this.#state = "element";
      return;
    }
    if (this.#first === "nothing") this.#first = "other";
    this.#reject(this.#at, startsValue(byte) ? NOT_AN_OBJECT : broken(this.#at));
    this.#state = "skip_line";
  }

  #topRecord(): void {
    if (this.#first === "nothing") this.#first = "record";
    const start = this.#at;
    this.#recordStart = start;
    const oneLine = this.#layout === "line_each";
    const outcome = this.#scanner.scan(start, oneLine, true);
    const end = this.#scanner.position;
    if (outcome === "record") {
      this.#at = end;
      // The usual case in short: the line ends here, or the next object begins.
      const next = end < this.#length ? (this.#bytes[end] ?? 0) : LINE_FEED;
      if (next === LINE_FEED || next === BRACE) this.#acceptTop(end, next);
      else this.#state = "after_record";
      return;
    }
    if (outcome === "wrapper") {
      this.#at = end;
      this.#inWrapper = true;
      this.#state = "element";
      return;
    }
    this.#reject(end, this.#reasonOf(outcome, end), outcome === "cut_off");
    this.#resync(start, end);
  }

  /** Leads from a broken object at the top to where the next may begin. */
  #resync(start: number, brokenAt: number): void {
    const { multiLine } = this.#scanner;
    if (!multiLine) {
      this.#at = brokenAt;
      this.#state = "skip_line";
      return;
    }
    if (this.#layout === "unknown") {
      // The first line may be a record cut short that swallowed the next ones: go back to it. A few
      // times only: going back costs up to a record's size for each line.
      this.#multiLineFailures += 1;
      if (this.#multiLineFailures >= MULTI_LINE_RETRIES_MAX) this.#layout = "line_each";
      this.#at = start + 1;
    } else {
      this.#at = Math.max(start + 1, brokenAt - 1);
    }
    this.#state = "skip_lines";
  }

  #afterRecord(): void {
    const bytes = this.#bytes;
    const end = this.#scanner.position;
    while (this.#at < this.#stop && isBlank(bytes[this.#at] ?? 0)) this.#at += 1;
    if (this.#at >= this.#stop) return;
    const next = bytes[this.#at] ?? 0;
    if (next === LINE_FEED || next === BRACE) return this.#acceptTop(end, next);
    // As JSON.parse says of the line: text behind the value makes all of it unreadable.
    this.#reject(this.#at, broken(this.#at));
    this.#state = "skip_line";
  }

  #acceptTop(end: number, next: number): void {
    if (this.#scanner.multiLine) this.#layout = "multi_line";
    else if (this.#layout === "unknown" && next === LINE_FEED) this.#layout = "line_each";
    this.#reader.accept(this.#recordStart, end);
    this.#state = "top";
  }

  #element(): void {
    const bytes = this.#bytes;
    const byte = bytes[this.#at] ?? 0;
    if (isSpace(byte)) {
      this.#at = spaceEnd(bytes, this.#at, this.#stop);
      return;
    }
    if (byte === BRACKET_END) return this.#arrayEnd();
    this.#recordStart = this.#at;
    if (byte !== BRACE) {
      this.#reject(this.#at, startsValue(byte) ? NOT_AN_OBJECT : broken(this.#at));
      return this.#beginSkip();
    }
    const outcome = this.#scanner.scan(this.#at, false, false);
    const end = this.#scanner.position;
    if (outcome !== "record") {
      this.#reject(end, this.#reasonOf(outcome, end), outcome === "cut_off");
      if (outcome === "cut_off") this.#state = "done";
      else this.#beginSkip();
      return;
    }
    this.#at = end;
    if (bytes[end] === COMMA && end < this.#length) {
      this.#at = end + 1;
      this.#reader.accept(this.#recordStart, end);
      return;
    }
    this.#state = "after_element";
  }

  #afterElement(): void {
    this.#at = spaceEnd(this.#bytes, this.#at, this.#stop);
    if (this.#at >= this.#stop) return;
    const next = this.#bytes[this.#at] ?? 0;
    if (next !== COMMA && next !== BRACKET_END) {
      this.#reject(this.#at, broken(this.#at));
      return this.#beginSkip();
    }
    this.#reader.accept(this.#recordStart, this.#scanner.position);
    this.#state = "element";
    if (next === COMMA) this.#at += 1;
  }

  #arrayEnd(): void {
    this.#at += 1;
    this.#state = "top";
    if (!this.#inWrapper) return;
    this.#inWrapper = false;
    const start = this.#at;
    const outcome = this.#scanner.scanRest(start);
    const end = this.#scanner.position;
    if (outcome === "record") {
      this.#at = end;
      return;
    }
    this.#reject(end, this.#reasonOf(outcome, end), outcome === "cut_off");
    this.#resync(start, end);
  }

  #beginSkip(): void {
    this.#at = this.#recordStart;
    this.#skipper.begin();
    this.#state = "skip_element";
  }

  #skipElement(): void {
    const outcome = this.#skipper.skip(this.#at, this.#stop);
    this.#at = this.#skipper.position;
    if (outcome === "more") return;
    if (outcome === "broken_string") {
      this.#state = "skip_element_lines";
      return;
    }
    this.#state = "element";
    if (this.#bytes[this.#at] === COMMA) this.#at += 1;
  }

  #skipElementLines(): void {
    // Stands on a line feed.
    const bytes = this.#bytes;
    let at = this.#at + 1;
    // White space is passed a line feed at a time, so that a cut between two slices changes nothing.
    while (at < this.#length && isBlank(bytes[at] ?? 0)) at += 1;
    const byte = at < this.#length ? (bytes[at] ?? 0) : 0;
    if (byte === BRACE || byte === BRACKET_END) {
      this.#at = at;
      this.#state = "element";
      return;
    }
    const lineFeed = bytes.indexOf(LINE_FEED, at);
    this.#at = lineFeed < 0 ? this.#length : lineFeed;
  }

  #skipLine(): void {
    const lineFeed = this.#bytes.indexOf(LINE_FEED, this.#at);
    this.#at = lineFeed < 0 ? this.#length : lineFeed;
    this.#state = "top";
  }

  #skipLines(): void {
    const bytes = this.#bytes;
    const lineFeed = bytes.indexOf(LINE_FEED, this.#at);
    this.#at = lineFeed < 0 ? this.#length : lineFeed + 1;
    if (bytes[this.#at] === BRACE) this.#state = "top";
  }

  #reject(at: number, reason: string, cutOff = false): void {
    if (this.#firstProblemAt < 0) this.#firstProblemAt = at;
    if (cutOff) this.#cutOff = true;
    this.#sink.reject(null, reason);
  }

  #reasonOf(
    outcome: "broken" | "cut_off" | "too_deep" | "too_large" | "wrapper",
    at: number,
  ): string {
    if (outcome === "too_deep") return `Nested deeper than ${DEPTH_MAX} levels.`;
    if (outcome === "too_large") return `Larger than ${RECORD_BYTES_MAX} bytes.`;
    return outcome === "cut_off" ? CUT_OFF : broken(at);
  }
}

const LINE_FEED = 0x0a;
const COMMA = 0x2c;
const BRACKET = 0x5b;
const BRACKET_END = 0x5d;
const BRACE = 0x7b;

const CUT_OFF = "The body ends inside this record.";
const CUT_OFF_ARRAY = "The body ends inside the array of records.";
const NOT_AN_OBJECT = "Not a JSON object.";

function broken(at: number): string {
  return `Broken JSON at byte ${at}.`;
}
