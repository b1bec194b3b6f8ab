import { LevelIndex } from "@tracer/core";
import { LEVEL_UNREADABLE, levelOfNumber, levelOfSeverityNumber, levelOfText } from "../level.ts";
import { parseNumber } from "../numbers.ts";
import { AnyTag, AnyValueReader, keyValueOf } from "./any-value.ts";
import {
  BODY_IDS_END,
  BODY_LEVEL_ID,
  BODY_TABLE,
  DURATION_ID,
  firstId,
  RECORD_IDS_END,
  RECORD_TABLE,
  RecordMask,
} from "./keys.ts";
import { shownText } from "./plain.ts";
import { hasPoint, type OtlpRows, rangeOf, type TextRange } from "./rows.ts";
import { epochMsOfHalves, FIELD_WHOLE, type WireReader } from "./wire.ts";

/** Turns one LogRecord in protobuf into a row. Its state is of the record in hand. */
export class ProtobufRecord {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #wire: WireReader;
  readonly #rows: OtlpRows;
  readonly #any: AnyValueReader;
  /** Which attributes are there, and where their values lie. */
  #found = 0;
  readonly #valueStart = new Int32Array(RECORD_IDS_END);
  readonly #valueEnd = new Int32Array(RECORD_IDS_END);
  /** Where the times lie; -1: nowhere. */
  #timeAt = -1;
  #observedAt = -1;
  #severity = 0;
  #textStart = 0;
  #textEnd = 0;
  #bodyStart = 0;
  #bodyEnd = 0;
  #nameStart = 0;
  #nameEnd = 0;
  // What became of the body.
  #messageStart = 0;
  #messageEnd = 0;
  #bodyLevel = LEVEL_UNREADABLE;

  constructor(wire: WireReader, rows: OtlpRows) {
    const { bytes } = wire;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#wire = wire;
    this.#rows = rows;
    this.#any = new AnyValueReader(wire);
  }

  /** Adds the record in [start, end) as a row; false when it is broken, and nothing was added. */
  accept(start: number, end: number): boolean {
    if (!this.#scan(start, end) || !this.#readBody()) return false;
    const rows = this.#rows;
    const found = this.#found;
    if (this.#messageStart === this.#messageEnd) this.#messageElsewhere();
    const level = this.#level();
    const overridden =
      (!rows.serviceStands && (found & RecordMask.service) !== 0) ||
      (!rows.environmentStands && (found & RecordMask.environment) !== 0);
    const timeMs = this.#epochMs(this.#timeAt);
    const slot = overridden ? this.#ownSlot() : rows.slot(null, null);
    rows.add(
      start,
      end,
      timeMs > 0 ? timeMs : this.#epochMs(this.#observedAt),
      level,
      slot,
      (found & RecordMask.latency) === 0 ? Number.NaN : this.#latencyMs(),
      this.#messageStart,
      this.#messageEnd,
      0,
    );
    return true;
  }

  /** Notes where the fields lie. The last of one that repeats counts, as the format says. */
  #scan(from: number, end: number): boolean {
    const bytes = this.#bytes;
    this.#found = 0;
    this.#timeAt = -1;
    this.#observedAt = -1;
    this.#severity = 0;
    this.#textStart = this.#textEnd = from;
    this.#bodyStart = this.#bodyEnd = from;
    this.#nameStart = this.#nameEnd = from;
    let at = from;
    while (at < end) {
      const tag = bytes[at] ?? 0;
      // The usual case in short: one byte of tag, one of length or value.
      const length = at + 1 < end ? (bytes[at + 1] ?? 0) : 0x80;
      const start = at + 2;
      if (tag === TIME && at + 9 <= end) {
        this.#timeAt = at + 1;
        at += 9;
      } else if (tag === OBSERVED_TIME && at + 9 <= end) {
        this.#observedAt = at + 1;
        at += 9;
      } else if (tag === ATTRIBUTE && length < 0x80 && start + length <= end) {
        at = start + length;
        if (!this.#attribute(start, at)) return false;
      } else if (tag === SEVERITY_NUMBER && length < 0x80) {
        this.#severity = length;
        at = start;
      } else if (tag < 0x80 && (tag & 7) === 2 && length < 0x80 && start + length <= end) {
        at = start + length;
        this.#note(tag, start, at);
      } else {
        at = this.#field(at, end);
        if (at < 0) return false;
      }
    }
    return true;
  }

  /** Any field, in any form; where it ends, or -1. */
  #field(at: number, limit: number): number {
    const wire = this.#wire;
    if (wire.field(at, limit) !== FIELD_WHOLE) return -1;
    const { tag, start, end } = wire;
    if (tag === ATTRIBUTE) return this.#attribute(start, end) ? end : -1;
    if (tag === SEVERITY_NUMBER) {
      wire.varint(start, end);
      // An int32 on the wire has the sign in all its upper bits.
      this.#severity = wire.low | 0;
    } else if (tag === TIME) {
      this.#timeAt = start;
    } else if (tag === OBSERVED_TIME) {
      this.#observedAt = start;
    } else {
      this.#note(tag, start, end);
    }
    return end;
  }

  #note(tag: number, start: number, end: number): void {
    if (tag === BODY) {
      this.#bodyStart = start;
      this.#bodyEnd = end;
    } else if (tag === SEVERITY_TEXT) {
      this.#textStart = start;
      this.#textEnd = end;
    } else if (tag === EVENT_NAME) {
      this.#nameStart = start;
      this.#nameEnd = end;
    }
  }

