import {
  ALIASES_END,
  CONTEXT_HIGH,
  CONTEXT_LOW,
  FieldMask,
  KEY_TABLES,
  LOGS_KEY,
  STATUS_ALIAS,
} from "./fields.ts";

/** Objects and arrays inside each other in one record, the record itself included. */
export const DEPTH_MAX = 200;
/** Size of one record in bytes. */
export const RECORD_BYTES_MAX = 1_048_576;

/** What `RecordScanner.scan` found. */
export type ScanOutcome =
  /** A valid object: `position` is behind it. */
  | "record"
  /** An object that carries records under `logs`: `position` is behind that array's bracket. */
  | "wrapper"
  /** Not valid JSON at `position`. */
  | "broken"
  /** The body ends inside the record. */
  | "cut_off"
  /** Nested deeper than `DEPTH_MAX`, or larger than `RECORD_BYTES_MAX`. */
  | "too_deep"
  | "too_large";

/** What kind of value an alias holds. */
export const ValueKind = { string: 1, escaped: 2, number: 3, boolean: 4, nested: 5 } as const;

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;
const BRACE_END = 0x7d;
const LINE_FEED = 0x0a;

/**
 * Walks one JSON record and notes where the fields of `fields.ts` are: their ranges and kinds, no values,
 * no objects. It validates all of the record, so what it accepts JSON.parse accepts too, and the other
 * way round (but for the limits). Recursion is at most three deep (the paths of dotted aliases); all other
 * nesting is walked with a stack of its own.
 */
export class RecordScanner {
  readonly bytes: Uint8Array;
  position = 0;
  /** True when the last record scanned spans several lines. */
  multiLine = false;
  /** Bits of the aliases that are there: not null, not an empty string. */
  low = 0;
  high = 0;
  /** By alias: range of the value (of a string: inside its quotes) and its `ValueKind`. */
  readonly start = new Uint32Array(ALIASES_END);
  readonly end = new Uint32Array(ALIASES_END);
  readonly kind = new Uint8Array(ALIASES_END);

  readonly #view: DataView;
  readonly #nesting = new Uint8Array(DEPTH_MAX + 1); // Opening byte at each depth.
  #limit = 0;
  #oneLine = false;
  #wrapperAllowed = false;
  #valueKind = 0;
  #meaning = -1;
  /** Place of the next key in the record, among the keys that may mean something. */
  #turn = 0;
  readonly #guessStart = new Uint32Array(GUESSES_MAX);
  readonly #guessLength = new Uint32Array(GUESSES_MAX);
  readonly #guessContext = new Uint8Array(GUESSES_MAX);
  readonly #guessMeaning = new Int16Array(GUESSES_MAX);
  #outcome: ScanOutcome = "broken";

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /**
   * Scans the object whose brace is at `at`. With `oneLine`, a line feed outside a string ends it (broken).
   * With `wrapper`, an object with records under `logs` stops there: an array that is the value of the
   * object's first key, or whose first element is an object.
   */
  scan(at: number, oneLine: boolean, wrapper: boolean): ScanOutcome {
    this.#oneLine = oneLine;
    this.#wrapperAllowed = wrapper;
    this.#limit = Math.min(this.bytes.length, at + RECORD_BYTES_MAX);
    this.multiLine = false;
    this.#turn = 0;
    this.low = 0;
    this.high = 0;
    this.#outcome = "record";
    const end = this.#members(at + 1, 0, 1, false);
    if (end >= 0) this.position = end;
    return this.#outcome;
  }

  /** Scans what follows the `logs` array of a wrapper: further members, which mean nothing, and the brace. */
  scanRest(at: number): ScanOutcome {
    this.#oneLine = false;
    this.#wrapperAllowed = false;
    this.multiLine = false;
    this.#limit = Math.min(this.bytes.length, at + RECORD_BYTES_MAX);
    this.#outcome = "record";
    const end = this.#members(at, 0, 1, true);
    if (end >= 0) this.position = end;
    return this.#outcome;
  }

