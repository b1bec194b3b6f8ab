import { LevelIndex } from "@tracer/core";
import { parseNumber } from "./numbers.ts";
import { WordTable } from "./words.ts";

/** What a level function answers when it cannot read a level. */
export const LEVEL_UNREADABLE = -1;

const { trace, debug, info, warn, error, fatal } = LevelIndex;

/** Any case. From OpenTelemetry, syslog, pino, winston, zap, log4j, java.util.logging, Python, .NET, Datadog, klog. */
export const LEVEL_WORDS: readonly (readonly [string, number])[] = [
  ...wordsOf(trace, "trace", "trc", "silly", "finest", "finer", "t"),
  ...wordsOf(debug, "debug", "dbg", "verbose", "fine", "config", "d", "v"),
  ...wordsOf(info, "info", "inf", "information", "informational", "notice", "log", "i"),
  ...wordsOf(info, "ok", "success", "default", "http"),
  ...wordsOf(warn, "warn", "warning", "wrn", "w"),
  ...wordsOf(error, "error", "err", "severe", "e"),
  ...wordsOf(fatal, "fatal", "ftl", "critical", "crit", "alert", "emerg", "emergency", "f", "c"),
  ...wordsOf(fatal, "panic", "dpanic"),
];

const LEVEL_TABLE = new WordTable(LEVEL_WORDS, { foldCase: true });

/**
 * The level that a word names, in any case, with white space around it or one of OpenTelemetry's digits
 * behind it (`ERROR2`); else that of the number that the text is (`levelOfNumber`).
 */
export function levelOfText(bytes: Uint8Array, start: number, end: number): number {
  const known = LEVEL_TABLE.find(bytes, start, end);
  if (known >= 0) return known;
  let from = start;
  let to = end;
  while (from < to && (bytes[from] ?? 0) <= 0x20) from += 1;
  while (to > from && (bytes[to - 1] ?? 0) <= 0x20) to -= 1;
  const last = bytes[to - 1] ?? 0;
  const word = LEVEL_TABLE.find(bytes, from, last >= 0x32 && last <= 0x34 ? to - 1 : to);
  return word >= 0 ? word : levelOfNumber(parseNumber(bytes, from, to));
}

/**
 * The level of a number: pino's and bunyan's 10 trace … 60 fatal, those between belonging to the one
 * below; 0–7 as in syslog, GELF and journald, where 0 is the worst. Others cannot be read.
 */
export function levelOfNumber(value: number): number {
  if (value >= 10 && value < 100) return Math.min(Math.floor(value / 10) - 1, fatal);
  if (!Number.isInteger(value) || value < 0 || value > 7) return LEVEL_UNREADABLE;
  if (value <= 2) return fatal;
  if (value === 3) return error;
  if (value === 4) return warn;
  return value === 7 ? debug : info;
}

/** The level of an HTTP status: 5xx is error, all others are info. Below 100 it is a level number. */
export function levelOfStatus(value: number): number {
  if (!(value >= 100)) return levelOfNumber(value);
  if (value >= 1000) return LEVEL_UNREADABLE;
  return value >= 500 && value < 600 ? error : info;
}

/** The level of OpenTelemetry's severity number: 1–4 trace … 21–24 fatal. */
export function levelOfSeverityNumber(value: number): number {
  if (!(value >= 1 && value < 25)) return LEVEL_UNREADABLE;
  return Math.min(Math.floor((value - 1) / 4), fatal);
}

function wordsOf(level: number, ...words: string[]): (readonly [string, number])[] {
  return words.map((word) => [word, level] as const);
}
