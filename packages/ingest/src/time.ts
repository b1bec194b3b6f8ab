import { parseNumber } from "./numbers.ts";

/** An epoch below this is in seconds; each further unit (ms, µs, ns) covers three more digits. */
const SECONDS_END = 1e11;

/**
 * The instant that a text names, in ms since the epoch, cut to whole milliseconds; NaN when it cannot be
 * read. Either a number (`parseEpoch`) or ISO 8601: a date, alone or with a time behind `T`, `_` or
 * spaces; seconds and their fraction (`.` or `,`, any number of digits) may be missing; zone `Z`, `UTC`, `GMT`
 * or an offset of up to 23:59 with or without a colon; no zone means UTC. Dates may use `/`. A day that
 * the calendar does not have cannot be read; 24:00:00 and a leap second can.
 */
export function parseTime(bytes: Uint8Array, start: number, end: number): number {
  let from = start;
  let to = end;
  while (from < to && isSpace(bytes[from] ?? 0)) from += 1;
  while (to > from && isSpace(bytes[to - 1] ?? 0)) to -= 1;
  const separator = bytes[from + 4] ?? 0;
  const isDate = to - from >= 10 && (separator === MINUS || separator === SLASH);
  return isDate ? parseIso(bytes, from, to, separator) : parseEpoch(bytes, from, to);
}

/**
 * The instant that a number names: seconds, ms, µs or ns since the epoch, told apart by their size
 * (below 10^11, 10^14, 10^17 and 10^20; in seconds that is until the year 5138). NaN for anything else.
 */
export function parseEpoch(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at + 1 < end && bytes[at] === ZERO && isDigit(bytes[at + 1] ?? 0)) at += 1;
  const whole = digitsEnd(bytes, at, end);
  const digits = whole - at;
  if (digits === 0 || digits > 20) return parseRareEpoch(bytes, start, end);
  let fractionEnd = whole;
  if (whole < end) {
    if (bytes[whole] !== DOT) return parseRareEpoch(bytes, start, end);
    fractionEnd = digitsEnd(bytes, whole + 1, end);
    if (fractionEnd !== end || fractionEnd === whole + 1) return parseRareEpoch(bytes, start, end);
  }
  // Digits are cut, not divided: a double cannot hold nanoseconds, and rounding could reach the next step.
  if (digits <= 11) {
    const seconds = integerOf(bytes, at, whole);
    return seconds * 1000 + millisecondsOf(bytes, whole + 1, fractionEnd);
  }
  const cut = digits <= 14 ? 0 : digits <= 17 ? 3 : 6;
  return integerOf(bytes, at, whole - cut);
}

function parseRareEpoch(bytes: Uint8Array, start: number, end: number): number {
  const value = parseNumber(bytes, start, end);
  if (!(value >= 0)) return Number.NaN;
  if (value < SECONDS_END) return Math.floor(value * 1000);
  if (value < SECONDS_END * 1e3) return Math.floor(value);
  if (value < SECONDS_END * 1e6) return Math.floor(value / 1e3);
  return value < SECONDS_END * 1e9 ? Math.floor(value / 1e6) : Number.NaN;
}

