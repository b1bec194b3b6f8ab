import { LevelIndex } from "@tracer/core";
import { type RecordBatch, RecordFlag } from "../batch.ts";
import type { DecodeFatal } from "../decoder.ts";
import { EXEMPLAR_BYTES_MAX } from "../exemplars.ts";
import { levelOfMessage } from "../message-level.ts";
import { LATENCY_MS_MAX } from "../record.ts";
import { type DecodeContext, RecordSink } from "../sink.ts";
import { clipEnd } from "../text.ts";
import { ENVIRONMENT_ID, RESOURCE_IDS_END } from "./keys.ts";

/** Text in bytes. */
export interface TextRange {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** Rows of a batch: exports are small, and a batch for each is not free. */
const ROWS_MAX = 512;
/** Text that is made, because it does not stand in the body as such, beyond the size of the body itself. */
export const MADE_BYTES_FREE = 64 * 1024;

/**
 * What both encodings of OTLP have in common: resources, rows, and the text of messages that do not stand
 * in the body as text.
 */
export class OtlpRows {
  readonly sink: RecordSink;
  /** What the offsets of rows are into: the body, or a copy of it with the made texts behind it. */
  text: Uint8Array;
  /** Whether the service of the resource stands, whatever a record says. */
  serviceStands = false;
  /** Whether the resource names an environment. */
  environmentStands = false;
  readonly #body: Uint8Array;
  readonly #defaultService: TextRange;
  readonly #defaultEnvironment: TextRange;
  #service: TextRange;
  #environment: TextRange;
  #slot = -1; // Of the resource; -1 until a record needs it.
  #made: Buffer | null = null;
  #madeEnd = 0;
  #cutOff = false;
  #frameBroken = false;
  #firstProblemAt = -1;

  constructor(
    body: Uint8Array,
    context: DecodeContext,
    onBatch: (batch: RecordBatch) => void,
    recordBytesMin: number,
  ) {
    this.#body = body;
    this.text = body;
    const rowsMax = Math.min(ROWS_MAX, Math.floor(body.length / recordBytesMin) + 1);
    this.sink = new RecordSink(context, onBatch, rowsMax);
    this.#defaultService = rangeOf(context.defaultService);
    this.#defaultEnvironment = rangeOf(context.defaultEnvironment ?? "");
    this.#service = this.#defaultService;
    this.#environment = this.#defaultEnvironment;
  }

  /** Begins a resource, given its attributes by id; null: it does not have one. */
  resource(attributes: readonly (TextRange | null)[]): void {
    this.#slot = -1;
    this.serviceStands = false;
    this.environmentStands = false;
    this.#service = this.#defaultService;
    this.#environment = this.#defaultEnvironment;
    for (let id = RESOURCE_IDS_END - 1; id >= 0; id -= 1) {
      const value = attributes[id] ?? null;
      if (value === null || isBlank(value)) continue;
      if (id >= ENVIRONMENT_ID) {
        this.#environment = value;
        this.environmentStands = true;
      } else if (id > 0 || !isUnknownService(value)) {
        this.#service = value;
        this.serviceStands = id === 0;
      } else if (this.#service === this.#defaultService) {
        this.#service = value;
      }
    }
  }

  /** The slot of a record, given what it names itself where the resource leaves it open. */
  slot(service: TextRange | null, environment: TextRange | null): number {
    const named = service === null || isBlank(service) ? null : service;
    const scoped = environment === null || isBlank(environment) ? null : environment;
    if (named === null && scoped === null) {
      if (this.#slot < 0) this.#slot = this.#intern(this.#service, this.#environment);
      return this.#slot;
    }
    return this.#intern(named ?? this.#service, scoped ?? this.#environment);
  }

  #intern(service: TextRange, environment: TextRange): number {
    const { directory, projectId } = this.sink.context;
    return directory.internBytes(
      projectId,
      environment.bytes,
      environment.start,
      environment.end,
      service.bytes,
      service.start,
      service.end,
    );
  }

