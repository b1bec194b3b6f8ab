// 16 bits: exp of [-14, 26] in steps of 0.06 %. 8 bits: exp of [-2.5, 2.5] in steps of 2 %. 0 is unknown.
const CODE_SCALE = 1_638;
const CODE_ZERO = 14;
/** Codes of 8 bits to a factor of e. */
export const FACTOR_SCALE = 50;
/** Code of a factor of 1. */
export const FACTOR_ONE = 128;

// A step looks up a dozen codes: two short tables make each of them a multiplication.
const HIGH = Float64Array.from({ length: 256 }, (_, high) =>
  Math.exp((high * 256) / CODE_SCALE - CODE_ZERO),
);
const LOW = Float64Array.from({ length: 256 }, (_, low) => Math.exp(low / CODE_SCALE));
const FACTORS = Float64Array.from({ length: 256 }, (_, code) => Math.exp(logFactor(code)));

/** A number of records as a code of 16 bits. */
export function encoded(value: number): number {
  const code = Math.round((Math.log(value) + CODE_ZERO) * CODE_SCALE);
  return Math.min(Math.max(code, 1), 65_535);
}

export function decoded(code: number): number {
  return (HIGH[code >>> 8] ?? 0) * (LOW[code & 255] ?? 0);
}

export function encodedFactor(log: number): number {
  return Math.min(Math.max(Math.round(log * FACTOR_SCALE) + FACTOR_ONE, 1), 255);
}

export function logFactor(code: number): number {
  return code === 0 ? 0 : (code - FACTOR_ONE) / FACTOR_SCALE;
}

/** A correction as a code that can be compared: nothing known is a factor of 1. */
export function known(code: number): number {
  return code === 0 ? FACTOR_ONE : code;
}

export function factorOf(code: number): number {
  return FACTORS[code] ?? 1;
}
