import {
  ALIASES_END,
  CONTEXT_HIGH,
  CONTEXT_LOW,
  KEY_TABLES,
  LOGS_KEY,
  NESTED_LOW,
} from "./fields.ts";
import { JsonWalker, type ScanOutcome, ValueKind } from "./json-walker.ts";

/**
 * Walks one JSON record and notes where the fields of `fields.ts` are: their ranges and kinds, no values,
 * no objects. All of the record is validated. Recursion is at most three deep: the paths of dotted aliases.
 */
export class RecordScanner extends JsonWalker {
  /** Bits of the aliases that are there: not null, not an empty string. */
  low = 0;
  high = 0;
  /** By alias: range of the value (of a string: inside its quotes) and its `ValueKind`. */
  readonly start = zeros(ALIASES_END);
  readonly end = zeros(ALIASES_END);
  readonly kind = zeros(ALIASES_END);

  #wrapperAllowed = false;
  #meaning = -1;
  /** Place of the next key in the record, among the keys that may mean something. */
  #turn = 0;
  readonly #guessStart = zeros(GUESSES_MAX);
  readonly #guessLength = zeros(GUESSES_MAX);
  readonly #guessContext = zeros(GUESSES_MAX);
  readonly #guessMeaning = zeros(GUESSES_MAX);

  /**
   * Scans the object whose brace is at `at`. With `oneLine`, a line feed outside a string ends it (broken).
   * With `wrapper`, an object with records under `logs` stops there: an array that is the value of the
   * object's first key, or whose first element is an object.
   */
  scan(at: number, oneLine: boolean, wrapper: boolean): ScanOutcome {
    this.begin(at, oneLine);
    this.#wrapperAllowed = wrapper;
    this.#turn = 0;
    this.low = 0;
    this.high = 0;
    const end = this.#members(at + 1, 0, 1, false);
    if (end >= 0) this.position = end;
    return this.outcome;
  }

  /** Scans what follows the `logs` array of a wrapper: further members, which mean nothing, and the brace. */
  scanRest(at: number): ScanOutcome {
    this.begin(at, false);
    this.#wrapperAllowed = false;
    const end = this.#members(at, 0, 1, true);
    if (end >= 0) this.position = end;
    return this.outcome;
  }

  /** Members of an object from behind its brace (or, with `afterValue`, from behind a value). */
  #members(from: number, context: number, depth: number, afterValue: boolean): number {
    const bytes = this.bytes;
    const limit = this.limit;
    let at = from;
    let first = !afterValue;
    for (;;) {
      let byte = at < limit ? (bytes[at] ?? 0) : 0;
      if (byte <= 0x20) {
        at = this.space(at);
        byte = at < limit ? (bytes[at] ?? 0) : 0;
      }
      if (byte === BRACE_END) return at + 1;
      if (!first) {
        if (byte !== COMMA) return this.fail(at);
        at += 1;
        byte = at < limit ? (bytes[at] ?? 0) : 0;
        if (byte <= 0x20) {
          at = this.space(at);
          byte = at < limit ? (bytes[at] ?? 0) : 0;
        }
      }
      if (byte !== QUOTE) return this.fail(at);
      at = this.#member(at + 1, context, depth, first);
      if (at < 0) return -1;
      first = false;
    }
  }

  /** One member from behind the quote of its key; where its value ends, or -1. */
  #member(keyStart: number, context: number, depth: number, first: boolean): number {
    const bytes = this.bytes;
    const limit = this.limit;
    const keyEnd = this.#keyEnd(keyStart, context);
    if (keyEnd < 0) return -1;
    const meaning = this.#meaning;
    let at = keyEnd + 1;
    let byte = at < limit ? (bytes[at] ?? 0) : 0;
    if (byte <= 0x20) {
      at = this.space(at);
      byte = at < limit ? (bytes[at] ?? 0) : 0;
    }
    if (byte !== COLON) return this.fail(at);
    at += 1;
    byte = at < limit ? (bytes[at] ?? 0) : 0;
    if (byte <= 0x20) {
      at = this.space(at);
      byte = at < limit ? (bytes[at] ?? 0) : 0;
    }
    if (meaning < 0) {
      if (byte !== QUOTE) return this.value(at, depth);
      const end = this.stringEnd(at + 1);
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
    if (now + length > this.limit) return false;
    const view = this.view;
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
    const keyEnd = this.stringEnd(keyStart);
    if (keyEnd < 0) return -1;
    if (this.valueKind === ValueKind.string) {
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
        this.outcome = "wrapper";
        return -1;
      }
    }
    let end: number;
    if (inner !== 0 && byte === BRACE) {
      this.valueKind = ValueKind.nested;
      end = this.#members(at + 1, inner, depth + 1, false);
      this.valueKind = ValueKind.nested;
    } else {
      end = this.value(at, depth);
    }
    if (end >= 0 && (meaning & 63) !== 0) this.#note((meaning & 63) - 1, at, end);
    return end;
  }

  #note(alias: number, at: number, end: number): void {
    const kind = this.valueKind;
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
    const first = this.space(at);
    return first < this.limit && this.bytes[first] === BRACE;
  }

  #escapedKey(start: number, end: number, context: number): number {
    const text: unknown = JSON.parse(
      `"${Buffer.from(this.bytes.subarray(start, end)).toString()}"`,
    );
    const key = Buffer.from(typeof text === "string" ? text : "");
    return KEY_TABLES[context]?.find(key, 0, key.length) ?? -1;
  }
}

/** Keys remembered from the last record. */
const GUESSES_MAX = 32;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BRACKET = 0x5b;
const BRACE = 0x7b;
const BRACE_END = 0x7d;

/** Plain arrays: a small body is decoded sooner than a typed array is made. */
function zeros(length: number): number[] {
  return new Array<number>(length).fill(0);
}
