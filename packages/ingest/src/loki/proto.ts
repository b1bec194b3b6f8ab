import { BATCH_ROWS_MAX, type RecordBatch } from "../batch.ts";
import type { BodyDecoder, DecodeFatal } from "../decoder.ts";
import type { DecodeContext, DecodeReport } from "../sink.ts";
import { LokiEntries } from "./entries.ts";
import { readLabels } from "./labels.ts";
import { brokenPush } from "./push.ts";

/**
 * Decodes a Loki push in protobuf, its Snappy block inflated. Lines are read where they lie. A message that is
 * broken anywhere makes all of the body so: `fatal`, and nothing of it is to be counted.
 */
export function createLokiProtoDecoder(
  bytes: Uint8Array,
  context: DecodeContext,
  onBatch: (batch: RecordBatch) => void,
): BodyDecoder {
  return new LokiProtoDecoder(bytes, context, onBatch);
}

/** A batch is made for entries of this size: with smaller ones it fills more than once. */
const ENTRY_BYTES_USUAL = 64;

class LokiProtoDecoder implements BodyDecoder {
  readonly text: Uint8Array;
  fatal: DecodeFatal | null = null;
  readonly #entries: LokiEntries;
  #done = false;
  #at = 0;
  /** Behind the stream in hand; 0 between streams. */
  #streamEnd = 0;
  // The tag and the range or number read last.
  #tag = 0;
  #start = 0;
  #end = 0;

  constructor(bytes: Uint8Array, context: DecodeContext, onBatch: (batch: RecordBatch) => void) {
    this.text = bytes;
    const rowsMax = Math.min(BATCH_ROWS_MAX, Math.floor(bytes.length / ENTRY_BYTES_USUAL) + 1);
    this.#entries = new LokiEntries(bytes, context, onBatch, rowsMax);
  }

  get report(): DecodeReport {
    return this.#entries.sink;
  }

  advance(bytesMax: number): boolean {
    const { length } = this.text;
    const stop = Math.min(length, this.#at + Math.max(1, bytesMax));
    while (this.#at < stop && this.fatal === null) {
      if (!this.#step()) this.fatal = brokenPush("protobuf", this.#at);
    }
    this.#entries.sink.flush();
    this.#done ||= this.fatal !== null || this.#at >= length;
    return this.#done;
  }

  /** A field of the request, or of the stream in hand. False: broken. */
  #step(): boolean {
    const limit = this.#streamEnd === 0 ? this.text.length : this.#streamEnd;
    if (!this.#field(this.#at, limit)) return false;
    if (this.#streamEnd === 0) {
      if (this.#tag === STREAM) return this.#beginStream(this.#start, this.#end);
    } else if (this.#tag === ENTRY) {
      const end = this.#end;
      if (!this.#entry(this.#start, end)) return false;
      this.#end = end;
    }
    this.#at = this.#end;
    if (this.#at === this.#streamEnd) this.#streamEnd = 0;
    return true;
  }

  #beginStream(start: number, end: number): boolean {
    const entries = this.#entries;
    entries.beginStream();
    for (let at = start; at < end; at = this.#end) {
      if (!this.#field(at, end)) return false;
      if (this.#tag !== LABELS) continue;
      readLabels(this.text, this.#start, this.#end, entries.labels);
      break;
    }
    this.#at = start;
    this.#streamEnd = start === end ? 0 : end;
    return true;
  }

  #entry(start: number, end: number): boolean {
    const entries = this.#entries;
    let timestampMs = Number.NaN;
    let lineStart = start;
    let lineEnd = start;
    entries.beginMetadata();
    for (let at = start; at < end; ) {
      if (!this.#field(at, end)) return false;
      const fieldEnd = this.#end;
      if (this.#tag === LINE) {
        lineStart = this.#start;
        lineEnd = fieldEnd;
      } else if (this.#tag === TIMESTAMP) {
        timestampMs = this.#timestamp(this.#start, fieldEnd);
        if (timestampMs === BROKEN) return false;
      } else if (this.#tag === METADATA && !this.#pair(this.#start, fieldEnd)) {
        return false;
      }
      at = fieldEnd;
    }
    entries.add(timestampMs, lineStart, lineEnd);
    return true;
  }

  /** In ms; NaN for none, or for the beginning of 1970, which is what clients without a clock send. */
  #timestamp(start: number, end: number): number {
    let seconds = 0;
    let nanos = 0;
    for (let at = start; at < end; at = this.#end) {
      if (!this.#field(at, end)) return BROKEN;
      if (this.#tag === SECONDS) seconds = this.#start;
      else if (this.#tag === NANOS) nanos = this.#start;
    }
    // A negative number is 2^64 less than its varint: before 1970, so of no use.
    const timestampMs = seconds * 1000 + Math.floor(nanos / 1e6);
    return timestampMs > 0 && timestampMs < EPOCH_MS_END ? timestampMs : Number.NaN;
  }

  /** A name and a value of structured metadata. */
  #pair(start: number, end: number): boolean {
    const { metadata } = this.#entries;
    let meaning = -1;
    let valueStart = start;
    let valueEnd = start;
    for (let at = start; at < end; at = this.#end) {
      if (!this.#field(at, end)) return false;
      if (this.#tag === NAME) meaning = metadata.meaning(this.text, this.#start, this.#end);
      else if (this.#tag === VALUE) {
        valueStart = this.#start;
        valueEnd = this.#end;
      }
    }
    if (meaning >= 0) metadata.note(meaning, valueStart, valueEnd);
    return true;
  }

  /**
   * Reads the field at `at`: its tag, where it ends, and where its bytes begin; of a varint, `#start` is the
   * number. False: broken, or longer than `limit` allows.
   */
  #field(at: number, limit: number): boolean {
    this.#tag = this.#varint(at, limit);
    if (this.#tag < 8) return false; // BROKEN, or field 0, which does not exist.
    let start = this.#end;
    switch (this.#tag & 7) {
      case 0:
        this.#start = this.#varint(start, limit);
        return this.#start !== BROKEN;
      case 1:
        this.#end = start + 8;
        break;
      case 2: {
        const length = this.#varint(start, limit);
        if (length === BROKEN) return false;
        start = this.#end;
        this.#end = start + length;
        break;
      }
      case 5:
        this.#end = start + 4;
        break;
      default:
        return false;
    }
    this.#start = start;
    return this.#end <= limit;
  }

  /** The varint at `at`, as a double; `#end` is behind it. BROKEN when it does not end in time. */
  #varint(at: number, limit: number): number {
    let value = 0;
    let scale = 1;
    const stop = Math.min(limit, at + VARINT_BYTES_MAX);
    for (let place = at; place < stop; place += 1) {
      const byte = this.text[place] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        this.#end = place + 1;
        return value;
      }
      scale *= 128;
    }
    return BROKEN;
  }
}

const VARINT_BYTES_MAX = 10;
const BROKEN = -1;
/** The year 5138, as for times in JSON. */
const EPOCH_MS_END = 1e14;

// Tags: field number × 8 + wire type.
const STREAM = 0x0a;
const LABELS = 0x0a;
const ENTRY = 0x12;
const TIMESTAMP = 0x0a;
const LINE = 0x12;
const METADATA = 0x1a;
const SECONDS = 0x08;
const NANOS = 0x10;
const NAME = 0x0a;
const VALUE = 0x12;
