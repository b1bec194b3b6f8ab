/**
 * A quoted time of nineteen digits, nanoseconds, from its first quote: in ms. NaN: it is none, or its first digit
 * is 0, so that its size names another unit.
 */
export function usualTime(bytes: Uint8Array, quote: number): number {
  if (bytes[quote] !== QUOTE || bytes[quote + 20] !== QUOTE || bytes[quote + 1] === ZERO) {
    return Number.NaN;
  }
  const seconds = digitsOf(bytes, quote + 1, quote + 11);
  const nanos = digitsOf(bytes, quote + 11, quote + 20);
  return seconds * 1000 + Math.floor(nanos / 1e6);
}

function digitsOf(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at += 1) {
    const digit = (bytes[at] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

const QUOTE = 0x22;
const ZERO = 0x30;
