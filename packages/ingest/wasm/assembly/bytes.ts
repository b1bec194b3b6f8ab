/*
 * Finding ends in bytes, sixteen at a time. Nothing here looks for the end of the chunk: zero bytes lie behind it, and
 * a zero byte ends every string (as not valid), number and gap.
 */

/** Set by `stringEnd`: the string holds escapes. */
export let sawEscape: bool = false;

/** The quote that ends a string, from behind its opening one; 0 when it is not valid. */
export function stringEnd(from: usize): usize {
  let at = from;
  sawEscape = false;
  while (true) {
    const bytes = v128.load(at);
    const ends = i8x16.bitmask(
      v128.or(
        v128.or(i8x16.eq(bytes, i8x16.splat(0x22)), i8x16.eq(bytes, i8x16.splat(0x5c))),
        i8x16.lt_u(bytes, i8x16.splat(0x20)),
      ),
    );
    if (ends === 0) {
      at += 16;
      continue;
    }
    at += ctz(ends);
    const byte = load<u8>(at);
    if (byte === 0x22) return at;
    if (byte !== 0x5c) return 0;
    sawEscape = true;
    const length = escapeLength(at);
    if (length === 0) return 0;
    at += length;
  }
}

/** Length of the escape at a backslash; 0 when it is none. */
function escapeLength(at: usize): usize {
  const letter = load<u8>(at, 1);
  if (letter === 0x6e || letter === 0x22 || letter === 0x5c || letter === 0x74) return 2;
  if (letter === 0x72 || letter === 0x2f || letter === 0x62 || letter === 0x66) return 2;
  if (letter !== 0x75) return 0;
  for (let digit: usize = 2; digit < 6; digit += 1) {
    const byte = load<u8>(at + digit);
    const folded = byte | 0x20;
    if (!((byte >= 0x30 && byte <= 0x39) || (folded >= 0x61 && folded <= 0x66))) return 0;
  }
  return 6;
}

/** Where the digits end that may be at `from`. */
export function digitsEnd(from: usize): usize {
  let at = from;
  while (true) {
    const values = i8x16.sub(v128.load(at), i8x16.splat(0x30));
    const others = i8x16.bitmask(i8x16.gt_u(values, i8x16.splat(9)));
    if (others !== 0) return at + ctz(others);
    at += 16;
  }
}

/** Where the number or literal ends that is at `from`; 0 when there is none. Sets `scalarKind`. */
export function scalarEnd(from: usize, byte: u32): usize {
  if (byte === 0x2d || byte - 0x30 < 10) return numberEnd(from, byte);
  if (byte === 0x74 && load<u32>(from) === 0x65757274) {
    scalarKind = 4;
    return from + 4;
  }
  if (byte === 0x66 && load<u32>(from, 1) === 0x65736c61) {
    scalarKind = 4;
    return from + 5;
  }
  if (byte === 0x6e && load<u32>(from) === 0x6c6c756e) {
    scalarKind = 0;
    return from + 4;
  }
  return 0;
}

/** Kind of what `scalarEnd` found last. */
export let scalarKind: i32 = 0;

function numberEnd(from: usize, first: u32): usize {
  let at = from;
  let digit = first;
  if (first === 0x2d) {
    at += 1;
    digit = load<u8>(at);
    if (digit - 0x30 > 9) return 0;
  }
  at = digit === 0x30 ? at + 1 : digitsEnd(at + 1);
  scalarKind = 3;
  const next = load<u8>(at);
  // The usual number in short: what ends it is a comma or a closing bracket or brace.
  if (next !== 0x2e && (next | 0x20) !== 0x65) return at;
  return fractionEnd(at);
}

function fractionEnd(from: usize): usize {
  let at = from;
  if (load<u8>(at) === 0x2e) {
    const end = digitsEnd(at + 1);
    if (end === at + 1) return 0;
    at = end;
  }
  if ((load<u8>(at) | 0x20) !== 0x65) return at;
  at += 1;
  const sign = load<u8>(at);
  if (sign === 0x2b || sign === 0x2d) at += 1;
  const end = digitsEnd(at);
  return end === at ? 0 : end;
}

/** Whether line feeds are white space inside a record. */
let lineFeeds: bool = false;

export function allowLineFeeds(allowed: bool): void {
  lineFeeds = allowed;
}

/** Where white space inside a record ends. */
export function spaceEnd(from: usize): usize {
  let at = from;
  while (true) {
    const byte = load<u8>(at);
    if (byte > 0x20) return at;
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d && !(byte === 0x0a && lineFeeds)) return at;
    at += 1;
  }
}
