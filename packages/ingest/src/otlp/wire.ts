/** What `WireReader.field` found. */
export const FIELD_BROKEN = 0;
export const FIELD_WHOLE = 1;
/** A length that reaches beyond what holds the field: `end` is where that ends. */
export const FIELD_CUT = 2;

/** Groups inside each other in a field that is skipped. */
export const GROUPS_MAX = 64;

/**
 * Reads the wire format of protocol buffers in place. A field that is not known is passed over, groups
 * too; nothing is built and nothing recurses.
 */
export class WireReader {
  readonly bytes: Uint8Array;
  /** Of the field that was read: its number × 8 + its wire type. */
  tag = 0;
  /** Where its value lies; of a varint, its bytes. */
  start = 0;
  end = 0;
  /** The lower and the upper 32 bits of the varint that was read last, unsigned. */
  low = 0;
  high = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Reads the field at `at` of a message that ends at `limit`. */
  field(at: number, limit: number): number {
    const bytes = this.bytes;
    let from = at + 1;
    let tag = at < limit ? (bytes[at] ?? 0) : 0;
    if (tag >= 0x80) {
      from = this.varint(at, limit);
      if (from < 0 || this.high !== 0) return FIELD_BROKEN;
      tag = this.low;
    }
    if (tag < 8) return FIELD_BROKEN; // Field number 0 does not exist.
    this.tag = tag;
    this.start = from;
    switch (tag & 7) {
      case 0:
        this.end = this.varint(from, limit);
        return this.end < 0 ? FIELD_BROKEN : FIELD_WHOLE;
      case 1:
        return this.#fixed(from + 8, limit);
      case 2:
        return this.#lengthDelimited(from, limit);
      case 3:
        this.end = this.#groupEnd(from, limit, tag >>> 3);
        return this.end < 0 ? FIELD_BROKEN : FIELD_WHOLE;
      case 5:
        return this.#fixed(from + 4, limit);
      default:
        return FIELD_BROKEN;
    }
  }

  /** Where the varint at `at` ends, or -1; `low` and `high` are its value, cut to 64 bits. */
  varint(at: number, limit: number): number {
    const bytes = this.bytes;
    const end = Math.min(limit, at + VARINT_BYTES_MAX);
    let low = 0;
    let high = 0;
    for (let from = at, shift = 0; from < end; from += 1, shift += 7) {
      const byte = bytes[from] ?? 0;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte < 0x80) {
        this.low = low >>> 0;
        this.high = high >>> 0;
        return from + 1;
      }
    }
    return -1;
  }

  #fixed(end: number, limit: number): number {
    this.end = end;
    return end <= limit ? FIELD_WHOLE : FIELD_BROKEN;
  }

  #lengthDelimited(at: number, limit: number): number {
    let from = at + 1;
    let length = at < limit ? (this.bytes[at] ?? 0) : 0x80;
    if (length >= 0x80) {
      from = this.varint(at, limit);
      if (from < 0) return FIELD_BROKEN;
      length = this.high !== 0 ? Number.POSITIVE_INFINITY : this.low;
    }
    this.start = from;
    if (from + length > limit) {
      this.end = limit;
      return FIELD_CUT;
    }
    this.end = from + length;
    return FIELD_WHOLE;
  }

  /** Where a group ends, behind its end tag, or -1. */
  #groupEnd(from: number, limit: number, number: number): number {
    const open = [number];
    let at = from;
    while (at < limit) {
      at = this.varint(at, limit);
      if (at < 0 || this.high !== 0) return -1;
      const tag = this.low;
      if (tag < 8) return -1;
      const type = tag & 7;
      if (type === 4) {
        if (open.pop() !== tag >>> 3) return -1;
        if (open.length === 0) return at;
      } else if (type === 3) {
        if (open.length === GROUPS_MAX) return -1;
        open.push(tag >>> 3);
      } else if (type === 0) {
        at = this.varint(at, limit);
      } else if (type === 2) {
        if (this.#lengthDelimited(at, limit) !== FIELD_WHOLE) return -1;
        at = this.end;
      } else if (type === 1 || type === 5) {
        at += type === 1 ? 8 : 4;
      } else {
        return -1;
      }
      if (at < 0) return -1;
    }
    return -1;
  }
}

const VARINT_BYTES_MAX = 10;

/** The unsigned 64-bit number of two halves, in ms, where it is nanoseconds; see `epochMs`. */
export function epochMsOfHalves(low: number, high: number): number {
  // 2^32 = 4,294 × 10^6 + 967,296: each term is exact in a double, whatever the halves are.
  if (high >= NANOSECONDS_HIGH) return high * 4294 + Math.floor((high * 967_296 + low) / 1e6);
  return epochMs(high * 4_294_967_296 + low);
}

/** As `POST /logs` reads epochs: s, ms, µs or ns by magnitude, since some senders do not send nanoseconds. */
function epochMs(value: number): number {
  if (value < 1e11) return value * 1000;
  if (value < 1e14) return value;
  return Math.floor(value < 1e17 ? value / 1e3 : value / 1e6);
}

/** 10^17 ns is March 1973. Just above it, in the upper half: what lies between is read by `epochMs`. */
const NANOSECONDS_HIGH = 23_283_065;