  #attribute(start: number, end: number): boolean {
    const bytes = this.#bytes;
    const keyLength = bytes[start + 1] ?? 0;
    const keyEnd = start + 2 + keyLength;
    const valueStart = keyEnd + 2;
    // The usual case: key, then value, each with one byte of length, and nothing else.
    if (
      bytes[start] === KEY &&
      keyLength < 0x80 &&
      bytes[keyEnd] === VALUE &&
      valueStart + (bytes[keyEnd + 1] ?? 0) === end &&
      end - valueStart < 0x80
    ) {
      const id = RECORD_TABLE.find(bytes, start + 2, keyEnd);
      if (id >= 0) this.#found |= 1 << id;
      if (id < 0) return true;
      this.#valueStart[id] = valueStart;
      this.#valueEnd[id] = end;
      return true;
    }
    const pair = keyValueOf(this.#wire, start, end);
    if (pair === null) return false;
    const id = RECORD_TABLE.find(bytes, pair.keyStart, pair.keyEnd);
    if (id < 0) return true;
    this.#found |= 1 << id;
    this.#valueStart[id] = pair.valueStart;
    this.#valueEnd[id] = pair.valueEnd;
    return true;
  }

  /** 0 for none. */
  #epochMs(at: number): number {
    if (at < 0) return 0;
    const view = this.#view;
    return epochMsOfHalves(view.getUint32(at, true), view.getUint32(at + 4, true));
  }

  /** Finds the message in the body, and a level if the body is a map; false when the body is broken. */
  #readBody(): boolean {
    this.#messageStart = this.#bodyStart;
    this.#messageEnd = this.#bodyStart;
    this.#bodyLevel = LEVEL_UNREADABLE;
    if (this.#bodyStart === this.#bodyEnd) return true;
    const reader = this.#any;
    if (!reader.read(this.#bodyStart, this.#bodyEnd)) return false;
    if (reader.kind === AnyTag.string || reader.kind === AnyTag.bytes) {
      this.#messageStart = reader.start;
      this.#messageEnd = reader.end;
    } else if (reader.kind === AnyTag.map) {
      return this.#readMap(reader.start, reader.end);
    } else if (reader.kind !== 0) {
      this.#make(shownText(reader.plain()));
    }
    return true;
  }

  /** A map as body: its message if it names one, else all of it as JSON. */
  #readMap(from: number, end: number): boolean {
    const wire = this.#wire;
    const reader = this.#any;
    const starts = new Int32Array(BODY_IDS_END);
    const ends = new Int32Array(BODY_IDS_END);
    let found = 0;
    for (let at = from; at < end; ) {
      if (wire.field(at, end) !== FIELD_WHOLE) return false;
      const { tag, start, end: to } = wire;
      at = to;
      if (tag !== KEY) continue;
      const pair = keyValueOf(wire, start, to);
      if (pair === null) return false;
      const id = BODY_TABLE.find(this.#bytes, pair.keyStart, pair.keyEnd);
      if (id < 0) continue;
      starts[id] = pair.valueStart;
      ends[id] = pair.valueEnd;
      found |= 1 << id;
    }
    for (let left = found; left !== 0; left &= left - 1) {
      const id = firstId(left);
      if (!reader.read(starts[id] ?? 0, ends[id] ?? 0)) continue;
      if (id >= BODY_LEVEL_ID) {
        if (this.#bodyLevel < 0) this.#bodyLevel = this.#levelOfAny();
      } else if (this.#messageStart === this.#messageEnd) {
        if (reader.kind === AnyTag.string) {
          this.#messageStart = reader.start;
          this.#messageEnd = reader.end;
        } else if (reader.kind !== AnyTag.map && reader.kind !== AnyTag.array) {
          this.#make(shownText(reader.plain()));
        }
      }
    }
    if (this.#messageStart === this.#messageEnd) {
      reader.kind = AnyTag.map;
      reader.start = from;
      reader.end = end;
      this.#make(shownText(reader.plain()));
    }
    return true;
  }

  /** Without a body: what the exception says, or the name of the event. */
  #messageElsewhere(): void {
    const reader = this.#any;
    for (let left = this.#found & RecordMask.message; left !== 0; left &= left - 1) {
      const id = firstId(left);
      if (!this.#readValue(id) || reader.kind !== AnyTag.string || reader.start === reader.end)
        continue;
      this.#messageStart = reader.start;
      this.#messageEnd = reader.end;
      return;
    }
    this.#messageStart = this.#nameStart;
    this.#messageEnd = this.#nameEnd;
  }

  #make(text: string): void {
    this.#messageStart = this.#rows.make(text);
    this.#messageEnd = this.#rows.madeEnd;
  }

  /** The number, the text, an attribute, the map's own level, then what the message says. */
  #level(): number {
    const bytes = this.#bytes;
    const bySeverity = levelOfSeverityNumber(this.#severity);
    if (bySeverity >= 0) return bySeverity;
    if (this.#textStart < this.#textEnd) {
      const byText = levelOfText(bytes, this.#textStart, this.#textEnd);
      if (byText >= 0) return byText;
    }
    for (let left = this.#found & RecordMask.level; left !== 0; left &= left - 1) {
      if (!this.#readValue(firstId(left))) continue;
      const level = this.#levelOfAny();
      if (level >= 0) return level;
    }
    if (this.#bodyLevel >= 0) return this.#bodyLevel;
    if (this.#severity !== 0 || this.#textStart < this.#textEnd) {
      const field = this.#severity !== 0 ? "severity_number" : "severity_text";
      this.#rows.sink.warn(field, "Not a level that can be read: looked for in the message.");
    }
    if (this.#messageStart === this.#messageEnd) return LevelIndex.info;
    const text = this.#messageEnd > bytes.length ? this.#rows.text : bytes;
    return this.#rows.levelOfMessage({
      bytes: text,
      start: this.#messageStart,
      end: this.#messageEnd,
    });
  }

  #levelOfAny(): number {
    const reader = this.#any;
    if (reader.kind === AnyTag.string) return levelOfText(this.#bytes, reader.start, reader.end);
    return levelOfNumber(reader.number(parseNumber));
  }

  #latencyMs(): number {
    const reader = this.#any;
    for (let left = this.#found & RecordMask.latency; left !== 0; left &= left - 1) {
      const id = firstId(left);
      if (!this.#readValue(id) || !isPlain(reader.kind)) continue;
      const value = reader.number(parseNumber);
      // A double is seconds even where it is whole: who measures in ms writes an integer.
      const fractional =
        reader.kind === AnyTag.double ||
        !Number.isInteger(value) ||
        (reader.kind === AnyTag.string && hasPoint(this.#bytes, reader.start, reader.end));
      return this.#rows.latencyMs(value, id >= DURATION_ID && fractional);
    }
    return Number.NaN;
  }

  #ownSlot(): number {
    const rows = this.#rows;
    const service = rows.serviceStands ? null : this.#textIn(RecordMask.service);
    const environment = rows.environmentStands ? null : this.#textIn(RecordMask.environment);
    return rows.slot(service, environment);
  }

  /** The first attribute of a mask that holds text, or a number or boolean as text. */
  #textIn(mask: number): TextRange | null {
    const reader = this.#any;
    for (let left = this.#found & mask; left !== 0; left &= left - 1) {
      if (!this.#readValue(firstId(left)) || !isPlain(reader.kind)) continue;
      if (reader.kind !== AnyTag.string) return rangeOf(shownText(reader.plain()));
      if (reader.start === reader.end) continue;
      const { start, end } = reader;
      return { bytes: this.#bytes, start, end };
    }
    return null;
  }

  #readValue(id: number): boolean {
    return this.#any.read(this.#valueStart[id] ?? 0, this.#valueEnd[id] ?? 0);
  }
}

const TIME = 0x09;
const SEVERITY_NUMBER = 0x10;
const SEVERITY_TEXT = 0x1a;
const BODY = 0x2a;
const ATTRIBUTE = 0x32;
const OBSERVED_TIME = 0x59;
const EVENT_NAME = 0x62;
const KEY = 0x0a;
const VALUE = 0x12;

/** A value that may be a name or a number: neither nested nor bytes. */
function isPlain(kind: number): boolean {
  return kind !== 0 && kind !== AnyTag.map && kind !== AnyTag.array && kind !== AnyTag.bytes;
}
