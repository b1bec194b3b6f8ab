import type { FlatFields } from "./flat-fields.ts";

/**
 * Reads labels as text (`{app="shop", level="error"}`) into `fields`, whose bytes they lie in. Values stand in double
 * quotes with Go's escapes, which are resolved in place. A quote that no comma or brace follows belongs to the value:
 * clients exist that write quotes of a value as they are. What cannot be read ends the list.
 */
export function readLabels(
  bytes: Uint8Array,
  start: number,
  end: number,
  fields: FlatFields,
): void {
  let at = start;
  while (at < end) {
    while (at < end && isJoint(bytes[at] ?? 0)) at += 1;
    const keyStart = at;
    while (at < end && bytes[at] !== EQUALS && (bytes[at] ?? 0) > SPACE) at += 1;
    const keyEnd = at;
    while (at < end && (bytes[at] === EQUALS || (bytes[at] ?? 0) <= SPACE)) at += 1;
    if (at >= end || bytes[at] !== QUOTE || keyEnd === keyStart) return;
    const valueStart = at + 1;
    const quote = closingQuote(bytes, valueStart, end);
    if (quote < 0) return;
    const meaning = fields.meaning(bytes, keyStart, keyEnd);
    if (meaning >= 0) fields.note(meaning, valueStart, unescapeGo(bytes, valueStart, quote));
    at = quote + 1;
  }
}

function closingQuote(bytes: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end; at += 1) {
    if (bytes[at] === BACKSLASH) {
      at += 1;
    } else if (bytes[at] === QUOTE) {
      let after = at + 1;
      while (after < end && (bytes[after] ?? 0) <= SPACE) after += 1;
      if (after >= end || bytes[after] === COMMA || bytes[after] === BRACE_END) return at;
    }
  }
  return -1;
}

function unescapeGo(bytes: Uint8Array, start: number, end: number): number {
  let out = start;
  for (let at = start; at < end; at += 1) {
    let byte = bytes[at] ?? 0;
    if (byte === BACKSLASH && at + 1 < end) {
      at += 1;
      byte = bytes[at] ?? 0;
      if (byte === 0x6e) byte = 0x0a;
      else if (byte === 0x74) byte = 0x09;
    }
    bytes[out] = byte;
    out += 1;
  }
  return out;
}

const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;
const BRACE_END = 0x7d;

function isJoint(byte: number): boolean {
  return byte <= SPACE || byte === COMMA || byte === BRACE || byte === BRACE_END;
}
