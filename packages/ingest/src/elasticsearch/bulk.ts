import { BATCH_ROWS_MAX, type RecordBatch } from "../batch.ts";
import type { BodyDecoder, DecodeFatal } from "../decoder.ts";
import { DEPTH_MAX, RECORD_BYTES_MAX, type ScanOutcome } from "../json-walker.ts";
import { RecordReader } from "../record.ts";
import { RecordScanner } from "../scanner.ts";
import { type DecodeContext, type DecodeReport, RecordSink } from "../sink.ts";
import { ActionWalker } from "./action.ts";
import { BulkAction, type BulkItems, BulkOutcome } from "./items.ts";

/**
 * Decodes an Elasticsearch bulk body: a line for each action, and behind each but `delete` a line with its document,
 * read as a record of `POST /logs`; of an update, its `doc`, else its `upsert`. Blank lines and a missing last
 * line feed do no harm. What became of each action is added to `items`, in order; a document that cannot be read costs
 * its own. A line that should be an action and is none makes all of the body so: `fatal`, nothing is to be counted.
 */
export function createBulkDecoder(
  bytes: Uint8Array,
  context: DecodeContext,
  onBatch: (batch: RecordBatch) => void,
  items: BulkItems,
): BodyDecoder {
  return new BulkDecoder(bytes, context, onBatch, items);
}

/** The shortest pair of lines: `{"index":{}}` and `{}`, each with its line feed. */
const PAIR_BYTES_MIN = 16;

class BulkDecoder implements BodyDecoder {
  readonly text: Uint8Array;
  fatal: DecodeFatal | null = null;
  readonly #items: BulkItems;
  readonly #sink: RecordSink;
  readonly #walker: ActionWalker;
  readonly #scanner: RecordScanner;
  readonly #reader: RecordReader;
  #at = 0;
  #done = false;
  // The action line that was read last: lines of actions mostly repeat.
  #lineStart = 0;
  #lineEnd = 0;

  constructor(
    bytes: Uint8Array,
    context: DecodeContext,
    onBatch: (batch: RecordBatch) => void,
    items: BulkItems,
  ) {
    this.text = bytes;
    this.#items = items;
    const rowsMax = Math.min(BATCH_ROWS_MAX, Math.floor(bytes.length / PAIR_BYTES_MIN) + 1);
    this.#sink = new RecordSink(context, onBatch, rowsMax);
    this.#walker = new ActionWalker(bytes);
    this.#scanner = new RecordScanner(bytes);
    this.#reader = new RecordReader(this.#scanner, this.#sink);
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.#at = 3;
  }

  get report(): DecodeReport {
    return this.#sink;
  }

  advance(bytesMax: number): boolean {
    const { length } = this.text;
    const stop = Math.min(length, this.#at + Math.max(1, bytesMax));
    while (this.#at < stop && this.fatal === null) this.#pair();
    this.#sink.flush();
    if (this.#at >= length && this.fatal === null && this.#items.length === 0) {
      this.fatal = { code: "BODY_EMPTY", message: "The body holds no actions.", offset: 0 };
    }
    this.#done = this.fatal !== null || this.#at >= length;
    return this.#done;
  }

  /** An action with its document, or the blank before it. */
  #pair(): void {
    const start = blankEnd(this.text, this.#at);
    this.#at = start;
    if (start >= this.text.length) return;
    const walker = this.#walker;
    const end = this.#actionEnd(start);
    if (end < 0) {
      const offset = walker.position;
      const line = `Malformed action/metadata line [${this.#items.length + 1}]`;
      const message = `${line}: broken at byte ${offset}; nothing of this request was taken.`;
      this.fatal = { code: "BODY_NOT_LOGS", message, offset };
      return;
    }
    this.#at = end;
    const problemAt = walker.action === BulkAction.delete ? -1 : this.#document(end);
    const outcome = problemAt < 0 ? BulkOutcome.done : BulkOutcome.refused;
    this.#items.add(walker, outcome, Math.max(0, problemAt));
  }

  /** Behind the action line at `start`, or -1. */
  #actionEnd(start: number): number {
    const { text } = this;
    const length = this.#lineEnd - this.#lineStart;
    // The same bytes as the last say the same: the ranges of that line serve this one too.
    if (length > 0 && sameBytes(text, this.#lineStart, start, length)) return start + length;
    const walker = this.#walker;
    const end = walker.walkAction(start);
    if (end < 0) return -1;
    const rest = lineRest(text, end);
    if (rest < 0) walker.position = end;
    this.#lineStart = start;
    this.#lineEnd = rest;
    return rest;
  }

  /** Takes the document behind an action: -1, or the byte at which it is broken. */
  #document(from: number): number {
    const { text } = this;
    const start = blankEnd(text, from);
    if (start >= text.length) {
      this.#at = text.length;
      return this.#refuse(start, "The body ends before the document of this action.");
    }
    const isUpdate = this.#walker.action === BulkAction.update;
    const rest = isUpdate ? this.#update(start) : this.#record(start);
    if (rest >= 0) {
      this.#at = rest;
      return -1;
    }
    const lineFeed = text.indexOf(LINE_FEED, start);
    this.#at = lineFeed < 0 ? text.length : lineFeed + 1;
    return this.#refuse(this.#brokenAt, this.#problem);
  }

  // Of the document that could not be read.
  #brokenAt = 0;
  #problem = "";

  /** Behind the line of a document, which becomes a row; or -1. */
  #record(start: number): number {
    const scanner = this.#scanner;
    const outcome = scanner.scan(start, true, false);
    const end = scanner.position;
    const rest = outcome === "record" ? lineRest(this.text, end) : -1;
    if (rest < 0) return this.#broken(end, outcome);
    this.#reader.accept(start, end);
    return rest;
  }

  /** The same of an update's: a script alone is no record. */
  #update(start: number): number {
    const walker = this.#walker;
    const end = walker.walkUpdate(start);
    const rest = end < 0 ? -1 : lineRest(this.text, end);
    if (rest < 0) return this.#broken(end < 0 ? walker.position : end, "broken");
    if (walker.docAt < 0) return rest;
    const outcome = this.#scanner.scan(walker.docAt, true, false);
    if (outcome !== "record") return this.#broken(this.#scanner.position, outcome);
    this.#reader.accept(walker.docAt, this.#scanner.position);
    return rest;
  }

  #broken(at: number, outcome: ScanOutcome): -1 {
    this.#brokenAt = at;
    this.#problem = `Broken JSON at byte ${at}.`;
    if (outcome === "too_deep") this.#problem = `Nested deeper than ${DEPTH_MAX} levels.`;
    if (outcome === "too_large") this.#problem = `Larger than ${RECORD_BYTES_MAX} bytes.`;
    return -1;
  }

  #refuse(at: number, reason: string): number {
    this.#sink.reject(null, reason);
    return at;
  }
}

const LINE_FEED = 0x0a;

function sameBytes(bytes: Uint8Array, before: number, now: number, length: number): boolean {
  if (now + length > bytes.length) return false;
  for (let at = 0; at < length; at += 1) {
    if (bytes[before + at] !== bytes[now + at]) return false;
  }
  return true;
}

/** Behind white space and line feeds. */
function blankEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && ((bytes[at] ?? 0) === LINE_FEED || isBlank(bytes[at] ?? 0))) at += 1;
  return at;
}

/** Behind the line feed that must come next, or at the end of the body; -1 when something else does. */
function lineRest(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && isBlank(bytes[at] ?? 0)) at += 1;
  if (at >= bytes.length) return at;
  return bytes[at] === LINE_FEED ? at + 1 : -1;
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d;
}
