import { sawEscape, scalarEnd, scalarKind, spaceEnd, stringEnd } from "./bytes";
import {
  DEPTH_MAX,
  fields,
  KIND_ESCAPED,
  KIND_NESTED,
  KIND_STRING,
  nesting,
  stack,
} from "./memory";
import { beginSegments, keyAt, meaning, NO_CONTEXT } from "./segments";

/*
 * Walks one object and notes where its fields are, as RecordScanner does. It only says yes: what is not valid, or rare,
 * is declined, and the walker in JavaScript looks at that record from its beginning and says what is the matter.
 */

/** Bits of the aliases that are there: not null, not an empty string. */
export let low: u32 = 0;
export let high: u32 = 0;

/** The low aliases that an object or array makes present: times and levels. */
let nestedLow: u32 = 0;
/** By context: the aliases inside it. A repeated parent key clears them. */
const contextLow: usize = memory.data(64 * 4, 4);
const contextHigh: usize = memory.data(64 * 4, 4);
/** Whether `logs` with an array makes the object a wrapper. */
let wrapperAllowed: bool = false;

const LOGS_KEY: i32 = 4096;

export function beginRecords(nested: u32, wrapper: bool): void {
  nestedLow = nested;
  wrapperAllowed = wrapper;
}

/** The end of the object at `start`; 0 when it is declined. */
export function recordEnd(start: usize): usize {
  low = 0;
  high = 0;
  beginSegments();
  let at = start + 1;
  let frame = stack;
  const frameMax = stack + (DEPTH_MAX << 4);
  let context = 0;
  let first = 1;
  while (true) {
    const valueAt = keyAt(at, context, first);
    let byte: u32 = 0;
    if (valueAt === 0) {
      // The only other thing that may stand here is the end of an empty object.
      at = spaceEnd(at);
      if (first === 0 || load<u8>(at) !== 0x7d) return 0;
      byte = 0x7d;
    } else {
      at = valueAt;
      byte = load<u8>(at);
      if (byte <= 0x20) {
        at = spaceEnd(at);
        byte = load<u8>(at);
      }
      const means = meaning;
      if (means >= 0) forget(means);
      if (byte === 0x7b) {
        if (frame === frameMax) return 0;
        frame += 16;
        store<i32>(frame, context);
        store<i32>(frame, means, 4);
        store<usize>(frame, at, 8);
        context = means > 0 && ((means >> 6) & 63) !== 0 ? (means >> 6) & 63 : NO_CONTEXT;
        first = 1;
        at += 1;
        continue;
      }
      const valueStart = at;
      let kind: i32 = KIND_NESTED;
      if (byte === 0x22) {
        at = stringEnd(at + 1);
        if (at === 0) return 0;
        at += 1;
        kind = sawEscape ? KIND_ESCAPED : KIND_STRING;
      } else if (byte === 0x5b) {
        if (means > 0 && (means & LOGS_KEY) !== 0 && wrapperAllowed && frame === stack) return 0;
        at = arrayEnd(at);
        if (at === 0) return 0;
      } else {
        at = scalarEnd(at, byte);
        if (at === 0) return 0;
        kind = scalarKind;
      }
      if (means >= 0 && (means & 63) !== 0) note((means & 63) - 1, valueStart, at, kind);
      byte = load<u8>(at);
    }
    // A value has ended: close what ends here, up to the next comma.
    while (true) {
      if (byte <= 0x20) {
        at = spaceEnd(at);
        byte = load<u8>(at);
      }
      if (byte !== 0x7d) break;
      at += 1;
      if (frame === stack) return at;
      const means = load<i32>(frame, 4);
      context = load<i32>(frame);
      if (means >= 0 && (means & 63) !== 0) {
        note((means & 63) - 1, load<usize>(frame, 8), at, KIND_NESTED);
      }
      frame -= 16;
      byte = load<u8>(at);
    }
    if (byte !== 0x2c) return 0;
    first = 0;
  }
}

/** The last of several equal keys counts, as in JSON.parse: forget what an earlier one held. */
function forget(means: i32): void {
  const inner = (means >> 6) & 63;
  if (inner === 0) return;
  low &= ~load<u32>(contextLow + (inner << 2));
  high &= ~load<u32>(contextHigh + (inner << 2));
}

function note(alias: i32, start: usize, end: usize, kind: i32): void {
  const quoted: usize = kind === KIND_STRING || kind === KIND_ESCAPED ? 1 : 0;
  store<u64>(
    fields + (alias << 3),
    <u64>(start + quoted) | ((<u64>(end - quoted)) << 24) | ((<u64>kind) << 56),
  );
  const bit: u32 = 1 << (alias & 31);
  let present = kind !== 0 && end - start > 2 * quoted;
  if (kind === KIND_NESTED) present = alias < 32 && (bit & nestedLow) !== 0;
  if (alias < 32) low = present ? low | bit : low & ~bit;
  else high = present ? high | bit : high & ~bit;
}

/** The end of the array at `from` with all that is in it; 0 when it is declined. */
function arrayEnd(from: usize): usize {
  let at = from;
  let depth: usize = 0;
  while (true) {
    // A value begins here.
    const byte: u32 = load<u8>(at);
    if (byte === 0x5b || byte === 0x7b) {
      if (depth === <usize>DEPTH_MAX) return 0;
      depth += 1;
      store<u8>(nesting + depth, <u8>byte);
      at = spaceEnd(at + 1);
      // `}` and `]` are each two above their opening byte.
      if (load<u8>(at) !== byte + 2) {
        if (byte === 0x7b) {
          at = memberValue(at);
          if (at === 0) return 0;
        }
        continue;
      }
      at += 1;
      depth -= 1;
    } else if (byte === 0x22) {
      at = stringEnd(at + 1);
      if (at === 0) return 0;
      at += 1;
    } else {
      at = scalarEnd(at, byte);
      if (at === 0) return 0;
    }
    // A value has ended: close what ends here, up to the next comma.
    while (true) {
      if (depth === 0) return at;
      let next: u32 = load<u8>(at);
      if (next <= 0x20) {
        at = spaceEnd(at);
        next = load<u8>(at);
      }
      const open = load<u8>(nesting + depth);
      if (next === 0x2c) {
        at = spaceEnd(at + 1);
        if (open === 0x7b) {
          at = memberValue(at);
          if (at === 0) return 0;
        }
        break;
      }
      if (next !== open + 2) return 0;
      at += 1;
      depth -= 1;
    }
  }
}

/** Where the value begins of a member whose key is at `from`; 0 when it is not valid. */
function memberValue(from: usize): usize {
  if (load<u8>(from) !== 0x22) return 0;
  const keyEnd = stringEnd(from + 1);
  if (keyEnd === 0) return 0;
  const at = spaceEnd(keyEnd + 1);
  return load<u8>(at) === 0x3a ? spaceEnd(at + 1) : 0;
}

/** Where JavaScript writes the masks of the contexts. */
export function contextMasks(): usize {
  return contextLow;
}