function parseIso(bytes: Uint8Array, start: number, end: number, separator: number): number {
  const year = digits4(bytes, start);
  const month = digits2(bytes, start + 5);
  const day = digits2(bytes, start + 8);
  if (year < 0 || month < 1 || day < 1 || bytes[start + 7] !== separator) return Number.NaN;
  if (month > 12 || day > daysIn(year, month)) return Number.NaN;
  const midnight = daysFromEpoch(year, month, day) * DAY_MS;
  let at = start + 10;
  if (at === end) return midnight;
  const joint = bytes[at] ?? 0;
  if (joint !== UPPER_T && joint !== LOWER_T && joint !== UNDERSCORE && !isSpace(joint)) {
    return Number.NaN;
  }
  at += 1;
  while (at < end && isSpace(bytes[at] ?? 0)) at += 1;
  if (end - at < 5 || bytes[at + 2] !== COLON) return Number.NaN;
  const hour = digits2(bytes, at);
  const minute = digits2(bytes, at + 3);
  if (hour < 0 || minute < 0 || hour > 24 || minute > 59) return Number.NaN;
  at += 5;
  let second = 0;
  let millisecond = 0;
  if (at < end && bytes[at] === COLON) {
    second = end - at < 3 ? -1 : digits2(bytes, at + 1);
    if (second < 0 || second > 60) return Number.NaN;
    at += 3;
    if (at < end && (bytes[at] === DOT || bytes[at] === COMMA)) {
      const fractionEnd = digitsEnd(bytes, at + 1, end);
      if (fractionEnd === at + 1) return Number.NaN;
      millisecond = millisecondsOf(bytes, at + 1, fractionEnd);
      at = fractionEnd;
    }
  }
  if (hour === 24 && (minute > 0 || second > 0 || millisecond > 0)) return Number.NaN;
  const offsetMs = parseZone(bytes, at, end);
  return midnight + hour * HOUR_MS + minute * MINUTE_MS + second * 1000 + millisecond - offsetMs;
}

/** Offset from UTC in ms of the zone in [from, end), 0 when there is none; NaN when it cannot be read. */
function parseZone(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && isSpace(bytes[at] ?? 0)) at += 1;
  if (at === end) return 0;
  const sign = bytes[at] ?? 0;
  if ((sign | 0x20) === 0x7a && at + 1 === end) return 0;
  if (sign !== PLUS && sign !== MINUS) return isNamedUtc(bytes, at, end) ? 0 : Number.NaN;
  const length = end - at - 1;
  const hour = length >= 2 ? digits2(bytes, at + 1) : -1;
  let minute = -1;
  if (length === 2) minute = 0;
  else if (length === 4) minute = digits2(bytes, at + 3);
  else if (length === 5 && bytes[at + 3] === COLON) minute = digits2(bytes, at + 4);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return Number.NaN;
  const offsetMs = hour * HOUR_MS + minute * MINUTE_MS;
  return sign === PLUS ? offsetMs : -offsetMs;
}

function isNamedUtc(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== 3) return false;
  const name = String.fromCharCode(bytes[start] ?? 0, bytes[start + 1] ?? 0, bytes[start + 2] ?? 0);
  return name === "UTC" || name === "GMT";
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const SLASH = 0x2f;
const ZERO = 0x30;
const COLON = 0x3a;
const UPPER_T = 0x54;
const UNDERSCORE = 0x5f;
const LOWER_T = 0x74;

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= 0x39;
}

function digitsEnd(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && isDigit(bytes[at] ?? 0)) at += 1;
  return at;
}

function integerOf(bytes: Uint8Array, start: number, end: number): number {
  const smallEnd = Math.min(end, start + 9);
  let small = 0; // Nine digits fit 32 bits: faster than doubles, and most of a time.
  let at = start;
  for (; at < smallEnd; at += 1) small = (Math.imul(small, 10) + (bytes[at] ?? 0) - ZERO) | 0;
  let value = small;
  for (; at < end; at += 1) value = value * 10 + ((bytes[at] ?? 0) - ZERO);
  return value;
}

/** The first three digits of a fraction, as milliseconds. */
function millisecondsOf(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < start + 3; at += 1) {
    value = value * 10 + (at < end ? (bytes[at] ?? 0) - ZERO : 0);
  }
  return value;
}

function digits2(bytes: Uint8Array, at: number): number {
  const tens = (bytes[at] ?? 0) - ZERO;
  const ones = (bytes[at + 1] ?? 0) - ZERO;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1;
}

function digits4(bytes: Uint8Array, at: number): number {
  const high = digits2(bytes, at);
  const low = digits2(bytes, at + 2);
  return high < 0 || low < 0 ? -1 : high * 100 + low;
}

function daysIn(year: number, month: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

/** Days from 1970-01-01 in the Gregorian calendar; years begin in March so that leap days come last. */
function daysFromEpoch(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
