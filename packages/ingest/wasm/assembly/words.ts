import { wordHeads, words } from "./memory";

/** The group of the words that name a level; below it, groups are the contexts of keys. */
export const LEVEL_GROUP: i32 = 62;

const LETTERS_MAX: i32 = 24;

/** The value of a word of a group, or -1. `fold` is 0x20 where a word may be in any case. */
export function findWord(group: i32, start: usize, length: i32, fold: i32): i32 {
  if (<u32>(length - 1) >= <u32>LETTERS_MAX) return -1;
  const first = load<u8>(start) | fold;
  const last = load<u8>(start + length - 1) | fold;
  const bucket = (length * 3 + first * 7 + last * 29 + group * 37) & 511;
  let entry: i32 = load<u16>(wordHeads + (bucket << 1));
  while (entry !== 0) {
    const word = words + ((entry - 1) << 5);
    if (load<u8>(word, 24) === length && load<u8>(word, 25) === group) {
      if (isSame(word, start, length, fold)) return load<i16>(word, 26);
    }
    entry = load<u16>(word, 28);
  }
  return -1;
}

function isSame(word: usize, start: usize, length: i32, fold: i32): bool {
  const folds = i8x16.splat(<i8>fold);
  const low = i8x16.bitmask(i8x16.ne(v128.load(word), v128.or(v128.load(start), folds)));
  if (length <= 16) return (low & ((1 << length) - 1)) === 0;
  if (low !== 0) return false;
  // The last eight letters; they overlap the first sixteen.
  const end = length - 8;
  const folds64 = fold === 0 ? 0 : 0x2020202020202020;
  return load<u64>(word + end) === (load<u64>(start + end) | folds64);
}
