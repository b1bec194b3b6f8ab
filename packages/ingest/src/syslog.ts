import { LevelIndex } from "@tracer/core";
import { BATCH_ROWS_MAX, type RecordBatch, RecordFlag } from "./batch.ts";
import type { BodyDecoder, CreateDecoder, DecodeFatal } from "./decoder.ts";
import { EXEMPLAR_BYTES_MAX } from "./exemplars.ts";
import { isJsonObject, type JsonObject, readFields } from "./json-fields.ts";
import { levelOfMessage } from "./message-level.ts";
import { LATENCY_MS_MAX } from "./record.ts";
import { type DecodeContext, type DecodeReport, RecordSink } from "./sink.ts";
import { SyslogHeader } from "./syslog-header.ts";
import { clipEnd, textOf } from "./text.ts";

/**
 * Decodes syslog messages one after the other, each behind its length in bytes and a space (octet counting):
 * what the receivers collect. RFC 5424 and 3164; a message that is a JSON object, with or without
 * `@cee:`, has the fields of `POST /logs`, and those of the header where it names none. A message without
 * priority is a line of text. `fatal` is always null: there is nobody to tell.
 */
export const createSyslogDecoder: CreateDecoder = (bytes, context, onBatch) =>
  new SyslogDecoder(bytes, context, onBatch, { logplex: false });

/**
 * Decodes what Heroku's log router posts (`application/logplex-1`): the same, without structured data. All that
 * an app writes has one severity, so its level is looked for in the message; a line of the HTTP router (`at=…
 * status=503 service=21ms`) has its own. A default service other than `unknown` wins over APP-NAME, which is
 * `app` or `heroku` for everybody. `fatal` when there is not one record.
 */
export const createLogplexDecoder: CreateDecoder = (bytes, context, onBatch) =>
  new SyslogDecoder(bytes, context, onBatch, { logplex: true });

/** The shortest message that can be counted, with its count. */
const FRAME_BYTES_MIN = 3;

class SyslogDecoder implements BodyDecoder {
  fatal: DecodeFatal | null = null;
  readonly #bytes: Uint8Array;
  readonly #sink: RecordSink;
  readonly #header: SyslogHeader;
  readonly #logplex: boolean;
  /** Whether the header may name the service. */
  readonly #namesService: boolean;
  readonly #defaultService: Uint8Array;
  readonly #environment: Uint8Array;
  #text: Buffer | null = null;
  #textEnd = 0;
  #at = 0;
  #firstProblemAt = -1;

  constructor(
    bytes: Uint8Array,
    context: DecodeContext,
    onBatch: (batch: RecordBatch) => void,
    { logplex }: { logplex: boolean },
  ) {
    this.#bytes = bytes;
    const rowsMax = Math.min(BATCH_ROWS_MAX, Math.floor(bytes.length / FRAME_BYTES_MIN) + 1);
    this.#sink = new RecordSink(context, onBatch, rowsMax);
    this.#header = new SyslogHeader(context.receiptMs, { structuredData: !logplex });
    this.#logplex = logplex;
    this.#namesService = !logplex || context.defaultService === "unknown";
    this.#defaultService = Buffer.from(context.defaultService);
    this.#environment = Buffer.from(context.defaultEnvironment ?? "");
  }

  get report(): DecodeReport {
    return this.#sink;
  }

  get text(): Uint8Array {
    return this.#text ?? this.#bytes;
  }

