import { LevelIndex } from "@tracer/core";
import { type RecordBatch, RecordFlag } from "./batch.ts";
import { EXEMPLAR_BYTES_MAX } from "./exemplars.ts";
import { LEVEL_UNREADABLE, levelOfText } from "./level.ts";
import { levelOfMessage } from "./message-level.ts";
import { type DecodeContext, type DecodeReport, RecordSink } from "./sink.ts";
import { clipEnd } from "./text.ts";
import { parseTime } from "./time.ts";

/** A log record whose fields are values already: what decoders write that do not walk bytes. */
export interface ParsedRecord {
  /** ms since the epoch; NaN: it names no time that can be used. */
  readonly timestampMs: number;
  /** Index into core's LEVELS, or -1: it names none, so it is looked for in the message, else info. */
  readonly level: number;
  /** `""`: the default of the context. */
  readonly service: string;
  readonly environment: string;
  /** `""`: it names none. */
  readonly message: string;
  /** What an alert shows of a record without a message, such as its JSON. Default: nothing. */
  readonly raw?: string;
  /** NaN: it names none. */
  readonly latencyMs: number;
}

/** Series remembered by name within one body. */
const NAMES_MAX = 1_024;
const TEXT_BYTES_FIRST = 16 * 1024;

/**
 * Takes records as values, for dialects that `JSON.parse` or a walker of its own has read. Messages are
 * kept as bytes in `text`, clipped to what an alert may show, so that rows are as those of a byte decoder.
 */
export class ParsedSink {
  readonly sink: RecordSink;
  readonly #slots = new Map<string, number>();
  readonly #scratch = Buffer.alloc(256);
  #text = Buffer.alloc(TEXT_BYTES_FIRST);
  #end = 0;

  constructor(context: DecodeContext, onBatch: (batch: RecordBatch) => void, rowsMax: number) {
    this.sink = new RecordSink(context, onBatch, Math.max(1, rowsMax));
  }

  get report(): DecodeReport {
    return this.sink;
  }

  /** What the offsets of the rows are into: see `BodyDecoder.text`. */
  get text(): Uint8Array {
    return this.#text;
  }

  add(record: ParsedRecord): void {
    const { sink } = this;
    const batch = sink.row();
    const row = batch.length;
    const start = this.#end;
    const end = this.#write(record.message === "" ? (record.raw ?? "") : record.message);
    batch.timestampMs[row] = sink.countedMs(record.timestampMs);
    batch.level[row] = record.level >= 0 ? record.level : this.#levelOf(record, start, end);
    batch.slot[row] = this.#slotOf(record.environment, record.service);
    batch.latencyMs[row] = record.latencyMs;
    batch.count[row] = 1;
    batch.recordStart[row] = start;
    batch.recordEnd[row] = end;
    batch.messageStart[row] = start;
    batch.messageEnd[row] = end;
    batch.flags[row] = record.message === "" ? RecordFlag.messageMissing : 0;
    sink.commit();
  }

  /** A time as text (ISO 8601, or an epoch by magnitude), in ms; NaN when it is none. */
  timeOf(text: string): number {
    const length = this.#scratch.write(text.slice(0, 64), "utf8");
    return parseTime(this.#scratch, 0, length);
  }

  /** The index of a level as text, in any of the ways of `POST /logs`; -1 when it is none. */
  levelOf(text: string): number {
    const length = this.#scratch.write(text.slice(0, 64), "utf8");
    const level = levelOfText(this.#scratch, 0, length);
    return level === LEVEL_UNREADABLE ? -1 : level;
  }

  #levelOf({ message }: ParsedRecord, start: number, end: number): number {
    return message === "" ? LevelIndex.info : levelOfMessage(this.#text, start, end);
  }

  /** Appends a message; where it ends. */
  #write(message: string): number {
    if (message === "") return this.#end;
    // A character is at most three bytes of UTF-8 for each of its UTF-16 units.
    const kept =
      message.length > EXEMPLAR_BYTES_MAX ? message.slice(0, EXEMPLAR_BYTES_MAX) : message;
    const needed = this.#end + kept.length * 3;
    if (needed > this.#text.length) {
      const larger = Buffer.alloc(Math.max(needed, this.#text.length * 2));
      this.#text.copy(larger, 0, 0, this.#end);
      this.#text = larger;
    }
    const written = this.#text.write(kept, this.#end, "utf8");
    this.#end = clipEnd(this.#text, this.#end, this.#end + written, EXEMPLAR_BYTES_MAX, false);
    return this.#end;
  }

  #slotOf(environment: string, service: string): number {
    const { directory, projectId, defaultService, defaultEnvironment = "" } = this.sink.context;
    const name = service.trim() === "" ? defaultService : service;
    const scope = environment.trim() === "" ? defaultEnvironment : environment;
    const key = `${scope}\0${name}`;
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    const scopeBytes = Buffer.from(scope);
    const nameBytes = Buffer.from(name);
    const slot = directory.internBytes(
      projectId,
      scopeBytes,
      0,
      scopeBytes.length,
      nameBytes,
      0,
      nameBytes.length,
    );
    if (this.#slots.size < NAMES_MAX) this.#slots.set(key, slot);
    return slot;
  }
}
