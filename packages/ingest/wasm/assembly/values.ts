import { digitsEnd } from "./bytes";
import { findWord, LEVEL_GROUP } from "./words";

/*
 * Reading the usual spellings of times, levels and numbers. Each function answers NaN or −1 for any other: then
 * JavaScript reads it, by the same rules as ever.
 */

const MINUTE_MS: i64 = 60000;

/** The digits in [start, end), at most 18. */
function integerOf(start: usize, end: usize): i64 {
  let value: i64 = 0;
  for (let at = start; at < end; at += 1) value = value * 10 + (load<u8>(at) - 0x30);
  return value;
}

/** The first three digits of a fraction in [start, end), as milliseconds. */
function millisecondsOf(start: usize, end: usize): i64 {
  let value: i64 = 0;
  for (let at = start; at < start + 3; at += 1) {
    value = value * 10 + (at < end ? load<u8>(at) - 0x30 : 0);
  }
  return value;
}

/** The instant of an epoch in digits, with or without a fraction; NaN for what is not such. */
export function epochMs(start: usize, end: usize): f64 {
  const whole = digitsEnd(start);
  const digits = <i32>(whole - start);
  if (whole > end || digits === 0 || digits > 20 || load<u8>(start) === 0x30) return NaN;
  if (whole !== end) {
    if (load<u8>(whole) !== 0x2e || whole + 1 === end || digitsEnd(whole + 1) !== end) return NaN;
  }
  if (digits <= 11) {
    const ms = whole === end ? 0 : millisecondsOf(whole + 1, end);
    return <f64>(integerOf(start, whole) * 1000 + ms);
  }
  const cut = digits <= 14 ? 0 : digits <= 17 ? 3 : 6;
  return <f64>integerOf(start, whole - cut);
}

/** The date and time up to the minute that was read last, as text and as an instant. */
let minuteText: v128 = i8x16.splat(0);
let minuteMs: i64 = 0;

/** The instant of `2026-06-01T12:00:00`, with or without a fraction and a zone; NaN for anything else. */
export function isoMs(start: usize, end: usize): f64 {
  if (<i32>(end - start) < 19 || load<u8>(start, 16) !== 0x3a) return NaN;
  const text = v128.load(start);
  if (v128.any_true(v128.xor(text, minuteText))) {
    const ms = minuteOf(start);
    if (ms === i64.MIN_VALUE) return NaN;
    minuteText = text;
    minuteMs = ms;
  }
  const seconds = twoDigits(start + 17);
  if (<u32>seconds > 60) return NaN;
  let at = start + 19;
  let ms: i64 = minuteMs + seconds * 1000;
  if (at < end && (load<u8>(at) === 0x2e || load<u8>(at) === 0x2c)) {
    const fractionEnd = digitsEnd(at + 1);
    if (fractionEnd === at + 1 || fractionEnd > end) return NaN;
    ms += millisecondsOf(at + 1, fractionEnd);
    at = fractionEnd;
  }
  if (at === end) return <f64>ms;
  const zone = load<u8>(at);
  if ((zone | 0x20) === 0x7a) return at + 1 === end ? <f64>ms : NaN;
  const offset = offsetMinutes(at, end);
  return offset === i32.MIN_VALUE ? NaN : <f64>(ms - <i64>offset * MINUTE_MS);
}

/** `+02:00` or `+0200`, in minutes. */
function offsetMinutes(at: usize, end: usize): i32 {
  const sign = load<u8>(at);
  const length = <i32>(end - at);
  if (sign !== 0x2b && sign !== 0x2d) return i32.MIN_VALUE;
  if (length !== 5 && !(length === 6 && load<u8>(at, 3) === 0x3a)) return i32.MIN_VALUE;
  const hour = twoDigits(at + 1);
  const minute = twoDigits(end - 2);
  if (<u32>hour > 23 || <u32>minute > 59) return i32.MIN_VALUE;
  const minutes = hour * 60 + minute;
  return sign === 0x2b ? minutes : -minutes;
}

