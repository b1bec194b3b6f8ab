import {
  ASK_FIELDS,
  asks,
  chunk,
  control,
  defaults,
  fields,
  flags,
  KIND_ESCAPED,
  KIND_NUMBER,
  KIND_STRING,
  latencyMs,
  level,
  messageEnd,
  messageStart,
  recordEnd as recordEnds,
  recordStart,
  slot,
  timestampMs,
} from "./memory";
import { entryIndex, entryStamp, slotOf } from "./names";
import { high, low } from "./record";
import {
  decimalOf,
  epochMs,
  isoMs,
  levelOfNumber,
  levelOfSeverityNumber,
  levelOfStatus,
  levelOfWord,
  sawPoint,
  smallOf,
} from "./values";

/*
 * Turns the fields of a record into a row, as RecordReader does. What it cannot read it asks JavaScript for: an ask
 * names the row, what is wanted of it, and where that lies. A row that must be warned about is declined.
 */

/** What is wanted of JavaScript, as bits. */
const _ASK_TIME: i32 = 1;
const ASK_LEVEL: i32 = 2;
const ASK_LATENCY: i32 = 4;
const ASK_SLOT: i32 = 8;

const LATENCY_MS_MAX: f64 = 604800000;
const INFO: i32 = 2;
const DEFAULT_END: i32 = -1;

/** Rows written and asks made by this call, and rows that are dated too far ahead. */
export let rows: i32 = 0;
export let askCount: i32 = 0;
export let future: i32 = 0;

let base: i32 = 0;
let receiptMs: f64 = 0;
let futureMs: f64 = 0;
let timeMask: u32 = 0;
let levelMask: u32 = 0;
let serviceMask: u32 = 0;
let messageMask: u32 = 0;
let latencyMask: u32 = 0;
let environmentMask: u32 = 0;
let severityAlias: i32 = 0;
let statusAlias: i32 = 0;
let durationAlias: i32 = 0;
let defaultServiceLength: usize = 0;
let defaultEnvironmentLength: usize = 0;

/** Takes over what `control` holds for a call. */
export function beginRows(): void {
  rows = 0;
  askCount = 0;
  future = 0;
  base = load<i32>(control, 16);
  receiptMs = load<f64>(control, 24);
  futureMs = load<f64>(control, 32);
  defaultServiceLength = load<u32>(control, 48);
  defaultEnvironmentLength = load<u32>(control, 52);
}

/** The masks and aliases of fields.ts; once. */
export function prepareRows(): void {
  timeMask = load<u32>(control, 128);
  levelMask = load<u32>(control, 132);
  serviceMask = load<u32>(control, 136);
  messageMask = load<u32>(control, 140);
  latencyMask = load<u32>(control, 144);
  environmentMask = load<u32>(control, 148);
  severityAlias = load<i32>(control, 152);
  statusAlias = load<i32>(control, 156);
  durationAlias = load<i32>(control, 160);
}

function startOf(field: u64): usize {
  return <usize>(field & 0xffffff);
}

function endOf(field: u64): usize {
  return <usize>((field >>> 24) & 0xffffff);
}

function kindOf(field: u64): i32 {
  return <i32>(field >>> 56);
}

function lowField(mask: u32): u64 {
  return load<u64>(fields + (ctz(mask) << 3));
}

function highField(mask: u32): u64 {
  return load<u64>(fields + 256 + (ctz(mask) << 3));
}

function offsetOf(at: usize): i32 {
  return <i32>(at - chunk) + base;
}

