/**
 * The number in [start, end): digits with an optional sign, fraction and exponent, as in JSON. NaN when
 * the text is anything else. Decimals of up to 15 digits are read without building a string.
 */
export function parseNumber(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  const negative = bytes[at] === MINUS && at < end;
  if (negative) at += 1;
  let digits = 0;
  let value = 0;
  let scale = 0; // Digits behind the point; −1 while there was no point.
  let sawPoint = false;
  for (; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte >= ZERO && byte <= NINE) {
      value = value * 10 + (byte - ZERO);
      digits += 1;
      if (sawPoint) scale += 1;
    } else if (byte === DOT && !sawPoint && digits > 0) {
      sawPoint = true;
    } else {
      return parseRareNumber(bytes, start, end);
    }
  }
  if (digits === 0 || (sawPoint && scale === 0)) return Number.NaN;
  if (digits > EXACT_DIGITS_MAX) return parseRareNumber(bytes, start, end);
  // Both are exact integers below 2^53 (10^15 too), so the quotient is rounded once, as JSON.parse does.
  if (scale > 0) value /= POWERS_OF_TEN[scale] ?? 1;
  return negative ? -value : value;
}

function parseRareNumber(bytes: Uint8Array, start: number, end: number): number {
  if (end - start > NUMBER_BYTES_MAX) return Number.NaN;
  const text = Buffer.from(bytes.subarray(start, end)).toString("latin1");
  return JSON_NUMBER.test(text) ? Number(text) : Number.NaN;
}

const ZERO = 0x30;
const NINE = 0x39;
const MINUS = 0x2d;
const DOT = 0x2e;
const EXACT_DIGITS_MAX = 15;
/** A longer number is not read: no time, level or latency needs more. */
const NUMBER_BYTES_MAX = 64;
const JSON_NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const POWERS_OF_TEN: readonly number[] = Array.from({ length: 16 }, (_, power) => 10 ** power);