/** Two digits, or −1. */
function twoDigits(at: usize): i32 {
  const tens: i32 = load<u8>(at) - 0x30;
  const ones: i32 = load<u8>(at, 1) - 0x30;
  return <u32>tens < 10 && <u32>ones < 10 ? tens * 10 + ones : -1;
}

/** The instant of `2026-06-01T12:00`; the least number when it is none that the calendar has. */
function minuteOf(start: usize): i64 {
  const century = twoDigits(start);
  const years = twoDigits(start + 2);
  const month = twoDigits(start + 5);
  const day = twoDigits(start + 8);
  const hour = twoDigits(start + 11);
  const minute = twoDigits(start + 14);
  const joint = load<u8>(start, 10);
  const shaped =
    load<u8>(start, 4) === 0x2d &&
    load<u8>(start, 7) === 0x2d &&
    (joint === 0x54 || joint === 0x20) &&
    load<u8>(start, 13) === 0x3a;
  if (!shaped || century < 0 || years < 0 || month < 1 || day < 1) return i64.MIN_VALUE;
  const year = century * 100 + years;
  if (month > 12 || day > daysIn(year, month)) return i64.MIN_VALUE;
  if (<u32>hour > 23 || <u32>minute > 59) return i64.MIN_VALUE;
  return (<i64>daysFromEpoch(year, month, day) * 1440 + hour * 60 + minute) * MINUTE_MS;
}

function daysIn(year: i32, month: i32): i32 {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

/** Days from 1970-01-01 in the Gregorian calendar; years begin in March so that leap days come last. */
function daysFromEpoch(year: i32, month: i32, day: i32): i32 {
  const shifted = month <= 2 ? year - 1 : year;
  const era = (shifted >= 0 ? shifted : shifted - 399) / 400;
  const yearOfEra = shifted - era * 400;
  const dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
  return era * 146097 + dayOfEra - 719468;
}

/** Whether the number that `decimalOf` read last has a point. */
export let sawPoint: bool = false;

/** A decimal of up to 15 digits, not negative; NaN for anything else. Exact operands, so rounded once, as in JSON.parse. */
export function decimalOf(start: usize, end: usize): f64 {
  const whole = digitsEnd(start);
  sawPoint = false;
  if (whole > end || whole === start) return NaN;
  if (whole === end) return whole - start > 15 ? NaN : <f64>integerOf(start, whole);
  if (load<u8>(whole) !== 0x2e || whole + 1 === end) return NaN;
  if (digitsEnd(whole + 1) !== end || end - start > 16) return NaN;
  sawPoint = true;
  const fraction = end - whole - 1;
  let scale: i64 = 1;
  for (let digit: usize = 0; digit < fraction; digit += 1) scale *= 10;
  const value = integerOf(start, whole) * scale + integerOf(whole + 1, end);
  return <f64>value / <f64>scale;
}

/** The level that a word names, in any case; −1 for anything else. */
export function levelOfWord(start: usize, end: usize): i32 {
  return findWord(LEVEL_GROUP, start, <i32>(end - start), 0x20);
}

/** A number of up to three digits; −1 for anything else. */
export function smallOf(start: usize, end: usize): i32 {
  const length = <i32>(end - start);
  if (length > 3) return -1;
  let value = 0;
  for (let at = start; at < end; at += 1) {
    const digit: i32 = load<u8>(at) - 0x30;
    if (<u32>digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** As `levelOfNumber` in level.ts. */
export function levelOfNumber(value: i32): i32 {
  if (value >= 10 && value < 100) return min(value / 10 - 1, 5);
  if (<u32>value > 7) return -1;
  if (value <= 2) return 5;
  if (value === 3) return 4;
  if (value === 4) return 3;
  return value === 7 ? 1 : 2;
}

/** As `levelOfStatus`. */
export function levelOfStatus(value: i32): i32 {
  if (value < 100) return levelOfNumber(value);
  return value >= 500 && value < 600 ? 4 : 2;
}

/** As `levelOfSeverityNumber`. */
export function levelOfSeverityNumber(value: i32): i32 {
  return value >= 1 && value < 25 ? min((value - 1) / 4, 5) : -1;
}
