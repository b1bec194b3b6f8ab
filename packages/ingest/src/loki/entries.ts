import type { RecordBatch } from "../batch.ts";
import { RecordFlag } from "../batch.ts";
import { levelOfMessage, MESSAGE_SCAN_BYTES_MAX } from "../message-level.ts";
import { type DecodeContext, RecordSink } from "../sink.ts";
import { clipEnd, unescapedTextOf } from "../text.ts";
import { FlatFields, FlatKind, type Span } from "./flat-fields.ts";
import { LineReader } from "./line.ts";

/** Entries of Loki streams on their way to rows: what labels, structured metadata and the line name, in that order. */
export class LokiEntries {
  readonly sink: RecordSink;
  /** Structured metadata of the entry that is next: `clear` it, `note` what it holds, then `add`. */
  readonly metadata = new FlatFields();
  /** Labels of the stream in hand: `beginStream`, `note` what they hold, then its entries. */
  readonly labels = new FlatFields();
  readonly #defaultService: Span;
  readonly #defaultEnvironment: Span;
  readonly #bytes: Uint8Array;
  readonly #line: LineReader;
  /** Of the service and environment in the labels, or the defaults. -1 until it is needed. */
  #slot = -1;

  constructor(
    bytes: Uint8Array,
    context: DecodeContext,
    onBatch: (batch: RecordBatch) => void,
    rowsMax: number,
  ) {
    this.sink = new RecordSink(context, onBatch, rowsMax);
    this.#bytes = bytes;
    this.#line = new LineReader(bytes);
    this.#defaultService = spanOfText(context.defaultService);
    this.#defaultEnvironment = spanOfText(context.defaultEnvironment ?? "");
  }

  /** Labels of the next stream follow. */
  beginStream(): void {
    this.labels.clear(this.#bytes);
    this.#slot = -1;
  }

  /** Structured metadata of the next entry follows. */
  beginMetadata(): void {
    this.metadata.clear(this.#bytes);
  }

  /** A row for the entry whose line is [start, end). `timestampMs` NaN: it names none that can be read. */
  add(timestampMs: number, start: number, end: number): void {
    const { sink, metadata, labels } = this;
    const line = this.#line;
    line.read(start, end);
    const batch = sink.row();
    const row = batch.length;
    batch.timestampMs[row] = sink.countedMs(timestampMs);
    let level = metadata.level >= 0 ? metadata.level : labels.level;
    if (level < 0) level = line.level;
    batch.level[row] = level >= 0 ? level : this.#levelOfMessage();
    batch.slot[row] = this.#slotOf(line);
    batch.latencyMs[row] = Number.isNaN(metadata.latencyMs) ? line.latencyMs : metadata.latencyMs;
    batch.count[row] = 1;
    batch.recordStart[row] = start;
    batch.recordEnd[row] = end;
    batch.messageStart[row] = line.messageStart;
    batch.messageEnd[row] = line.messageEnd;
    batch.flags[row] = line.messageEscaped ? RecordFlag.messageEscaped : 0;
    sink.commit();
  }

  #levelOfMessage(): number {
    const { messageStart: start, messageEnd: end, messageEscaped } = this.#line;
    if (!messageEscaped) return levelOfMessage(this.#bytes, start, end);
    const cut = clipEnd(this.#bytes, start, end, 6 * MESSAGE_SCAN_BYTES_MAX, true);
    const plain = Buffer.from(unescapedTextOf(this.#bytes, start, cut));
    return levelOfMessage(plain, 0, plain.length);
  }

  #slotOf(line: LineReader): number {
    const service = this.#named(FlatKind.service, line.service);
    const environment = this.#named(FlatKind.environment, line.environment);
    if (service === null && environment === null) {
      if (this.#slot < 0) {
        this.#slot = this.#intern(
          this.#labelled(FlatKind.service) ?? this.#defaultService,
          this.#labelled(FlatKind.environment) ?? this.#defaultEnvironment,
        );
      }
      return this.#slot;
    }
    return this.#intern(
      service ?? this.#labelled(FlatKind.service) ?? this.#defaultService,
      environment ?? this.#labelled(FlatKind.environment) ?? this.#defaultEnvironment,
    );
  }

  /** A name that metadata or the line gives, where the labels give none. */
  #named(kind: number, inLine: Span | null): Span | null {
    if (this.labels.has(kind)) return null;
    return this.metadata.has(kind) ? this.metadata.spanOf(kind) : inLine;
  }

  #labelled(kind: number): Span | null {
    return this.labels.has(kind) ? this.labels.spanOf(kind) : null;
  }

  #intern(service: Span, environment: Span): number {
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
}

function spanOfText(text: string): Span {
  const bytes = Buffer.from(text);
  return { bytes, start: 0, end: bytes.length };
}
