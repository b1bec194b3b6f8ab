import { allowLineFeeds } from "./bytes";
import { chunk, control } from "./memory";
import { beginNames } from "./names";
import { beginRecords, contextMasks, recordEnd } from "./record";
import { addRow, askCount, beginRows, future, prepareRows, rows } from "./rows";

export {
  ASK_FIELDS,
  asks,
  CHUNK_BYTES,
  chunk,
  control,
  defaults,
  flags,
  latencyMs,
  level,
  messageEnd,
  messageStart,
  NAMES_MAX,
  names,
  ROWS_MAX,
  recordEnd,
  recordStart,
  slot,
  timestampMs,
  wordHeads,
  words,
} from "./memory";

/** How a call ended. */
const MORE: i32 = 0;
const DECLINED: i32 = 1;

let elements: bool = false;
let sawLine: bool = false;
let isFinal: bool = false;
let end: usize = 0;

/** Takes over the tables that JavaScript has written; once. */
export function prepare(): i32 {
  prepareRows();
  return <i32>contextMasks();
}

/**
 * Scans records from `from` on, as long as they begin before `stop`. Then `position` is where to go on: at a record
 * that is declined, at what is no record, or at one that needs more bytes.
 */
export function scan(): void {
  const length: usize = load<u32>(control);
  let at = chunk + <usize>load<u32>(control, 4);
  const stop = chunk + <usize>load<u32>(control, 8);
  const options = load<u32>(control, 12);
  const rowsMax = load<i32>(control, 20);
  elements = (options & 1) !== 0;
  isFinal = (options & 2) !== 0;
  end = chunk + length;
  memory.fill(end, 0, 64);
  beginRows();
  beginNames(load<i32>(control, 40), load<i32>(control, 44));
  beginRecords(load<u32>(control, 164), !elements);
  allowLineFeeds(elements);
  let outcome = MORE;
  sawLine = false;
  while (at < stop && rows < rowsMax) {
    const byte = load<u8>(at);
    if (byte === 0x20 || byte === 0x0a || byte === 0x09 || byte === 0x0d) {
      at += 1;
      continue;
    }
    outcome = DECLINED;
    if (byte !== 0x7b) break;
    const recordAt = at;
    const after = recordEnd(recordAt);
    if (after === 0) break;
    const next = behind(after);
    if (next === 0 || !addRow(recordAt, after)) break;
    at = next;
    outcome = MORE;
  }
  store<i32>(control, <i32>(at - chunk), 64);
  store<i32>(control, outcome, 68);
  store<i32>(control, rows, 72);
  store<i32>(control, askCount, 76);
  store<i32>(control, future, 80);
  store<i32>(control, sawLine ? 1 : 0, 84);
}

/** Where to go on behind a record that ends at `at`; 0 when what follows makes it a matter for JavaScript. */
function behind(from: usize): usize {
  let at = from;
  let byte = load<u8>(at);
  if (elements) {
    while (byte === 0x20 || byte === 0x0a || byte === 0x09 || byte === 0x0d) {
      at += 1;
      byte = load<u8>(at);
    }
    if (byte === 0x2c) return at + 1;
    return byte === 0x5d ? at : 0;
  }
  while (byte === 0x20 || byte === 0x09 || byte === 0x0d) {
    at += 1;
    byte = load<u8>(at);
  }
  if (byte === 0x0a) {
    sawLine = true;
    return at;
  }
  if (byte === 0x7b) return at;
  if (!isFinal || at !== end) return 0;
  sawLine = true;
  return at;
}