  advance(bytesMax: number): boolean {
    const { length } = this.#bytes;
    const stop = Math.min(length, this.#at + bytesMax);
    while (this.#at < stop) this.#frame();
    this.#sink.flush();
    if (this.#at < length) return false;
    if (this.#logplex && this.#sink.accepted === 0) this.fatal = this.#fatal();
    return true;
  }

  #fatal(): DecodeFatal {
    if (this.#firstProblemAt < 0) {
      return { code: "BODY_EMPTY", message: "The body holds no message.", offset: 0 };
    }
    return {
      code: "RECORDS_ALL_INVALID",
      message: `No message of the body can be read: ${this.#sink.errors[0]?.reason ?? ""}`,
      offset: this.#firstProblemAt,
    };
  }

  /** One message with its count. */
  #frame(): void {
    const bytes = this.#bytes;
    let at = this.#at;
    if ((bytes[at] ?? 0) <= SPACE) {
      this.#at = at + 1; // A line feed behind the last message, say.
      return;
    }
    let octets = 0;
    while (at < bytes.length && octets < bytes.length && isDigit(bytes[at] ?? 0)) {
      octets = octets * 10 + (bytes[at] ?? 0) - 0x30;
      at += 1;
    }
    const end = at + 1 + octets;
    if (octets === 0 || bytes[at] !== SPACE || end > bytes.length) {
      const cutOff = octets > 0 && (at >= bytes.length || bytes[at] === SPACE);
      this.#reject(
        this.#at,
        cutOff ? "The body ends inside this message." : "No count of bytes where a message begins.",
      );
      this.#at = bytes.length;
      return;
    }
    this.#at = end;
    this.#message(at + 1, trimmedEnd(bytes, at + 1, end));
  }

  #message(start: number, end: number): void {
    if (end <= start) return; // Nothing but what ends a message.
    const header = this.#header;
    header.read(this.#bytes, start, end);
    let at = header.messageStart;
    // rsyslog's own template of RFC 5424 writes the space that was behind the tag as part of the message.
    while (at < end && this.#bytes[at] === SPACE) at += 1;
    if (header.level < 0 && !isText(this.#bytes, at, end)) {
      return this.#reject(start, "Neither a syslog message nor a line of text.");
    }
    const record = this.#jsonAt(at, end);
    if (record !== null) return this.#addJson(record, { start, at, end });
    if (header.timeUnreadable) {
      this.#sink.warn("timestamp", "Not a time that can be read: counted at receipt time.");
    }
    const router = this.#logplex ? routerLine(this.#bytes, at, end) : null;
    const stated = this.#statedLevel();
    const level = stated >= 0 ? stated : levelOfMessage(this.#bytes, at, end);
    this.#add({
      ...{ timestampMs: header.timestampMs, level: router?.level ?? level },
      latencyMs: router?.latencyMs ?? Number.NaN,
      slot: this.#slot(this.#environment, ""),
      ...{ recordStart: start, recordEnd: end, messageEnd: end },
      messageStart: at < end ? at : start,
      flags: at < end ? 0 : RecordFlag.messageMissing,
    });
  }

  #addJson(
    record: JsonObject,
    { start, at, end }: { readonly start: number; readonly at: number; readonly end: number },
  ): void {
    const header = this.#header;
    const fields = readFields(record, (field, reason) => this.#sink.warn(field, reason));
    const messageStart = fields.message === "" ? at : this.#keep(fields.message);
    const messageEnd = fields.message === "" ? end : this.#textEnd;
    const level = fields.level >= 0 ? fields.level : this.#statedLevel();
    this.#add({
      timestampMs: Number.isNaN(fields.timestampMs) ? header.timestampMs : fields.timestampMs,
      level: level >= 0 ? level : this.#levelOf(fields.message, messageStart, messageEnd),
      latencyMs: fields.latencyMs,
      slot: this.#slot(
        fields.environment.trim() === "" ? this.#environment : Buffer.from(fields.environment),
        fields.service,
      ),
      ...{ recordStart: start, recordEnd: end, messageStart, messageEnd },
      flags: fields.message === "" ? RecordFlag.messageMissing : 0,
    });
  }

  /** The level of the severity; -1: it has none that means anything. */
  #statedLevel(): number {
    const { level } = this.#header;
    return this.#logplex && (level <= LevelIndex.info || level === LevelIndex.fatal) ? -1 : level;
  }

  #levelOf(message: string, start: number, end: number): number {
    return message === "" ? LevelIndex.info : levelOfMessage(this.text, start, end);
  }

  /** The object that a message is, behind `@cee:` or alone; null when it is text. */
  #jsonAt(from: number, end: number): JsonObject | null {
    const bytes = this.#bytes;
    let at = from;
    if (bytes[at] === 0x40 && textOf(bytes, at, Math.min(end, at + CEE.length)) === CEE) {
      at += CEE.length;
      while (at < end && bytes[at] === SPACE) at += 1;
    }
    if (bytes[at] !== 0x7b || bytes[end - 1] !== 0x7d) return null;
    try {
      const value: unknown = JSON.parse(textOf(bytes, at, end));
      return isJsonObject(value) ? value : null;
    } catch {
      return null;
    }
  }

  #add(row: Row): void {
    const sink = this.#sink;
    const batch = sink.row();
    const at = batch.length;
    batch.timestampMs[at] = sink.countedMs(row.timestampMs);
    batch.level[at] = row.level;
    batch.slot[at] = row.slot;
    batch.latencyMs[at] = row.latencyMs;
    batch.count[at] = 1;
    batch.recordStart[at] = row.recordStart;
    batch.recordEnd[at] = row.recordEnd;
    batch.messageStart[at] = row.messageStart;
    batch.messageEnd[at] = row.messageEnd;
    batch.flags[at] = row.flags;
    sink.commit();
  }

  /** `service` `""`: that of the header, else the default. */
  #slot(environment: Uint8Array, service: string): number {
    const { directory, projectId } = this.#sink.context;
    const { nameStart, nameEnd } = this.#header;
    let bytes = this.#bytes;
    let start = nameStart;
    let end = nameEnd;
    if (service.trim() !== "") {
      bytes = Buffer.from(service);
      start = 0;
      end = bytes.length;
    } else if (start === end || !this.#namesService) {
      bytes = this.#defaultService;
      start = 0;
      end = bytes.length;
    }
    return directory.internBytes(
      ...([projectId, environment, 0, environment.length, bytes, start, end] as const),
    );
  }

  /** Keeps a message that was escaped in the body, behind the body; where it begins. */
  #keep(message: string): number {
    const bytes = Buffer.from(message.slice(0, EXEMPLAR_BYTES_MAX));
    const length = clipEnd(bytes, 0, bytes.length, EXEMPLAR_BYTES_MAX, false);
    if (this.#text === null) this.#textEnd = this.#bytes.length;
    const held = this.text;
    if (this.#text === null || this.#textEnd + length > held.length) {
      const larger = Buffer.allocUnsafeSlow(2 * (this.#textEnd + length));
      larger.set(held.subarray(0, this.#textEnd));
      this.#text = larger;
    }
    const start = this.#textEnd;
    this.#text.set(bytes.subarray(0, length), start);
    this.#textEnd = start + length;
    return start;
  }

  #reject(at: number, reason: string): void {
    if (this.#firstProblemAt < 0) this.#firstProblemAt = at;
    this.#sink.reject(null, reason);
  }
}

interface Row {
  readonly timestampMs: number;
  readonly level: number;
  readonly latencyMs: number;
  readonly slot: number;
  readonly recordStart: number;
  readonly recordEnd: number;
  readonly messageStart: number;
  readonly messageEnd: number;
  readonly flags: number;
}

/** Level and latency of a line of Heroku's HTTP router; null: it is none. */
function routerLine(
  bytes: Uint8Array,
  start: number,
  end: number,
): { level: number; latencyMs: number } | null {
  if (bytes[start] !== 0x61 || bytes[start + 1] !== 0x74 || bytes[start + 2] !== 0x3d) return null;
  const line = textOf(bytes, start, end);
  const status = Number(/ status=(\d{3})\b/.exec(line)?.[1] ?? Number.NaN);
  const latencyMs = Number(/ service=(\d{1,9})ms\b/.exec(line)?.[1] ?? Number.NaN);
  const failed = status >= 500 || line.startsWith("at=error");
  const warned = line.startsWith("at=warning");
  const level = failed ? LevelIndex.error : warned ? LevelIndex.warn : LevelIndex.info;
  return { level, latencyMs: latencyMs <= LATENCY_MS_MAX ? latencyMs : Number.NaN };
}

const CEE = "@cee:";
const SPACE = 0x20;

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** Without the line feeds, carriage returns, NULs and spaces that senders end messages with. */
function trimmedEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start) {
    const byte = bytes[at - 1] ?? 0;
    if (byte !== 0 && byte !== 0x0a && byte !== 0x0d && byte !== SPACE) break;
    at -= 1;
  }
  return at;
}

/** No control characters but tabs, line ends and the escapes of terminals. */
function isText(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte < SPACE && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d && byte !== 0x1b) {
      return false;
    }
  }
  return true;
}
