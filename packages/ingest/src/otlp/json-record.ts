import { LevelIndex } from "@tracer/core";
import { RecordFlag } from "../batch.ts";
import { JsonWalker, type ScanOutcome, ValueKind } from "../json-walker.ts";
import { LEVEL_UNREADABLE, levelOfNumber, levelOfSeverityNumber, levelOfText } from "../level.ts";
import { MESSAGE_SCAN_BYTES_MAX } from "../message-level.ts";
import { parseNumber } from "../numbers.ts";
import { clipEnd, textOf, unescapedTextOf } from "../text.ts";
import { parseEpoch } from "../time.ts";
import type { WordTable } from "../words.ts";
import {
  ANY_TABLE,
  AnyKind,
  FIELD_TABLE,
  FIELDS_END,
  Field,
  PAIR_KEY,
  PAIR_TABLE,
  PAIR_VALUE,
} from "./json-keys.ts";
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
import { plainValue, shownText } from "./plain.ts";
import { hasPoint, type OtlpRows, rangeOf, type TextRange } from "./rows.ts";

/** Turns one LogRecord in JSON into a row. Its state is of the record in hand. */
export class JsonRecord extends JsonWalker {
  readonly #rows: OtlpRows;
  // Fields of the record, then its attributes by id: kind and range of their values.
  readonly #kind = new Uint8Array(FIELDS_END + RECORD_IDS_END);
  readonly #start = new Int32Array(FIELDS_END + RECORD_IDS_END);
  readonly #end = new Int32Array(FIELDS_END + RECORD_IDS_END);
  #found = 0;
  // The AnyValue that was walked last.
  #anyKind: number = AnyKind.none;
  #anyStart = 0;
  #anyEnd = 0;
  // What became of the body.
  #messageStart = 0;
  #messageEnd = 0;
  #messageFlags = 0;
  #bodyLevel = LEVEL_UNREADABLE;

  constructor(bytes: Uint8Array, rows: OtlpRows) {
    super(bytes);
    this.#rows = rows;
  }

  /** Adds the record whose brace is at `at` as a row; `position` is behind it, or where it is broken. */
  accept(at: number): ScanOutcome {
    this.begin(at, false);
    const end = this.#scan(at);
    if (end < 0) return this.outcome;
    this.position = end;
    const rows = this.#rows;
    const found = this.#found;
    this.#readBody();
    const slot = rows.slot(
      rows.serviceStands ? null : this.#textIn(found & RecordMask.service),
      rows.environmentStands ? null : this.#textIn(found & RecordMask.environment),
    );
    const timeMs = this.#epochMs(Field.time);
    rows.add(
      at,
      end,
      timeMs > 0 ? timeMs : this.#epochMs(Field.observed),
      this.#level(),
      slot,
      (found & RecordMask.latency) === 0 ? Number.NaN : this.#latencyMs(),
      this.#messageStart,
      this.#messageEnd,
      this.#messageFlags,
    );
    return "record";
  }

