/** Objects and arrays inside each other in one record, the record itself included. */
export const DEPTH_MAX = 200;
/** Size of one record in bytes. */
export const RECORD_BYTES_MAX = 1_048_576;

/** What became of a record. */
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

/** What kind of value was walked; 0 is null. */
export const ValueKind = { string: 1, escaped: 2, number: 3, boolean: 4, nested: 5 } as const;

/**
 * Walks JSON values in bytes and validates them, building nothing: what it accepts JSON.parse accepts too,
 * and the other way round, but for the limits. Nesting is walked with a stack of its own, not by recursion.
 */
export class JsonWalker {
  readonly bytes: Uint8Array;
  /** Where the last walk ended. */
  position = 0;
  /** True when the last record walked spans several lines. */
  multiLine = false;
  protected readonly view: DataView;
  protected limit = 0;
  /** A line feed outside a string is broken JSON. */
  protected oneLine = false;
  protected outcome: ScanOutcome = "broken";
  /** Kind of the value that was walked last. */
  protected valueKind = 0;
  readonly #nesting: number[] = [0]; // Opening byte at each depth. An array: made anew for each body.

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Begins a walk at `at`, over at most `RECORD_BYTES_MAX` bytes. */
  protected begin(at: number, oneLine: boolean): void {
    this.oneLine = oneLine;
    this.limit = Math.min(this.bytes.length, at + RECORD_BYTES_MAX);
    this.multiLine = false;
    this.outcome = "record";
  }

  /** Any value; where it ends, or -1. Sets the kind, 0 for null. `depth` is that of what holds it. */
  protected value(from: number, depth: number): number {
    const byte = from < this.limit ? (this.bytes[from] ?? 0) : 0;
    if (byte === QUOTE) {
      const end = this.stringEnd(from + 1);
      return end < 0 ? -1 : end + 1;
    }
    if (byte === BRACE || byte === BRACKET) {
      const end = this.#container(from, depth);
      this.valueKind = ValueKind.nested;
      return end;
    }
    return this.#scalar(from, byte);
  }

