import type { RecordBatch } from "../batch.ts";
import { RecordFlag } from "../batch.ts";
import { levelOfMessage, MESSAGE_SCAN_BYTES_MAX } from "../message-level.ts";
import { type DecodeContext, RecordSink } from "../sink.ts";
import { clipEnd, unescapedTextOf } from "../text.ts";
import { FlatFields, FlatKind } from "./flat-fields.ts";
import type { StreamLabels } from "./labels.ts";
import { LineReader, type Span } from "./line.ts";

/** Streams of one body that are remembered by their labels. */
const STREAMS_MAX = 1_024;

interface Stream {
  readonly labels: StreamLabels;
  /** Of the service and environment in the labels, or the defaults. -1 until it is needed. */
  slot: number;
}

/** Entries of Loki streams on their way to rows: what labels, structured metadata and the line name, in that order. */
export class LokiEntries {
  readonly sink: RecordSink;
  /** Structured metadata of the entry that is next: `clear` it, `note` what it holds, then `add`. */
  readonly metadata = new FlatFields();
  readonly #streams = new Map<string, Stream>();
  readonly #defaultService: Uint8Array;
  readonly #defaultEnvironment: Uint8Array;
  #stream: Stream = { labels: NO_LABELS, slot: -1 };
  #metadataBytes: Uint8Array = NO_BYTES;
  readonly #bytes: Uint8Array;
  readonly #line: LineReader;

  constructor(
    bytes: Uint8Array,
    context: DecodeContext,
    onBatch: (batch: RecordBatch) => void,
    rowsMax: number,
  ) {
    this.sink = new RecordSink(context, onBatch, rowsMax);
    this.#bytes = bytes;
    this.#line = new LineReader(bytes);
    this.#defaultService = Buffer.from(context.defaultService);
    this.#defaultEnvironment = Buffer.from(context.defaultEnvironment ?? "");
  }

  /** Entries are of this stream from now on. `key` stands for its labels, which are read if they are new. */
  begin(key: string, read: () => StreamLabels): void {
    const known = this.#streams.get(key);
    if (known !== undefined) {
      this.#stream = known;
      return;
    }
    this.#stream = { labels: read(), slot: -1 };
    if (this.#streams.size < STREAMS_MAX) this.#streams.set(key, this.#stream);
  }

  /** Structured metadata follows, with values in `bytes`. */
  beginMetadata(bytes: Uint8Array): void {
    this.#metadataBytes = bytes;
    this.metadata.clear(bytes);
  }

  /** A row for the entry whose line is [start, end). `timestampMs` NaN: it names none that can be read. */
  add(timestampMs: number, start: number, end: number): void {
    const { sink, metadata } = this;
    const line = this.#line;
    const { labels } = this.#stream;
    line.read(start, end);
    const batch = sink.row();
    const row = batch.length;
    batch.timestampMs[row] = sink.countedMs(timestampMs);
    let level = metadata.level >= 0 ? metadata.level : labels.level;
    if (level < 0) level = line.level;
    batch.level[row] = level >= 0 ? level : this.#levelOfMessage();
    batch.slot[row] = this.#slot(line);
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

  #slot(line: LineReader): number {
    const stream = this.#stream;
    const { labels } = stream;
    let service: Span | null = null;
    if (labels.service.length === 0) service = this.#metadataSpan(FlatKind.service) ?? line.service;
    let environment: Span | null = null;
    if (labels.environment.length === 0) {
      environment = this.#metadataSpan(FlatKind.environment) ?? line.environment;
    }
    if (service === null && environment === null) {
      if (stream.slot < 0) stream.slot = this.#intern(this.#serviceOf(), this.#environmentOf());
      return stream.slot;
    }
    return this.#intern(service ?? this.#serviceOf(), environment ?? this.#environmentOf());
  }

  #serviceOf(): Span {
    const { service } = this.#stream.labels;
    return whole(service.length === 0 ? this.#defaultService : service);
  }

  #environmentOf(): Span {
    const { environment } = this.#stream.labels;
    return whole(environment.length === 0 ? this.#defaultEnvironment : environment);
  }

  #metadataSpan(kind: number): Span | null {
    const { metadata } = this;
    if (!metadata.has(kind)) return null;
    return {
      bytes: this.#metadataBytes,
      start: metadata.startOf(kind),
      end: metadata.endOf(kind),
    };
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

const NO_BYTES = new Uint8Array(0);
const NO_LABELS: StreamLabels = { level: -1, service: NO_BYTES, environment: NO_BYTES };

function whole(bytes: Uint8Array): Span {
  return { bytes, start: 0, end: bytes.length };
}
