import { sawEscape, spaceEnd, stringEnd } from "./bytes";
import { SEGMENTS_MAX, segments } from "./memory";
import { findWord } from "./words";

/*
 * A segment is what lies between two values: `,"key":` with its white space. Records mostly repeat their keys in one
 * order, so each segment remembers the one that came behind it last time: where that is there again, a few
 * comparisons of sixteen bytes stand for finding the key, reading it and looking up what it means.
 */

/** The segment that stands for the beginning of a record. */
const ROOT: usize = segments + (SEGMENTS_MAX << 6);
/** The context in which no key means anything. */
export const NO_CONTEXT: i32 = 63;

const TEXT_BYTES_MAX: i32 = 48;
const LENGTH: usize = 48;
const CONTEXT: usize = 49;
const MEANING: usize = 50;
const NEXT: usize = 52;

/** Set by `keyAt`: what the key means, or -1; and the segment that it is in, for the next call. */
export let meaning: i32 = -1;
let segment: usize = ROOT;

export function beginSegments(): void {
  segment = ROOT;
}

/** Where the value of the key begins that comes at `at`, `first` in its object or behind a comma; 0 when it is not valid. */
export function keyAt(at: usize, context: i32, first: i32): usize {
  const place = (context << 1) | first;
  const next = load<u32>(segment, NEXT);
  if (next !== 0 && load<u8>(next, CONTEXT) === place && isAt(next, at)) {
    segment = next;
    meaning = load<i16>(next, MEANING);
    return at + load<u8>(next, LENGTH);
  }
  return newKeyAt(at, context, first);
}

function isAt(segment: usize, at: usize): bool {
  const length: i32 = load<u8>(segment, LENGTH);
  const low = i8x16.bitmask(i8x16.ne(v128.load(segment), v128.load(at)));
  if (length <= 16) return (low & ((1 << length) - 1)) === 0;
  if (low !== 0) return false;
  const middle = i8x16.bitmask(i8x16.ne(v128.load(segment, 16), v128.load(at, 16)));
  if (length <= 32) return (middle & ((1 << (length - 16)) - 1)) === 0;
  if (middle !== 0) return false;
  const high = i8x16.bitmask(i8x16.ne(v128.load(segment, 32), v128.load(at, 32)));
  return (high & ((1 << (length - 32)) - 1)) === 0;
}

function newKeyAt(from: usize, context: i32, first: i32): usize {
  let at = from;
  if (first === 0) {
    at = spaceEnd(at);
    if (load<u8>(at) !== 0x2c) return 0;
    at += 1;
  }
  at = spaceEnd(at);
  if (load<u8>(at) !== 0x22) return 0;
  const keyStart = at + 1;
  const keyEnd = stringEnd(keyStart);
  if (keyEnd === 0) return 0;
  // A key with escapes may be one that means something: the walker knows.
  if (sawEscape && context !== NO_CONTEXT) return 0;
  at = spaceEnd(keyEnd + 1);
  if (load<u8>(at) !== 0x3a) return 0;
  at = spaceEnd(at + 1);
  const length = <i32>(keyEnd - keyStart);
  meaning = context === NO_CONTEXT ? -1 : findWord(context, keyStart, length, 0);
  remember(from, at, context, first);
  return at;
}

function remember(from: usize, to: usize, context: i32, first: i32): void {
  const length = <i32>(to - from);
  if (length > TEXT_BYTES_MAX) return;
  for (let at = from; at < to; at += 1) if (load<u8>(at) === 0x0a) return;
  const place = (context << 1) | first;
  // The end of the key: numbered keys differ there.
  const tail = load<u32>(to - 6);
  const hash = (tail * 0x9e3779b1 + load<u32>(from) * 0x85ebca6b + length * 31 + place) >>> 13;
  const entry = segments + ((<usize>hash & (SEGMENTS_MAX - 1)) << 6);
  if (
    !(load<u8>(entry, CONTEXT) === place && load<u8>(entry, LENGTH) === length && isAt(entry, from))
  ) {
    memory.copy(entry, from, length);
    store<u8>(entry, length, LENGTH);
    store<u8>(entry, place, CONTEXT);
    store<u32>(entry, 0, NEXT);
  }
  store<i16>(entry, meaning, MEANING);
  store<u32>(segment, <u32>entry, NEXT);
  segment = entry;
}
