/*
 * Characters of log lines, by code: what each can be part of, and the few that mean something.
 */

/** What a character can be part of: bits of `characterClasses`. */
export const DIGIT = 1;
export const HEX_LETTER = 2;
export const LETTER = 4;
/** Joins two parts of a word when both sides are there: `a.b`, `10:20`, `x-1`. */
export const JOINT = 8;
export const BLANK = 16;
export const QUOTE = 32;
/** Ends a path or a URL. */
export const FENCE = 64;
export const ALNUM = DIGIT | HEX_LETTER | LETTER;

export const TAB = 9;
export const ESCAPE = 27;
export const MINUS = 45;
export const DOT = 46;
export const SLASH = 47;
export const ZERO = 48;
export const COLON = 58;
export const AT = 64;
export const BACKSLASH = 92;
export const TILDE = 126;
export const LOWER_X = 120;
export const APOSTROPHE = 39;

/** The bits of every ASCII character; the others are letters. */
export function characterClasses(): Uint8Array {
  const table = new Uint8Array(128);
  for (let code = 0; code < 128; code += 1) {
    if (code <= 32 || code === 127) table[code] = BLANK;
    if (code >= ZERO && code <= 57) table[code] = DIGIT;
    const lower = code | 0x20;
    if (lower >= 97 && lower <= 122 && code >= AT) table[code] = lower <= 102 ? HEX_LETTER : LETTER;
  }
  table[95] = LETTER; // An underscore.
  table[TAB] = BLANK;
  for (const joint of [MINUS, DOT, SLASH, COLON, AT, BACKSLASH, 43]) table[joint] = JOINT;
  for (const quote of [34, APOSTROPHE, 96]) table[quote] = QUOTE;
  for (const fence of [40, 41, 44, 59, 60, 62, 91, 93, 123, 124, 125]) table[fence] = FENCE;
  return table;
}

/** Letters and digits that nobody chose: digits first, in more than one place, or in the middle of much. */
export function isId(line: string, from: number, to: number, table: Uint8Array): boolean {
  let runs = 0;
  let letters = 0;
  let hexOnly = true;
  let inDigits = false;
  for (let at = from; at < to; at += 1) {
    const code = line.charCodeAt(at);
    const kind = code < 128 ? (table[code] ?? 0) : LETTER;
    const isDigit = (kind & DIGIT) !== 0;
    if (isDigit && !inDigits) runs += 1;
    if (!isDigit) letters += 1;
    if ((kind & LETTER) !== 0) hexOnly = false;
    inDigits = isDigit;
  }
  const length = to - from;
  if (runs === 0) return false;
  if ((line.charCodeAt(from) ^ 0x30) < 10) return true;
  if (hexOnly && length >= 6) return true;
  if (runs >= 2 && length >= 6) return true;
  return length >= 8 && !inDigits && letters > 0;
}
