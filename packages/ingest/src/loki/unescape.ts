/**
 * Resolves the escapes of the inside of a JSON string that was validated, where it stands; where it ends then, which
 * is never further. Lone surrogates become U+FFFD.
 */
export function unescapeInPlace(bytes: Uint8Array, start: number, end: number): number {
  let at = bytes.indexOf(BACKSLASH, start);
  if (at < 0 || at >= end) return end;
  let out = at;
  while (at < end) {
    const byte = bytes[at] ?? 0;
    if (byte !== BACKSLASH) {
      bytes[out] = byte;
      out += 1;
      at += 1;
      continue;
    }
    const letter = bytes[at + 1] ?? 0;
    at += 2;
    if (letter !== LOWER_U) {
      bytes[out] = plainOf(letter);
      out += 1;
      continue;
    }
    let unit = hexOf(bytes, at);
    at += 4;
    if (unit >= 0xd800 && unit < 0xe000) {
      const pairs =
        unit < 0xdc00 && bytes[at] === BACKSLASH && bytes[at + 1] === LOWER_U && at < end;
      const low = pairs ? hexOf(bytes, at + 2) : 0;
      if (low >= 0xdc00 && low < 0xe000) {
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
      } else {
        unit = 0xfffd;
      }
    }
    out = writeUtf8(unit, bytes, out);
  }
  return out;
}

function writeUtf8(point: number, bytes: Uint8Array, start: number): number {
  let out = start;
  if (point < 0x80) {
    bytes[out++] = point;
  } else if (point < 0x800) {
    bytes[out++] = 0xc0 | (point >> 6);
    bytes[out++] = 0x80 | (point & 0x3f);
  } else if (point < 0x10000) {
    bytes[out++] = 0xe0 | (point >> 12);
    bytes[out++] = 0x80 | ((point >> 6) & 0x3f);
    bytes[out++] = 0x80 | (point & 0x3f);
  } else {
    bytes[out++] = 0xf0 | (point >> 18);
    bytes[out++] = 0x80 | ((point >> 12) & 0x3f);
    bytes[out++] = 0x80 | ((point >> 6) & 0x3f);
    bytes[out++] = 0x80 | (point & 0x3f);
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
/** What an escape of two bytes stands for. */
function plainOf(letter: number): number {
  switch (letter) {
    case 0x62:
      return 0x08;
    case 0x66:
      return 0x0c;
    case 0x6e:
      return 0x0a;
    case 0x72:
      return 0x0d;
    case 0x74:
      return 0x09;
    default:
      return letter;
  }
}