  /** Notes where the fields lie; where the record ends, or -1. Of a key that repeats the last counts. */
  #scan(from: number): number {
    this.#kind.fill(AnyKind.none, 0, FIELDS_END);
    this.#found = 0;
    let at = this.#open(from);
    while (at >= 0) {
      const field = this.#key(at, FIELD_TABLE);
      at = this.position;
      if (field === LEVEL_UNREADABLE) at = this.value(at, 1);
      else if (field === Field.attributes) at = this.#attributes(at);
      else if (field >= 0) at = this.#any(at, 1, field);
      else return -1;
      at = this.#next(at);
    }
    return at === CLOSED ? this.position : -1;
  }

  #attributes(from: number): number {
    this.#found = 0;
    if (this.bytes[from] !== BRACKET) return this.value(from, 1);
    let at = this.space(from + 1);
    if (at < this.limit && this.bytes[at] === BRACKET_END) return at + 1;
    for (;;) {
      at = at < this.limit && this.bytes[at] === BRACE ? this.#attribute(at) : this.value(at, 2);
      if (at < 0) return -1;
      at = this.space(at);
      const next = at < this.limit ? (this.bytes[at] ?? 0) : 0;
      if (next === BRACKET_END) return at + 1;
      if (next !== COMMA) return this.fail(at);
      at = this.space(at + 1);
    }
  }

  #attribute(from: number): number {
    let id = -1;
    this.#anyKind = AnyKind.none;
    let at = this.#open(from);
    while (at >= 0) {
      const part = this.#key(at, PAIR_TABLE);
      at = this.position;
      if (part === BROKEN_KEY) return -1;
      if (part === PAIR_VALUE) {
        at = this.#any(at, 3, -1);
      } else {
        const start = at + 1;
        at = this.value(at, 3);
        if (part === PAIR_KEY) id = at < 0 ? -1 : this.#wordOf(start, at - 1, RECORD_TABLE);
      }
      at = this.#next(at);
    }
    if (at !== CLOSED) return -1;
    if (id >= 0) {
      this.#found |= 1 << id;
      this.#keep(FIELDS_END + id);
    }
    return this.position;
  }

  #keep(place: number): void {
    this.#kind[place] = this.#anyKind;
    this.#start[place] = this.#anyStart;
    this.#end[place] = this.#anyEnd;
  }

  /** An AnyValue, or a value without its wrapper; where it ends, or -1. Kept at `place` unless that is -1. */
  #any(from: number, depth: number, place: number): number {
    this.#anyKind = AnyKind.none;
    let end = from;
    if (from >= this.limit || this.bytes[from] !== BRACE) {
      end = this.value(from, depth);
      if (end >= 0) this.#plain(from, end, -1);
    } else {
      let at = this.#open(from);
      while (at >= 0) {
        const member = this.#key(at, ANY_TABLE);
        if (member === BROKEN_KEY) return -1;
        const start = this.position;
        at = this.value(start, depth + 1);
        if (member >= 0 && at >= 0 && this.valueKind !== 0) this.#plain(start, at, member);
        at = this.#next(at);
      }
      end = at === CLOSED ? this.position : -1;
      if (this.#anyKind === AnyKind.made) {
        this.#anyStart = from;
        this.#anyEnd = end;
      }
    }
    if (place >= 0) this.#keep(place);
    return end;
  }

  /** Notes the value in [start, end), which was walked last, as the member of an AnyValue; -1: it has no wrapper. */
  #plain(start: number, end: number, member: number): void {
    const kind = this.valueKind;
    const quoted = kind === ValueKind.string || kind === ValueKind.escaped;
    this.#anyStart = quoted ? start + 1 : start;
    this.#anyEnd = quoted ? end - 1 : end;
    if (member === AnyKind.made || kind === ValueKind.nested) this.#anyKind = AnyKind.made;
    else if (member === AnyKind.number || member === AnyKind.double) this.#anyKind = member;
    else this.#anyKind = kind;
  }

  /** Where the first key of an object is; `CLOSED` when it has none: then `position` is behind it. */
  #open(from: number): number {
    const at = this.space(from + 1);
    if (at >= this.limit || this.bytes[at] !== BRACE_END) return at;
    this.position = at + 1;
    return CLOSED;
  }

  /** From behind a value: where the next key is; `CLOSED` as `#open`; -1 when it is broken. */
  #next(from: number): number {
    if (from < 0) return -1;
    const at = this.space(from);
    const next = at < this.limit ? (this.bytes[at] ?? 0) : 0;
    if (next === COMMA) return this.space(at + 1);
    if (next !== BRACE_END) return this.fail(at);
    this.position = at + 1;
    return CLOSED;
  }

  /** What the key at `at` is in a table, -1 for none; `position` is where its value begins. */
  #key(at: number, table: WordTable): number {
    const quoted = at < this.limit && this.bytes[at] === QUOTE;
    const end = quoted ? this.stringEnd(at + 1) : this.fail(at);
    if (end < 0) return BROKEN_KEY;
    const word = this.#wordOf(at + 1, end, table);
    const colon = this.space(end + 1);
    if (colon >= this.limit || this.bytes[colon] !== COLON) {
      this.fail(colon);
      return BROKEN_KEY;
    }
    this.position = this.space(colon + 1);
    return word;
  }

  /** What the inside of the string that was walked last is in a table. */
  #wordOf(start: number, end: number, table: WordTable): number {
    if (this.valueKind === ValueKind.string) return table.find(this.bytes, start, end);
    if (this.valueKind !== ValueKind.escaped) return -1;
    const plain = rangeOf(unescapedTextOf(this.bytes, start, end));
    return table.find(plain.bytes, 0, plain.end);
  }

  /** The text of a value; null when it has none. */
  #textAt(place: number): TextRange | null {
    const kind = this.#kind[place] ?? 0;
    const start = this.#start[place] ?? 0;
    const end = this.#end[place] ?? 0;
    if (kind === AnyKind.none || kind === AnyKind.made) return null;
    if (kind === AnyKind.escaped) return rangeOf(unescapedTextOf(this.bytes, start, end));
    return { bytes: this.bytes, start, end };
  }

  #textIn(bits: number): TextRange | null {
    for (let left = bits; left !== 0; left &= left - 1) {
      const text = this.#textAt(FIELDS_END + firstId(left));
      if (text !== null && text.start < text.end) return text;
    }
    return null;
  }

  /** 0 for none. */
  #epochMs(place: number): number {
    const text = this.#textAt(place);
    if (text === null || text.start === text.end) return 0;
    const epochMs = parseEpoch(text.bytes, text.start, text.end);
    if (!Number.isNaN(epochMs)) return epochMs;
    const field = place === Field.time ? "timeUnixNano" : "observedTimeUnixNano";
    this.#rows.sink.warn(field, "Not a time that can be read.");
    return 0;
  }

  #readBody(): void {
    this.#bodyLevel = LEVEL_UNREADABLE;
    this.#messageFlags = 0;
    this.#takeMessage(Field.body);
    if (this.#kind[Field.body] === AnyKind.made) this.#makeMessage();
    if (this.#messageStart < this.#messageEnd) return;
    for (let left = this.#found & RecordMask.message; left !== 0; left &= left - 1) {
      const place = FIELDS_END + firstId(left);
      const kind = this.#kind[place];
      if (kind !== AnyKind.text && kind !== AnyKind.escaped) continue;
      this.#takeMessage(place);
      if (this.#messageStart < this.#messageEnd) return;
    }
    this.#takeMessage(Field.name);
  }

  #takeMessage(place: number): void {
    const kind = this.#kind[place] ?? 0;
    const there = kind !== AnyKind.none && kind !== AnyKind.made;
    this.#messageStart = there ? (this.#start[place] ?? 0) : 0;
    this.#messageEnd = there ? (this.#end[place] ?? 0) : 0;
    this.#messageFlags = kind === AnyKind.escaped ? RecordFlag.messageEscaped : 0;
  }

  /** A body that is a map, an array or bytes. */
  #makeMessage(): void {
    const start = this.#start[Field.body] ?? 0;
    const end = this.#end[Field.body] ?? 0;
    const body = plainValue(JSON.parse(textOf(this.bytes, start, end)));
    let message = "";
    if (typeof body === "object" && body !== null && !Array.isArray(body)) {
      const values: unknown[] = new Array(BODY_IDS_END).fill(null);
      for (const [key, value] of Object.entries(body)) {
        const { bytes, end: keyEnd } = rangeOf(key);
        const id = BODY_TABLE.find(bytes, 0, keyEnd);
        if (id >= 0 && (typeof value !== "object" || value === null)) values[id] = value;
      }
      for (const [id, value] of values.entries()) {
        if (id < BODY_LEVEL_ID) message ||= shownText(value);
        else if (this.#bodyLevel < 0) this.#bodyLevel = levelOfPlain(value);
      }
    }
    this.#messageStart = this.#rows.make(message === "" ? shownText(body) : message);
    this.#messageEnd = this.#rows.madeEnd;
  }

  /** As `ProtobufRecord` finds it. */
  #level(): number {
    const bySeverity = this.#severityLevel();
    if (bySeverity >= 0) return bySeverity;
    const text = this.#textAt(Field.text);
    const hasText = text !== null && text.start < text.end;
    if (hasText) {
      const byText = levelOfText(text.bytes, text.start, text.end);
      if (byText >= 0) return byText;
    }
    for (let left = this.#found & RecordMask.level; left !== 0; left &= left - 1) {
      const level = this.#levelAt(FIELDS_END + firstId(left));
      if (level >= 0) return level;
    }
    if (this.#bodyLevel >= 0) return this.#bodyLevel;
    if (bySeverity === SEVERITY_UNREADABLE || hasText) {
      const field = bySeverity === SEVERITY_UNREADABLE ? "severityNumber" : "severityText";
      this.#rows.sink.warn(field, "Not a level that can be read: looked for in the message.");
    }
    return this.#levelOfMessage();
  }

  /** A level, -1 for none, or `SEVERITY_UNREADABLE`. */
  #severityLevel(): number {
    const text = this.#textAt(Field.severity);
    if (text === null) return LEVEL_UNREADABLE;
    const { bytes, start, end } = text;
    const value = parseNumber(bytes, start, end);
    if (value === 0) return LEVEL_UNREADABLE;
    const level = Number.isNaN(value) ? severityOfName(text) : levelOfSeverityNumber(value);
    return level >= 0 || level === LEVEL_UNNAMED ? Math.max(level, -1) : SEVERITY_UNREADABLE;
  }

  #levelOfMessage(): number {
    const start = this.#messageStart;
    const end = this.#messageEnd;
    if (start === end) return LevelIndex.info;
    const bytes = end > this.bytes.length ? this.#rows.text : this.bytes;
    if ((this.#messageFlags & RecordFlag.messageEscaped) === 0) {
      return this.#rows.levelOfMessage({ bytes, start, end });
    }
    const clipped = clipEnd(bytes, start, end, 6 * MESSAGE_SCAN_BYTES_MAX, true);
    return this.#rows.levelOfMessage(rangeOf(unescapedTextOf(bytes, start, clipped)));
  }

  #levelAt(place: number): number {
    const kind = this.#kind[place];
    const text = this.#textAt(place);
    if (text === null || kind === AnyKind.boolean) return LEVEL_UNREADABLE;
    const { bytes, start, end } = text;
    const isNumber = kind === AnyKind.number || kind === AnyKind.double;
    return isNumber
      ? levelOfNumber(parseNumber(bytes, start, end))
      : levelOfText(bytes, start, end);
  }

  #latencyMs(): number {
    for (let left = this.#found & RecordMask.latency; left !== 0; left &= left - 1) {
      const id = firstId(left);
      const kind = this.#kind[FIELDS_END + id] ?? 0;
      const text = this.#textAt(FIELDS_END + id);
      if (text === null) continue;
      const value = parseNumber(text.bytes, text.start, text.end);
      const fractional =
        kind === AnyKind.double ||
        !Number.isInteger(value) ||
        hasPoint(text.bytes, text.start, text.end);
      return this.#rows.latencyMs(value, id >= DURATION_ID && fractional);
    }
    return Number.NaN;
  }
}

/** `SEVERITY_NUMBER_WARN2`; `LEVEL_UNNAMED` for that of no severity. */
function severityOfName({ bytes, start, end }: TextRange): number {
  const name = textOf(bytes, start, Math.min(end, start + 64));
  if (!name.startsWith(SEVERITY_PREFIX)) return LEVEL_UNREADABLE;
  const word = rangeOf(name.slice(SEVERITY_PREFIX.length));
  if (textOf(word.bytes, 0, word.end) === "UNSPECIFIED") return LEVEL_UNNAMED;
  return levelOfText(word.bytes, 0, word.end);
}

function levelOfPlain(value: unknown): number {
  if (typeof value === "number") return levelOfNumber(value);
  if (typeof value !== "string") return LEVEL_UNREADABLE;
  const text = rangeOf(value);
  return levelOfText(text.bytes, 0, text.end);
}

const SEVERITY_PREFIX = "SEVERITY_NUMBER_";
const CLOSED = -2;
const BROKEN_KEY = -3;
const SEVERITY_UNREADABLE = -2;
const LEVEL_UNNAMED = -9;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BRACKET = 0x5b;
const BRACKET_END = 0x5d;
const BRACE = 0x7b;
const BRACE_END = 0x7d;