  /** An object or array with all that is in it, with a stack instead of recursion. */
  #container(from: number, outerDepth: number): number {
    const bytes = this.bytes;
    const limit = this.limit;
    const nesting = this.#nesting;
    let depth = outerDepth;
    let at = from;
    for (;;) {
      // A value begins here.
      const byte = at < limit ? (bytes[at] ?? 0) : 0;
      if (byte === BRACE || byte === BRACKET) {
        depth += 1;
        if (depth > DEPTH_MAX) return this.fail(at, "too_deep");
        nesting[depth] = byte;
        at = this.space(at + 1);
        // `}` and `]` are each two above their opening byte.
        if (at >= limit || bytes[at] !== byte + 2) {
          if (byte === BRACE) at = this.#key(at);
          if (at < 0) return -1;
          continue;
        }
        at += 1;
        depth -= 1;
      } else if (byte === QUOTE) {
        at = this.stringEnd(at + 1) + 1;
        if (at <= 0) return -1;
      } else {
        at = this.#scalar(at, byte);
        if (at < 0) return -1;
      }
      // A value has ended: close what ends here, up to the next comma.
      for (;;) {
        if (depth === outerDepth) return at;
        at = this.space(at);
        const next = at < limit ? (bytes[at] ?? 0) : 0;
        const open = nesting[depth] ?? 0;
        if (next === COMMA) {
          at = this.space(at + 1);
          if (open === BRACE) at = this.#key(at);
          if (at < 0) return -1;
          break;
        }
        if (next !== open + 2) return this.fail(at);
        at += 1;
        depth -= 1;
      }
    }
  }

  /** A key with its colon, inside a container: where its value begins, or -1. */
  #key(from: number): number {
    if (from >= this.limit || this.bytes[from] !== QUOTE) return this.fail(from);
    const keyEnd = this.stringEnd(from + 1);
    if (keyEnd < 0) return -1;
    const at = this.space(keyEnd + 1);
    if (at >= this.limit || this.bytes[at] !== COLON) return this.fail(at);
    return this.space(at + 1);
  }

  /** Offset of the closing quote of a string, from behind its opening one; -1 when it is not valid. */
  protected stringEnd(from: number): number {
    const view = this.view;
    const lastWord = this.limit - 4;
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
    if (at < this.limit && this.bytes[at] === QUOTE) {
      this.valueKind = ValueKind.string;
      return at;
    }
    return this.#longStringEnd(at);
  }

  /** The same, a byte at a time: with escapes, or at the end of the body. */
  #longStringEnd(from: number): number {
    const bytes = this.bytes;
    const limit = this.limit;
    let at = from;
    let kind: number = ValueKind.string;
    while (at < limit) {
      const byte = bytes[at] ?? 0;
      if (byte === QUOTE) {
        this.valueKind = kind;
        return at;
      }
      if (byte < 0x20) return this.fail(at);
      if (byte === BACKSLASH) {
        kind = ValueKind.escaped;
        const length = this.#escapeLength(at);
        if (length === 0) return this.fail(at);
        at += length;
      } else {
        at += 1;
      }
    }
    return this.fail(limit);
  }

  /** Length of the escape at a backslash; 0 when it is none. One that the limit cuts is as long as it would be. */
  #escapeLength(at: number): number {
    if (at + 1 >= this.limit) return 2;
    const letter = this.bytes[at + 1] ?? 0;
    if (letter !== 0x75) return ESCAPE_LETTERS.includes(letter) ? 2 : 0;
    for (let digit = at + 2; digit < at + 6; digit += 1) {
      if (digit < this.limit && !isHexDigit(this.bytes[digit] ?? 0)) return 0;
    }
    return 6;
  }

  #scalar(from: number, byte: number): number {
    if (byte === MINUS || (byte >= ZERO && byte <= NINE)) return this.#number(from);
    if (byte === 0x74) return this.#literal(from, TRUE, ValueKind.boolean);
    if (byte === 0x66) return this.#literal(from, FALSE, ValueKind.boolean);
    if (byte === 0x6e) return this.#literal(from, NULL, 0);
    return this.fail(from);
  }

  #number(from: number): number {
    const bytes = this.bytes;
    const limit = this.limit;
    let at = from;
    if (bytes[at] === MINUS) at += 1;
    if (at < limit && bytes[at] === ZERO) {
      at += 1;
    } else {
      const digits = this.#digits(at);
      if (digits === at) return this.fail(at);
      at = digits;
    }
    if (at < limit && bytes[at] === DOT) {
      const digits = this.#digits(at + 1);
      if (digits === at + 1) return this.fail(digits);
      at = digits;
    }
    if (at < limit && ((bytes[at] ?? 0) | 0x20) === 0x65) {
      at += 1;
      if (at < limit && (bytes[at] === 0x2b || bytes[at] === MINUS)) at += 1;
      const digits = this.#digits(at);
      if (digits === at) return this.fail(at);
      at = digits;
    }
    this.valueKind = ValueKind.number;
    return at;
  }

  #digits(from: number): number {
    const bytes = this.bytes;
    const limit = this.limit;
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
      if (from + at >= this.limit || this.bytes[from + at] !== letters[at]) {
        return this.fail(from + at);
      }
    }
    this.valueKind = kind;
    return from + letters.length;
  }

  /** Skips white space; stops at a line feed when the record must be on one line. */
  protected space(from: number): number {
    const bytes = this.bytes;
    const limit = this.limit;
    let at = from;
    while (at < limit) {
      const byte = bytes[at] ?? 0;
      if (byte > 0x20) return at;
      if (byte === LINE_FEED) {
        if (this.oneLine) return at;
        this.multiLine = true;
      } else if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) {
        return at;
      }
      at += 1;
    }
    return at;
  }

  protected fail(at: number, outcome: ScanOutcome = "broken"): -1 {
    this.position = Math.min(at, this.limit);
    if (at < this.limit) this.outcome = outcome;
    else this.outcome = this.limit < this.bytes.length ? "too_large" : "cut_off";
    return -1;
  }
}

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
const LINE_FEED = 0x0a;
const ESCAPE_LETTERS: readonly number[] = [0x22, 0x5c, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74];
const TRUE: readonly number[] = [0x74, 0x72, 0x75, 0x65];
const FALSE: readonly number[] = [0x66, 0x61, 0x6c, 0x73, 0x65];
const NULL: readonly number[] = [0x6e, 0x75, 0x6c, 0x6c];

function isHexDigit(byte: number): boolean {
  if (byte >= ZERO && byte <= NINE) return true;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66;
}
