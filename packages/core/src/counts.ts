import { LevelIndex } from "./level.ts";

/** Width of a step in milliseconds; steps are half-open and aligned to the Unix epoch. */
export const STEP_MS = 10_000;
/** Width of the bucket that people see. */
export const BUCKET_MS = 60_000;

/** Start of the step that holds `timestampMs`. */
export function stepStartOf(timestampMs: number): number {
  return Math.floor(timestampMs / STEP_MS) * STEP_MS;
}

const LATENCY_MS_MIN = 0.001;

/**
 * What a batch adds: one cell per (series slot, step), in columns, in the order first met. This is all
 * that the detector ever sees of log records. Cells are found by open addressing, so that counting a
 * record allocates nothing. Bounded: `add` answers false, and changes nothing, beyond `cellsMax` cells.
 */
export class CountDeltas {
  readonly cellsMax: number;
  length = 0;
  slot: Int32Array;
  stepStartMs: Float64Array;
  /** Newest event time counted into the cell. */
  newestMs: Float64Array;
  records: Float64Array;
  warns: Float64Array;
  /** Records of level error or fatal; `fatals` are among them. */
  errors: Float64Array;
  fatals: Float64Array;
  /** Records that carried a latency; sums of ln(latency in ms) and of its square over them. */
  latencyCount: Float64Array;
  latencyLogSum: Float64Array;
  latencyLogSquaredSum: Float64Array;
  #index: Int32Array; // Cell + 1, or 0 for free.
  #last = -1;

  constructor({ cellsMax = 1_000_000 }: { cellsMax?: number } = {}) {
    this.cellsMax = cellsMax;
    const capacity = 64;
    this.slot = new Int32Array(capacity);
    this.stepStartMs = new Float64Array(capacity);
    this.newestMs = new Float64Array(capacity);
    this.records = new Float64Array(capacity);
    this.warns = new Float64Array(capacity);
    this.errors = new Float64Array(capacity);
    this.fatals = new Float64Array(capacity);
    this.latencyCount = new Float64Array(capacity);
    this.latencyLogSum = new Float64Array(capacity);
    this.latencyLogSquaredSum = new Float64Array(capacity);
    this.#index = new Int32Array(capacity * 2);
  }

  /**
   * Counts `count` records of one level at one time. `level` is an index into LEVELS; `latencyMs` is NaN
   * when the record has none. False: the bound is reached and nothing was counted.
   */
  add(slot: number, timestampMs: number, level: number, latencyMs: number, count = 1): boolean {
    const cell = this.#cellOf(slot, stepStartOf(timestampMs));
    if (cell < 0) return false;
    if (timestampMs > (this.newestMs[cell] ?? Number.NEGATIVE_INFINITY))
      this.newestMs[cell] = timestampMs;
    bump(this.records, cell, count);
    if (level >= LevelIndex.warn) {
      if (level === LevelIndex.warn) bump(this.warns, cell, count);
      else bump(this.errors, cell, count);
      if (level === LevelIndex.fatal) bump(this.fatals, cell, count);
    }
    if (latencyMs >= 0) {
      const logLatency = Math.log(Math.max(latencyMs, LATENCY_MS_MIN));
      bump(this.latencyCount, cell, count);
      bump(this.latencyLogSum, cell, count * logLatency);
      bump(this.latencyLogSquaredSum, cell, count * logLatency * logLatency);
    }
    return true;
  }

  /** Forgets all cells and keeps the memory. Costs in proportion to the largest size since made. */
  clear(): void {
    this.#index.fill(0);
    this.length = 0;
    this.#last = -1;
  }

  #cellOf(slot: number, stepStartMs: number): number {
    const last = this.#last; // Most records fall into the same cell as the one before.
    if (last >= 0 && this.slot[last] === slot && this.stepStartMs[last] === stepStartMs)
      return last;
    const mask = this.#index.length - 1;
    let probe = hashOf(slot, stepStartMs) & mask;
    for (;;) {
      const cell = (this.#index[probe] ?? 0) - 1;
      if (cell < 0) break;
      if (this.slot[cell] === slot && this.stepStartMs[cell] === stepStartMs) {
        this.#last = cell;
        return cell;
      }
      probe = (probe + 1) & mask;
    }
    if (this.length >= this.cellsMax) return -1;
    if (this.length === this.slot.length) {
      this.#grow();
      return this.#cellOf(slot, stepStartMs);
    }
    const cell = this.length;
    this.length += 1;
    this.slot[cell] = slot;
    this.stepStartMs[cell] = stepStartMs;
    this.newestMs[cell] = Number.NEGATIVE_INFINITY;
    this.records[cell] = 0; // Spelled out: a list of the columns would be built for every cell.
    this.warns[cell] = 0;
    this.errors[cell] = 0;
    this.fatals[cell] = 0;
    this.latencyCount[cell] = 0;
    this.latencyLogSum[cell] = 0;
    this.latencyLogSquaredSum[cell] = 0;
    this.#index[probe] = cell + 1;
    this.#last = cell;
    return cell;
  }

  #grow(): void {
    const capacity = this.slot.length * 2;
    const slots = new Int32Array(capacity);
    slots.set(this.slot);
    this.slot = slots;
    this.stepStartMs = grown(this.stepStartMs);
    this.newestMs = grown(this.newestMs);
    this.records = grown(this.records);
    this.warns = grown(this.warns);
    this.errors = grown(this.errors);
    this.fatals = grown(this.fatals);
    this.latencyCount = grown(this.latencyCount);
    this.latencyLogSum = grown(this.latencyLogSum);
    this.latencyLogSquaredSum = grown(this.latencyLogSquaredSum);
    this.#index = new Int32Array(capacity * 2);
    const mask = this.#index.length - 1;
    for (let cell = 0; cell < this.length; cell += 1) {
      let probe = hashOf(this.slot[cell] ?? 0, this.stepStartMs[cell] ?? 0) & mask;
      while (this.#index[probe] !== 0) probe = (probe + 1) & mask;
      this.#index[probe] = cell + 1;
    }
  }
}

function bump(column: Float64Array, cell: number, by: number): void {
  column[cell] = (column[cell] ?? 0) + by;
}

function grown(column: Float64Array): Float64Array {
  const larger = new Float64Array(column.length * 2);
  larger.set(column);
  return larger;
}

function hashOf(slot: number, stepStartMs: number): number {
  const step = (stepStartMs / STEP_MS) | 0;
  let hash = Math.imul(slot, 0x9e3779b1) ^ Math.imul(step, 0x85ebca6b);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}