/** Writes the row of the record that was walked last; false when it is declined. */
export function addRow(start: usize, end: usize): bool {
  const row = rows;
  const ask = asks + askCount * (ASK_FIELDS << 2);
  let wanted = 0;

  let instantMs = receiptMs;
  let ahead = 0;
  const times = low & timeMask;
  if (times !== 0) {
    const field = lowField(times);
    const kind = kindOf(field);
    if (kind !== KIND_STRING && kind !== KIND_NUMBER) return false;
    const from = startOf(field);
    const to = endOf(field);
    const isDate = kind === KIND_STRING && load<u8>(from, 4) === 0x2d;
    instantMs = isDate ? isoMs(from, to) : epochMs(from, to);
    if (Number.isNaN(instantMs)) return false;
    if (instantMs > futureMs) {
      ahead = 1;
      instantMs = receiptMs;
    }
  }
  store<f64>(timestampMs + (row << 3), instantMs);

  const messages = high & messageMask;
  let marks: u32 = 2;
  if (messages !== 0) {
    const field = highField(messages);
    marks = kindOf(field) === KIND_ESCAPED ? 1 : 0;
    store<i32>(messageStart + (row << 2), offsetOf(startOf(field)));
    store<i32>(messageEnd + (row << 2), offsetOf(endOf(field)));
  } else {
    store<i32>(messageStart + (row << 2), offsetOf(start));
    store<i32>(messageEnd + (row << 2), offsetOf(end));
  }
  store<u8>(flags + row, <u8>marks);

  let grade = INFO;
  const levels = low & levelMask;
  if (levels !== 0) {
    grade = levelOf(<i32>ctz(levels), lowField(levels));
    if (grade < 0) return false;
  } else if (messages !== 0) {
    wanted |= ASK_LEVEL;
  }
  store<u8>(level + row, <u8>grade);

  let latency = NaN;
  const latencies = high & latencyMask;
  if (latencies !== 0) {
    const field = highField(latencies);
    const kind = kindOf(field);
    if (kind === KIND_ESCAPED) return false;
    if (kind === KIND_STRING || kind === KIND_NUMBER) {
      latency = decimalOf(startOf(field), endOf(field));
      const alias = <i32>ctz(latencies) + 32;
      if (Number.isNaN(latency)) {
        wanted |= ASK_LATENCY;
        store<i32>(ask, alias, 8);
        store<i32>(ask, offsetOf(startOf(field)), 12);
        store<i32>(ask, offsetOf(endOf(field)), 16);
      } else {
        if (alias >= durationAlias && sawPoint) latency *= 1000;
        if (latency > LATENCY_MS_MAX) latency = NaN;
      }
    }
  }
  store<f64>(latencyMs + (row << 3), latency);

  const names = addSlot(row, ask);
  if (names < 0) return false;
  wanted |= names;
  if (wanted !== 0) {
    store<i32>(ask, row);
    store<i32>(ask, wanted, 4);
    askCount += 1;
  }
  store<i32>(recordStart + (row << 2), offsetOf(start));
  store<i32>(recordEnds + (row << 2), offsetOf(end));
  future += ahead;
  rows = row + 1;
  return true;
}

function levelOf(alias: i32, field: u64): i32 {
  const kind = kindOf(field);
  const from = startOf(field);
  const to = endOf(field);
  if (kind !== KIND_STRING && kind !== KIND_NUMBER) return -1;
  const number = smallOf(from, to);
  if (number < 0) return kind === KIND_STRING ? levelOfWord(from, to) : -1;
  if (alias === statusAlias) return levelOfStatus(number);
  return alias === severityAlias ? levelOfSeverityNumber(number) : levelOfNumber(number);
}

/** Writes the slot, or asks for it; −1 when the record is declined. */
function addSlot(row: i32, ask: usize): i32 {
  let environmentAt = defaults + 128;
  let environmentLength = defaultEnvironmentLength;
  const environments = high & environmentMask;
  if (environments !== 0) {
    const field = highField(environments);
    environmentAt = startOf(field);
    environmentLength = endOf(field) - environmentAt;
    if (kindOf(field) === KIND_ESCAPED || load<u8>(environmentAt) <= 0x20) return -1;
  }
  let serviceAt = defaults;
  let serviceLength = defaultServiceLength;
  const services = low & serviceMask;
  if (services !== 0) {
    const field = lowField(services);
    serviceAt = startOf(field);
    serviceLength = endOf(field) - serviceAt;
    if (kindOf(field) === KIND_ESCAPED || load<u8>(serviceAt) <= 0x20) return -1;
  }
  const known = slotOf(serviceAt, serviceLength, environmentAt, environmentLength);
  store<i32>(slot + (row << 2), known);
  if (known >= 0) return 0;
  store<i32>(ask, entryIndex, 20);
  store<i32>(ask, entryStamp, 40);
  store<i32>(ask, services !== 0 ? offsetOf(serviceAt) : 0, 24);
  store<i32>(ask, services !== 0 ? offsetOf(serviceAt + serviceLength) : DEFAULT_END, 28);
  store<i32>(ask, environments !== 0 ? offsetOf(environmentAt) : 0, 32);
  store<i32>(
    ask,
    environments !== 0 ? offsetOf(environmentAt + environmentLength) : DEFAULT_END,
    36,
  );
  return ASK_SLOT;
}
