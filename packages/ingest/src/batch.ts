import type { CountDeltas } from "@tracer/core";
import { stepStartOf } from "@tracer/core";

/** Rows of a full batch. */
export const BATCH_ROWS_MAX = 4096;

/** Bits of `RecordBatch.flags`. */
export const RecordFlag = {
  /** The message range lies inside a JSON string that holds escapes. */
  messageEscaped: 1,
  /** The record names no message: the message range is the whole record. */
  messageMissing: 2,
} as const;

/**
 * Log records in columns, a row each. Offsets are into the body that the batch came from. The decoder
 * fills the same batch again and again: a row is valid only while `onBatch` runs.
 */
export class RecordBatch {
  readonly rowsMax: number;
  length = 0;
  /** Event time, ms since the epoch; the receipt time where the record names none that can be used. */
  readonly timestampMs: Float64Array;
  /** Index into core's LEVELS. */
  readonly level: Uint8Array;
  /** Slot of the series in the directory. */
  readonly slot: Int32Array;
  /** NaN when the record has none. */
  readonly latencyMs: Float64Array;
  /** How many records the row stands for: 1, unless the decoder was asked to read `count`. */
  readonly count: Float64Array;
  readonly recordStart: Uint32Array;
  readonly recordEnd: Uint32Array;
  readonly messageStart: Uint32Array;
  readonly messageEnd: Uint32Array;
  /** Bits of `RecordFlag`. */
  readonly flags: Uint8Array;

  constructor(rowsMax: number = BATCH_ROWS_MAX) {
    this.rowsMax = rowsMax;
    // One buffer for all columns, the widest first so that each is aligned: one allocation for a body.
    const memory = new ArrayBuffer(rowsMax * ROW_BYTES);
    this.timestampMs = new Float64Array(memory, 0, rowsMax);
    this.latencyMs = new Float64Array(memory, rowsMax * 8, rowsMax);
    this.count = new Float64Array(memory, rowsMax * 16, rowsMax);
    this.slot = new Int32Array(memory, rowsMax * 24, rowsMax);
    this.recordStart = new Uint32Array(memory, rowsMax * 28, rowsMax);
    this.recordEnd = new Uint32Array(memory, rowsMax * 32, rowsMax);
    this.messageStart = new Uint32Array(memory, rowsMax * 36, rowsMax);
    this.messageEnd = new Uint32Array(memory, rowsMax * 40, rowsMax);
    this.level = new Uint8Array(memory, rowsMax * 44, rowsMax);
    this.flags = new Uint8Array(memory, rowsMax * 45, rowsMax);
  }
}

const ROW_BYTES = 46;

/** Counts every row of the batch. False: the bound of `deltas` is reached and nothing was counted. */
export function countBatch(batch: RecordBatch, deltas: CountDeltas): boolean {
  const room = deltas.cellsMax - deltas.length;
  // A row needs at most one new cell. Only where that is not enough are the cells counted one by one.
  if (room < batch.length && room < cellsOf(batch)) return false;
  const { timestampMs, level, slot, latencyMs, count } = batch;
  for (let row = 0; row < batch.length; row += 1) {
    deltas.add(
      slot[row] ?? 0,
      timestampMs[row] ?? 0,
      level[row] ?? 0,
      latencyMs[row] ?? Number.NaN,
      count[row] ?? 1,
    );
  }
  return true;
}

function cellsOf(batch: RecordBatch): number {
  const cells = new Set<string>();
  for (let row = 0; row < batch.length; row += 1) {
    cells.add(`${batch.slot[row]}:${stepStartOf(batch.timestampMs[row] ?? 0)}`);
  }
  return cells.size;
}
