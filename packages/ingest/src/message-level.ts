import { LevelIndex } from "@tracer/core";
import { WordTable } from "./words.ts";

/** How far into a message a level is looked for. */
export const MESSAGE_SCAN_BYTES_MAX = 64;

const { trace, debug, info, warn, error, fatal } = LevelIndex;

/** Words that mark a level wherever a marked place is: in brackets, before a colon, behind `level=`. */
const MARKED = new WordTable(
  [
    ...[["trace", trace] as const, ["debug", debug] as const, ["info", info] as const],
    ...[["notice", info] as const, ["warn", warn] as const, ["warning", warn] as const],
    ...[["error", error] as const, ["err", error] as const, ["severe", error] as const],
    ...[["fatal", fatal] as const, ["critical", fatal] as const, ["crit", fatal] as const],
    ...[["panic", fatal] as const, ["alert", fatal] as const, ["emerg", fatal] as const],
    ["emergency", fatal],
  ],
  { foldCase: true },
);

/** Words that mark a level in capitals anywhere near the beginning. */
const SHOUTED = new WordTable([
  ...[["TRACE", trace] as const, ["DEBUG", debug] as const, ["INFO", info] as const],
  ...[["WARN", warn] as const, ["WARNING", warn] as const, ["ERROR", error] as const],
  ...[["SEVERE", error] as const, ["FATAL", fatal] as const, ["CRITICAL", fatal] as const],
  ["PANIC", fatal],
]);

/** Words that mark a level as the first word of a message, in any case. */
const LEADING = new WordTable(
  [
    ...[["error", error] as const, ["fatal", fatal] as const, ["warning", warn] as const],
    ["warn", warn],
  ],
  { foldCase: true },
);

/** Keys before `=` or `:` whose word is a level. */
const KEYS = new WordTable(
  [...[["level", 1] as const, ["lvl", 1] as const, ["severity", 1] as const], ["loglevel", 1]],
  { foldCase: true },
);

/**
 * The level that a message itself names near its beginning (`[error] …`, `ERROR …`, `Error: …`,
 * `2026-01-01 12:00:00 WARN …`, `level=error …`), or info. The first word that names one wins. Colour
 * codes of terminals are passed over. `bytes` is plain text: JSON escapes are resolved before.
 */
export function levelOfMessage(bytes: Uint8Array, start: number, end: number): number {
  const stop = Math.min(end, start + MESSAGE_SCAN_BYTES_MAX);
  let at = start;
  let first = true;
  let before = 0; // The byte before the word, skipping white space and quotes.
  let keyed = false; // The last word was a key, and `=` or `:` followed.
  let wasKey = false;
  while (at < stop) {
    const byte = bytes[at] ?? 0;
    if (byte === ESCAPE) {
      at = colourEnd(bytes, at, stop);
      continue;
    }
    if (!isWordByte(byte)) {
      if (wasKey && (byte === EQUALS || byte === COLON)) keyed = true;
      else if (byte !== SPACE && byte !== QUOTE) {
        keyed = false;
        wasKey = false;
      }
      if (byte !== QUOTE) before = byte;
      at += 1;
      continue;
    }
    const wordEnd = endOfWord(bytes, at, Math.min(end, at + WORD_BYTES_MAX));
    const level = levelOfWord(bytes, at, wordEnd, end, { first, before, keyed });
    if (level >= 0) return level;
    wasKey = KEYS.find(bytes, at, wordEnd) >= 0;
    keyed = false;
    first = false;
    before = 0;
    at = wordEnd;
  }
  return info;
}

interface Place {
  readonly first: boolean;
  readonly before: number;
  readonly keyed: boolean;
}

function levelOfWord(
  bytes: Uint8Array,
  start: number,
  wordEnd: number,
  end: number,
  { first, before, keyed }: Place,
): number {
  const shouted = SHOUTED.find(bytes, start, wordEnd);
  if (shouted >= 0) return shouted;
  const marked = MARKED.find(bytes, start, wordEnd);
  if (marked < 0) return -1;
  const after = wordEnd < end ? (bytes[wordEnd] ?? 0) : 0;
  const enclosed =
    (before === 0x5b && after === 0x5d) ||
    (before === 0x3c && after === 0x3e) ||
    (before === 0x28 && after === 0x29) ||
    (before === 0x7c && after === 0x7c);
  if (enclosed || keyed || (first && after === COLON)) return marked;
  return first ? LEADING.find(bytes, start, wordEnd) : -1;
}

/** Longer than any word that names a level. */
const WORD_BYTES_MAX = 16;
const SPACE = 0x20;
const QUOTE = 0x22;
const COLON = 0x3a;
const EQUALS = 0x3d;
const ESCAPE = 0x1b;

function isWordByte(byte: number): boolean {
  const letter = byte | 0x20;
  if (letter >= 0x61 && letter <= 0x7a) return true;
  return (byte >= 0x30 && byte <= 0x39) || byte === 0x5f || byte >= 0x80;
}

function endOfWord(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && isWordByte(bytes[at] ?? 0)) at += 1;
  return at;
}

/** Where the code ends that an escape byte begins (`ESC[31m`). */
function colourEnd(bytes: Uint8Array, at: number, stop: number): number {
  if (bytes[at + 1] !== 0x5b) return at + 1;
  let after = at + 2;
  while (after < stop && (bytes[after] ?? 0) >= 0x30 && (bytes[after] ?? 0) <= 0x3b) after += 1;
  return bytes[after] === 0x6d ? after + 1 : after;
}
