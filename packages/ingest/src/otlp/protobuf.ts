import type { RecordBatch } from "../batch.ts";
import type { BodyDecoder, DecodeFatal } from "../decoder.ts";
import { RECORD_BYTES_MAX } from "../json-walker.ts";
import type { DecodeContext, DecodeReport } from "../sink.ts";
import { AnyTag, AnyValueReader, keyValueOf } from "./any-value.ts";
import { RESOURCE_IDS_END, RESOURCE_TABLE } from "./keys.ts";
import { shownText } from "./plain.ts";
import { ProtobufRecord } from "./protobuf-record.ts";
import { OtlpRows, rangeOf, type TextRange } from "./rows.ts";
import { FIELD_BROKEN, FIELD_CUT, FIELD_WHOLE, WireReader } from "./wire.ts";

/**
 * Walks an ExportLogsServiceRequest in protobuf over its bytes: request → resource → scope → record. Builds
 * nothing; rows point into the body. What is broken costs no more than what holds it: a record that cannot be
 * read is rejected alone; a broken frame ends what it lies in; a cut-off body counts up to the cut.
 */
export class ProtobufLogs implements BodyDecoder {
  readonly #bytes: Uint8Array;
  readonly #wire: WireReader;
  readonly #any: AnyValueReader;
  readonly #rows: OtlpRows;
  readonly #record: ProtobufRecord;
  readonly #walk: Generator<undefined, void>;
  #at = 0;
  #stop = 0;
  #done = false;
  /** A frame reaches beyond the body: said once, when all that is there was read. */
  #cutAt = -1;

  constructor(bytes: Uint8Array, context: DecodeContext, onBatch: (batch: RecordBatch) => void) {
    this.#bytes = bytes;
    this.#wire = new WireReader(bytes);
    this.#any = new AnyValueReader(this.#wire);
    this.#rows = new OtlpRows(bytes, context, onBatch, 2);
    this.#record = new ProtobufRecord(this.#wire, this.#rows);
    this.#walk = this.#request();
  }

  get report(): DecodeReport {
    return this.#rows.sink;
  }

  get text(): Uint8Array {
    return this.#rows.text;
  }

  get fatal(): DecodeFatal | null {
    return this.#done ? this.#rows.fatal : null;
  }

  advance(bytesMax: number): boolean {
    this.#stop = this.#at + Math.max(1, bytesMax);
    if (!this.#done && this.#walk.next().done === true) this.#done = true;
    this.#rows.sink.flush();
    return this.#done;
  }

  *#request(): Generator<undefined, void> {
    const wire = this.#wire;
    const end = this.#bytes.length;
    while (this.#at < end) {
      const found = this.#frame(this.#at, end);
      if (found === FIELD_BROKEN) break;
      const { tag, start, end: to } = wire;
      if (tag === RESOURCE_LOGS) yield* this.#resource(start, to);
      this.#at = to;
      if (this.#at >= this.#stop) yield;
    }
    if (this.#cutAt >= 0) this.#rows.reject(this.#cutAt, CUT_OFF, "cut_off");
  }

  /** A ResourceLogs. Its resource may stand behind its records, so it is looked for first. */
  *#resource(from: number, end: number): Generator<undefined, void> {
    const wire = this.#wire;
    const attributes: (TextRange | null)[] = new Array(RESOURCE_IDS_END).fill(null);
    for (let at = from; at < end; at = wire.end) {
      if (wire.field(at, end) === FIELD_BROKEN) break; // Said below.
      if (wire.tag !== RESOURCE) continue;
      const { end: to } = wire;
      this.#readResource(wire.start, to, attributes);
      wire.end = to;
    }
    this.#rows.resource(attributes);
    for (let at = from; at < end; ) {
      if (this.#frame(at, end) === FIELD_BROKEN) return;
      const { tag, start, end: to } = wire;
      if (tag === SCOPE_LOGS) yield* this.#scope(start, to);
      at = to;
      this.#at = at;
      if (at >= this.#stop) yield;
    }
  }

  *#scope(from: number, end: number): Generator<undefined, void> {
    const wire = this.#wire;
    for (let at = from; at < end; ) {
      const found = this.#frame(at, end);
      if (found === FIELD_BROKEN) return;
      const { tag, start, end: to } = wire;
      // A record that is cut off is the cut itself: said at the end.
      if (tag === LOG_RECORD && found === FIELD_WHOLE) this.#accept(start, to);
      at = to;
      this.#at = at;
      if (at >= this.#stop) yield;
    }
  }

  #accept(start: number, end: number): void {
    if (end - start > RECORD_BYTES_MAX) {
      this.#rows.reject(start, `Larger than ${RECORD_BYTES_MAX} bytes.`, "record");
    } else if (!this.#record.accept(start, end)) {
      this.#rows.reject(start, `Not a LogRecord (byte ${start}).`, "record");
    }
  }

  /** Reads the field of a frame. What is broken is said at once, a cut at the end. */
  #frame(at: number, end: number): number {
    const found = this.#wire.field(at, end);
    if (found === FIELD_WHOLE) return found;
    if (found === FIELD_CUT) {
      if (this.#cutAt < 0) this.#cutAt = at;
      return found;
    }
    if (this.#cutAt >= 0) return found; // The cut went through this one.
    this.#rows.reject(at, `Not OTLP logs in protobuf: broken at byte ${at}.`, "frame");
    return found;
  }

  #readResource(from: number, end: number, attributes: (TextRange | null)[]): void {
    const wire = this.#wire;
    for (let at = from; at < end; ) {
      if (wire.field(at, end) !== FIELD_WHOLE) return;
      const { tag, start, end: to } = wire;
      if (tag === ATTRIBUTE) this.#readAttribute(start, to, attributes);
      at = to;
    }
  }

  #readAttribute(start: number, end: number, attributes: (TextRange | null)[]): void {
    const pair = keyValueOf(this.#wire, start, end);
    if (pair === null) return;
    const id = RESOURCE_TABLE.find(this.#bytes, pair.keyStart, pair.keyEnd);
    if (id < 0 || !this.#any.read(pair.valueStart, pair.valueEnd)) return;
    const { kind, start: from, end: to } = this.#any;
    const isText = kind === AnyTag.string;
    attributes[id] = isText
      ? { bytes: this.#bytes, start: from, end: to }
      : rangeOf(shownText(this.#any.plain()));
  }
}

const RESOURCE_LOGS = 0x0a;
const RESOURCE = 0x0a;
const SCOPE_LOGS = 0x12;
const LOG_RECORD = 0x12;
const ATTRIBUTE = 0x0a;
const CUT_OFF = "The body is cut off: what a length announces is not there.";