  /** Members of an object from behind its brace (or, with `afterValue`, from behind a value). */
  #members(from: number, context: number, depth: number, afterValue: boolean): number {
    const bytes = this.bytes;
    const limit = this.#limit;
    let at = from;
    let first = !afterValue;
    for (;;) {
      let byte = at < limit ? (bytes[at] ?? 0) : 0;
      if (byte <= 0x20) {
        at = this.#space(at);
        byte = at < limit ? (bytes[at] ?? 0) : 0;
      }
      if (byte === BRACE_END) return at + 1;
      if (!first) {
        if (byte !== COMMA) return this.#fail(at);
        at += 1;
        byte = at < limit ? (bytes[at] ?? 0) : 0;
        if (byte <= 0x20) {
          at = this.#space(at);
          byte = at < limit ? (bytes[at] ?? 0) : 0;
        }
      }
      if (byte !== QUOTE) return this.#fail(at);
      at = this.#member(at + 1, context, depth, first);
      if (at < 0) return -1;
      first = false;
    }
  }

  /** One member from behind the quote of its key; where its value ends, or -1. */
  #member(keyStart: number, context: number, depth: number, first: boolean): number {
    const bytes = this.bytes;
    const limit = this.#limit;
    const keyEnd = this.#keyEnd(keyStart, context);
    if (keyEnd < 0) return -1;
    const meaning = this.#meaning;
    let at = keyEnd + 1;
    let byte = at < limit ? (bytes[at] ?? 0) : 0;
    if (byte <= 0x20) {
      at = this.#space(at);
      byte = at < limit ? (bytes[at] ?? 0) : 0;
    }
    if (byte !== COLON) return this.#fail(at);
    at += 1;
    byte = at < limit ? (bytes[at] ?? 0) : 0;
    if (byte <= 0x20) {
      at = this.#space(at);
      byte = at < limit ? (bytes[at] ?? 0) : 0;
    }
    if (meaning < 0) {
      if (byte !== QUOTE) return this.#value(at, depth);
      const end = this.#stringEnd(at + 1);
      return end < 0 ? -1 : end + 1;
    }
    return this.#field(at, byte, meaning, depth, first);
  }

  /**
   * Offset of a key's closing quote, from behind its opening one, or -1; sets its meaning. Records of one
   * body mostly repeat their keys in one order, so the key that stood in this place in the last record is
   * tried first: that compares words instead of looking for the end and then for the name.
   */
  #keyEnd(keyStart: number, context: number): number {
    const turn = this.#turn;
    const guess = this.#guessStart[turn] ?? 0;
    const length = this.#guessLength[turn] ?? 0; // With its closing quote; 0 for none.
    const known = length > 0 && this.#guessContext[turn] === context;
    this.#turn = turn + 1 < GUESSES_MAX ? turn + 1 : 0;
    if (known && this.#same(guess, keyStart, length)) {
      this.#meaning = this.#guessMeaning[turn] ?? -1;
      return keyStart + length - 1;
    }
    return this.#newKeyEnd(keyStart, context, turn);
  }

  #same(before: number, now: number, length: number): boolean {
    if (now + length > this.#limit) return false;
    const view = this.#view;
    let at = 0;
    for (; at + 4 <= length; at += 4) {
      if (view.getInt32(before + at, true) !== view.getInt32(now + at, true)) return false;
    }
    for (; at < length; at += 1) {
      if (this.bytes[before + at] !== this.bytes[now + at]) return false;
    }
    return true;
  }

  #newKeyEnd(keyStart: number, context: number, turn: number): number {
    const bytes = this.bytes;
    const keyEnd = this.#stringEnd(keyStart);
    if (keyEnd < 0) return -1;
    if (this.#valueKind === ValueKind.string) {
      this.#meaning = KEY_TABLES[context]?.find(bytes, keyStart, keyEnd) ?? -1;
      this.#guessStart[turn] = keyStart;
      this.#guessLength[turn] = keyEnd + 1 - keyStart;
      this.#guessContext[turn] = context;
      this.#guessMeaning[turn] = this.#meaning;
    } else {
      this.#meaning = this.#escapedKey(keyStart, keyEnd, context);
    }
    return keyEnd;
  }

  /** The value of a key that means something. */
  #field(at: number, byte: number, meaning: number, depth: number, first: boolean): number {
    const inner = (meaning >> 6) & 63;
    if (inner !== 0) {
      // The last of several equal keys counts, as in JSON.parse: forget what an earlier one held.
      this.low &= ~(CONTEXT_LOW[inner] ?? 0);
      this.high &= ~(CONTEXT_HIGH[inner] ?? 0);
    }
    if (this.#wrapperAllowed && depth === 1 && byte === BRACKET && (meaning & LOGS_KEY) !== 0) {
      if (first || this.#holdsObjects(at + 1)) {
        this.position = at + 1;
        this.#outcome = "wrapper";
        return -1;
      }
    }
    let end: number;
    if (inner !== 0 && byte === BRACE) {
      this.#valueKind = ValueKind.nested;
      end = this.#members(at + 1, inner, depth + 1, false);
      this.#valueKind = ValueKind.nested;
    } else {
      end = this.#value(at, depth);
    }
    if (end >= 0 && (meaning & 63) !== 0) this.#note((meaning & 63) - 1, at, end);
    return end;
  }

  #note(alias: number, at: number, end: number): void {
    const kind = this.#valueKind;
    const quoted = kind === ValueKind.string || kind === ValueKind.escaped ? 1 : 0;
    this.start[alias] = at + quoted;
    this.end[alias] = end - quoted;
    this.kind[alias] = kind;
    const bit = 1 << (alias & 31);
    let present = kind !== 0 && end - at > 2 * quoted;
    // An object cannot name a service; as a time or level it is one that cannot be read.
    if (kind === ValueKind.nested) present = alias < 32 && (bit & NESTED_LOW) !== 0;
    if (alias < 32) this.low = present ? this.low | bit : this.low & ~bit;
    else this.high = present ? this.high | bit : this.high & ~bit;
  }

  /** Whether an array, from behind its bracket, begins with an object. */
  #holdsObjects(at: number): boolean {
    const first = this.#space(at);
    return first < this.#limit && this.bytes[first] === BRACE;
  }

  #escapedKey(start: number, end: number, context: number): number {
    const text: unknown = JSON.parse(
      `"${Buffer.from(this.bytes.subarray(start, end)).toString()}"`,
    );
    const key = Buffer.from(typeof text === "string" ? text : "");
    return KEY_TABLES[context]?.find(key, 0, key.length) ?? -1;
  }

  /** Any value; where it ends, or -1. Sets the kind, 0 for null. `depth` is that of what holds it. */
  #value(from: number, depth: number): number {
    const byte = from < this.#limit ? (this.bytes[from] ?? 0) : 0;
    if (byte === QUOTE) {
      const end = this.#stringEnd(from + 1);
      return end < 0 ? -1 : end + 1;
    }
    if (byte === BRACE || byte === BRACKET) {
      const end = this.#container(from, depth);
      this.#valueKind = ValueKind.nested;
      return end;
    }
    return this.#scalar(from, byte);
  }

  /** An object or array with all that is in it, with a stack instead of recursion. */
  #container(from: number, outerDepth: number): number {
    const bytes = this.bytes;
    const limit = this.#limit;
    const nesting = this.#nesting;
    let depth = outerDepth;
    let at = from;
    for (;;) {
      // A value begins here.
      const byte = at < limit ? (bytes[at] ?? 0) : 0;
      if (byte === BRACE || byte === BRACKET) {
        depth += 1;
        if (depth > DEPTH_MAX) return this.#fail(at, "too_deep");
        nesting[depth] = byte;
        at = this.#space(at + 1);
        // `}` and `]` are each two above their opening byte.
        if (at >= limit || bytes[at] !== byte + 2) {
          if (byte === BRACE) at = this.#key(at);
          if (at < 0) return -1;
          continue;
        }
        at += 1;
        depth -= 1;
      } else if (byte === QUOTE) {
        at = this.#stringEnd(at + 1) + 1;
        if (at <= 0) return -1;
      } else {
        at = this.#scalar(at, byte);
        if (at < 0) return -1;
      }
      // A value has ended: close what ends here, up to the next comma.
      for (;;) {
        if (depth === outerDepth) return at;
        at = this.#space(at);
        const next = at < limit ? (bytes[at] ?? 0) : 0;
        const open = nesting[depth] ?? 0;
        if (next === COMMA) {
          at = this.#space(at + 1);
          if (open === BRACE) at = this.#key(at);
          if (at < 0) return -1;
          break;
        }
        if (next !== open + 2) return this.#fail(at);
        at += 1;
        depth -= 1;
      }
    }
  }

  /** A key with its colon, inside a container: where its value begins, or -1. */
  #key(from: number): number {
    if (from >= this.#limit || this.bytes[from] !== QUOTE) return this.#fail(from);
    const keyEnd = this.#stringEnd(from + 1);
    if (keyEnd < 0) return -1;
    const at = this.#space(keyEnd + 1);
    if (at >= this.#limit || this.bytes[at] !== COLON) return this.#fail(at);
    return this.#space(at + 1);
  }

  /** Offset of the closing quote of a string, from behind its opening one; -1 when it is not valid. */
  #stringEnd(from: number): number {
    const view = this.#view;
    const lastWord = this.#limit - 4;
    let at = from;
    while (at <= lastWord) {
      // Four bytes at a time: of each byte, the top bit is set when it is a quote, a backslash or below
      // 0x20. A borrow can only spoil the bits above a true one, so the lowest is exact.
      const word = view.getInt32(at, true);
      const quotes = word ^ 0x22222222;
      const backslashes = word ^ 0x5c5c5c5c;
      const ends =
        (((quotes - 0x01010101) & ~quotes) |
          ((backslashes - 0x01010101) & ~backslashes) |
          ((word - 0x20202020) & ~word)) &
        0x80808080;
      if (ends !== 0) {
        at += (31 - Math.clz32(ends & -ends)) >> 3;
        break;
      }
      at = (at + 4) | 0;
    }
    if (at < this.#limit && this.bytes[at] === QUOTE) {
      this.#valueKind = ValueKind.string;
      return at;
    }
    return this.#longStringEnd(at);
  }

  /** The same, a byte at a time: with escapes, or at the end of the body. */
  #longStringEnd(from: number): number {
    const bytes = this.bytes;
    const limit = this.#limit;
    let at = from;
    let kind: number = ValueKind.string;
    while (at < limit) {
      const byte = bytes[at] ?? 0;
      if (byte === QUOTE) {
        this.#valueKind = kind;
        return at;
      }
      if (byte < 0x20) return this.#fail(at);
      if (byte === BACKSLASH) {
        kind = ValueKind.escaped;
        const length = this.#escapeLength(at);
        if (length === 0) return this.#fail(at);
        at += length;
      } else {
        at += 1;
      }
    }
    return this.#fail(limit);
  }

  /** Length of the escape at a backslash; 0 when it is none. One that the limit cuts is as long as it would be. */
  #escapeLength(at: number): number {
    if (at + 1 >= this.#limit) return 2;
    const letter = this.bytes[at + 1] ?? 0;
    if (letter !== 0x75) return ESCAPE_LETTERS.includes(letter) ? 2 : 0;
    for (let digit = at + 2; digit < at + 6; digit += 1) {
      if (digit < this.#limit && !isHexDigit(this.bytes[digit] ?? 0)) return 0;
    }
    return 6;
  }

  #scalar(from: number, byte: number): number {
    if (byte === MINUS || (byte >= ZERO && byte <= NINE)) return this.#number(from);
    if (byte === 0x74) return this.#literal(from, TRUE, ValueKind.boolean);
    if (byte === 0x66) return this.#literal(from, FALSE, ValueKind.boolean);
    if (byte === 0x6e) return this.#literal(from, NULL, 0);
    return this.#fail(from);
  }

  #number(from: number): number {
    const bytes = this.bytes;
    const limit = this.#limit;
    let at = from;
    if (bytes[at] === MINUS) at += 1;
    if (at < limit && bytes[at] === ZERO) {
      at += 1;
    } else {
      const digits = this.#digits(at);
      if (digits === at) return this.#fail(at);
      at = digits;
    }
    if (at < limit && bytes[at] === DOT) {
      const digits = this.#digits(at + 1);
      if (digits === at + 1) return this.#fail(digits);
      at = digits;
    }
    if (at < limit && ((bytes[at] ?? 0) | 0x20) === 0x65) {
      at += 1;
      if (at < limit && (bytes[at] === 0x2b || bytes[at] === MINUS)) at += 1;
      const digits = this.#digits(at);
      if (digits === at) return this.#fail(at);
      at = digits;
    }
    this.#valueKind = ValueKind.number;
    return at;
  }

  #digits(from: number): number {
    const bytes = this.bytes;
    const limit = this.#limit;
    let at = from;
    while (at < limit) {
      const byte = bytes[at] ?? 0;
      if (byte < ZERO || byte > NINE) break;
      at += 1;
    }
    return at;
  }

  #literal(from: number, letters: readonly number[], kind: number): number {
    for (let at = 0; at < letters.length; at += 1) {
      if (from + at >= this.#limit || this.bytes[from + at] !== letters[at]) {
        return this.#fail(from + at);
      }
    }
    this.#valueKind = kind;
    return from + letters.length;
  }

  /** Skips white space; stops at a line feed when the record must be on one line. */
  #space(from: number): number {
    const bytes = this.bytes;
    const limit = this.#limit;
    let at = from;
    while (at < limit) {
      const byte = bytes[at] ?? 0;
      if (byte > 0x20) return at;
      if (byte === LINE_FEED) {
        if (this.#oneLine) return at;
        this.multiLine = true;
      } else if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) {
        return at;
      }
      at += 1;
    }
    return at;
  }

  #fail(at: number, outcome: ScanOutcome = "broken"): -1 {
    this.position = Math.min(at, this.#limit);
    if (at < this.#limit) this.#outcome = outcome;
    else this.#outcome = this.#limit < this.bytes.length ? "too_large" : "cut_off";
    return -1;
  }
}

const NESTED_LOW = (FieldMask.time | FieldMask.level) & ~(1 << STATUS_ALIAS);
const ESCAPE_LETTERS: readonly number[] = [0x22, 0x5c, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74];
const GUESSES_MAX = 32;
const TRUE: readonly number[] = [0x74, 0x72, 0x75, 0x65];
const FALSE: readonly number[] = [0x66, 0x61, 0x6c, 0x73, 0x65];
const NULL: readonly number[] = [0x6e, 0x75, 0x6c, 0x6c];

function isHexDigit(byte: number): boolean {
  if (byte >= ZERO && byte <= NINE) return true;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66;
}
