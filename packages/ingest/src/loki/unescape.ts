/**
 * Writes the inside of a JSON string that was validated to `to` without its escapes; where it ends there. It is
 * never longer than it was. Lone surrogates become U+FFFD.
 */
export function unescapeInto(
  from: Uint8Array,
  start: number,
  end: number,
  to: Uint8Array,
  toStart: number,
): number {
  let out = toStart;
  let at = start;
  while (at < end) {
    const byte = from[at] ?? 0;
    if (byte !== BACKSLASH) {
      to[out] = byte;
      out += 1;
      at += 1;
      continue;
    }
    const letter = from[at + 1] ?? 0;
    at += 2;
    if (letter !== LOWER_U) {
      to[out] = PLAIN[letter] ?? letter;
      out += 1;
      continue;
    }
    let unit = hexOf(from, at);
    at += 4;
    if (unit >= 0xd800 && unit < 0xe000) {
      const pairs = unit < 0xdc00 && from[at] === BACKSLASH && from[at + 1] === LOWER_U && at < end;
      const low = pairs ? hexOf(from, at + 2) : 0;
      if (low >= 0xdc00 && low < 0xe000) {
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
      } else {
        unit = 0xfffd;
      }
    }
    out = writeUtf8(unit, to, out);
  }
  return out;
}

function writeUtf8(point: number, to: Uint8Array, start: number): number {
  let out = start;
  if (point < 0x80) {
    to[out++] = point;
  } else if (point < 0x800) {
    to[out++] = 0xc0 | (point >> 6);
    to[out++] = 0x80 | (point & 0x3f);
  } else if (point < 0x10000) {
    to[out++] = 0xe0 | (point >> 12);
    to[out++] = 0x80 | ((point >> 6) & 0x3f);
    to[out++] = 0x80 | (point & 0x3f);
  } else {
    to[out++] = 0xf0 | (point >> 18);
    to[out++] = 0x80 | ((point >> 12) & 0x3f);
    to[out++] = 0x80 | ((point >> 6) & 0x3f);
    to[out++] = 0x80 | (point & 0x3f);
  }
  return out;
}

function hexOf(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let digit = at; digit < at + 4; digit += 1) {
    const byte = bytes[digit] ?? 0;
    value = value * 16 + (byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57);
  }
  return value;
}

const BACKSLASH = 0x5c;
const LOWER_U = 0x75;
/** By letter: what an escape of two bytes stands for, where it is not the letter itself. */
const PLAIN: Readonly<Record<number, number>> = {
  98: 0x08,
  102: 0x0c,
  110: 0x0a,
  114: 0x0d,
  116: 0x09,
};