  /** Adds a row. `latencyMs`: NaN for none; an `eventMs` of 0 is none. */
  add(
    recordStart: number,
    recordEnd: number,
    eventMs: number,
    level: number,
    slot: number,
    latencyMs: number,
    messageStart: number,
    messageEnd: number,
    flags: number,
  ): void {
    const batch = this.sink.row();
    const row = batch.length;
    batch.timestampMs[row] = this.sink.countedMs(eventMs > 0 ? eventMs : Number.NaN);
    batch.level[row] = level;
    batch.slot[row] = slot;
    batch.latencyMs[row] = latencyMs;
    batch.count[row] = 1;
    batch.recordStart[row] = recordStart;
    batch.recordEnd[row] = recordEnd;
    batch.messageStart[row] = messageStart;
    batch.messageEnd[row] = messageEnd;
    batch.flags[row] = messageStart === messageEnd ? RecordFlag.messageMissing : flags;
    this.sink.commit();
  }

  /** What the message says of its level. `plain`: the message, escapes resolved. */
  levelOfMessage({ bytes, start, end }: TextRange): number {
    return start === end ? LevelIndex.info : levelOfMessage(bytes, start, end);
  }

  /** A latency in ms, from a value that may be in seconds; NaN when it is not to be believed. */
  latencyMs(value: number, isSeconds: boolean): number {
    const latencyMs = isSeconds ? value * 1000 : value;
    return latencyMs >= 0 && latencyMs <= LATENCY_MS_MAX ? latencyMs : Number.NaN;
  }

  /**
   * Appends a text to `text`; where it begins. It ends at `madeEnd`. When the room for such texts is used up,
   * it is left out: empty.
   */
  make(message: string): number {
    const body = this.#body;
    if (this.#made === null) this.#madeEnd = body.length;
    const start = this.#madeEnd;
    const bytes = Buffer.from(message.slice(0, EXEMPLAR_BYTES_MAX));
    const length = clipEnd(bytes, 0, bytes.length, EXEMPLAR_BYTES_MAX, false);
    if (start + length > 2 * body.length + MADE_BYTES_FREE) return start;
    this.#made = this.#roomFor(start + length);
    bytes.copy(this.#made, start, 0, length);
    this.#madeEnd = start + length;
    return start;
  }

  get madeEnd(): number {
    return this.#madeEnd;
  }

  #roomFor(end: number): Buffer {
    const made = this.#made;
    if (made !== null && end <= made.length) return made;
    const larger = Buffer.alloc(Math.max(end, Math.ceil(this.#madeEnd * 1.25)));
    larger.set(this.text.subarray(0, this.#madeEnd));
    this.text = larger;
    return larger;
  }

  /** A record that cannot be read, or the rest of a body that is broken (`frame`) or cut off. */
  reject(at: number, reason: string, kind: "record" | "frame" | "cut_off"): void {
    if (this.#firstProblemAt < 0) this.#firstProblemAt = at;
    if (kind === "cut_off") this.#cutOff = true;
    if (kind === "frame") this.#frameBroken = true;
    this.sink.reject(null, reason);
  }

  /** Once all is read: see `BodyDecoder.fatal`. A body without records is fine. */
  get fatal(): DecodeFatal | null {
    const { accepted, rejected, errors } = this.sink;
    if (accepted > 0 || rejected === 0) return null;
    const offset = Math.max(this.#firstProblemAt, 0);
    const reason = errors[0]?.reason ?? "";
    if (this.#cutOff) return { code: "BODY_CUT_OFF", message: reason, offset };
    if (this.#frameBroken) return { code: "BODY_NOT_LOGS", message: reason, offset };
    const message = `None of the ${rejected} records can be read. The first: ${reason}`;
    return { code: "RECORDS_ALL_INVALID", message, offset };
  }
}

export function rangeOf(text: string): TextRange {
  const bytes = Buffer.from(text);
  return { bytes, start: 0, end: bytes.length };
}

/** Whether a number is written with a point. */
export function hasPoint(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if (bytes[at] === 0x2e) return true;
  return false;
}

/** Nothing but white space. */
function isBlank({ bytes, start, end }: TextRange): boolean {
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return false;
  }
  return true;
}

const UNKNOWN_SERVICE = Buffer.from("unknown_service");

/** What an SDK puts where nobody named the service: `unknown_service`, also with `:` and the program's name. */
function isUnknownService({ bytes, start, end }: TextRange): boolean {
  const length = UNKNOWN_SERVICE.length;
  if (end - start < length) return false;
  for (let at = 0; at < length; at += 1) {
    if (bytes[start + at] !== UNKNOWN_SERVICE[at]) return false;
  }
  return end - start === length || bytes[start + length] === 0x3a;
}
