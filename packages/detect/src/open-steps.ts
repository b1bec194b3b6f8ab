import type { CountDeltas } from "@tracer/core";

/** The sums of one open step of one series. */
export interface StepCounts {
  records: number;
  errors: number;
  fatals: number;
  /** Records that carried a latency, and the sum of ln(latency in ms) over them. */
  latencyCount: number;
  latencyLogSum: number;
}

/** What an open step holds: what came here, and what came to other processors. */
export interface OpenStep extends StepCounts {
  foreign: number;
  foreignErrors: number;
}

/** Of no record at all. */
export function noCounts(): StepCounts {
  return { records: 0, errors: 0, fatals: 0, latencyCount: 0, latencyLogSum: 0 };
}

export function emptyStep(): OpenStep {
  return { ...noCounts(), foreign: 0, foreignErrors: 0 };
}

/** What cell number `cell` of a batch adds to a step, without making an object. */
export function readCell(counts: StepCounts, deltas: CountDeltas, cell: number): void {
  counts.records = deltas.records[cell] ?? 0;
  counts.errors = deltas.errors[cell] ?? 0;
  counts.fatals = deltas.fatals[cell] ?? 0;
  counts.latencyCount = deltas.latencyCount[cell] ?? 0;
  counts.latencyLogSum = deltas.latencyLogSum[cell] ?? 0;
}

const CAPACITY_FIRST = 1_024;
const NONE = -1;
/** A step of one service holds no more; a count beyond it stays there. */
const COUNT_MAX = 2 ** 32 - 1;

/**
 * The steps that are not closed yet and hold at least one record: a pool of cells found through a chained
 * hash of (slot, step), each also in a list of its series. Empty steps cost nothing here. Bounded.
 */
export class OpenSteps {
  readonly cellsMax: number;
  length = 0;
  #slot = new Int32Array(CAPACITY_FIRST);
  #step = new Int32Array(CAPACITY_FIRST);
  #records = new Uint32Array(CAPACITY_FIRST);
  #errors = new Uint32Array(CAPACITY_FIRST);
  #fatals = new Uint32Array(CAPACITY_FIRST);
  #latencyCount = new Uint32Array(CAPACITY_FIRST);
  #latencyLogSum = new Float64Array(CAPACITY_FIRST);
  #foreign = new Uint32Array(CAPACITY_FIRST);
  #foreignErrors = new Uint32Array(CAPACITY_FIRST);
  #chain = new Int32Array(CAPACITY_FIRST); // Next cell of the same hash, or the next free one.
  #before = new Int32Array(CAPACITY_FIRST); // Neighbours in the list of the series.
  #after = new Int32Array(CAPACITY_FIRST);
  #buckets = new Int32Array(CAPACITY_FIRST).fill(NONE);
  #first = new Int32Array(0); // Per slot, the head of its list.
  #free = NONE;
  #used = 0;

  constructor(cellsMax: number) {
    this.cellsMax = cellsMax;
  }

  /** Adds to a cell. False: the pool is full and nothing was counted. */
  add(slot: number, step: number, counts: StepCounts): boolean {
    let cell = this.#find(slot, step);
    if (cell === NONE) {
      cell = this.#make(slot, step);
      if (cell === NONE) return false;
    }
    this.#records[cell] = Math.min((this.#records[cell] ?? 0) + counts.records, COUNT_MAX);
    this.#errors[cell] = Math.min((this.#errors[cell] ?? 0) + counts.errors, COUNT_MAX);
    this.#fatals[cell] = Math.min((this.#fatals[cell] ?? 0) + counts.fatals, COUNT_MAX);
    this.#latencyCount[cell] = Math.min(
      (this.#latencyCount[cell] ?? 0) + counts.latencyCount,
      COUNT_MAX,
    );
    this.#latencyLogSum[cell] = (this.#latencyLogSum[cell] ?? 0) + counts.latencyLogSum;
    return true;
  }

  /** Adds what came to other processors. False: the pool is full and nothing was counted. */
  addForeign(slot: number, step: number, counts: StepCounts): boolean {
    let cell = this.#find(slot, step);
    if (cell === NONE) {
      cell = this.#make(slot, step);
      if (cell === NONE) return false;
    }
    this.#foreign[cell] = Math.min((this.#foreign[cell] ?? 0) + counts.records, COUNT_MAX);
    this.#foreignErrors[cell] = Math.min(
      (this.#foreignErrors[cell] ?? 0) + counts.errors,
      COUNT_MAX,
    );
    return true;
  }

  /** Moves the sums of a step into `into` and frees the cell; zeros when there is none. */
  take(slot: number, step: number, into: OpenStep): void {
    const cell = this.#find(slot, step);
    this.#read(cell, into);
    if (cell !== NONE) this.#remove(cell);
  }

  /** As `take`, but leaves the cell. */
  peek(slot: number, step: number, into: OpenStep): void {
    this.#read(this.#find(slot, step), into);
  }

  /** True when the series has any open cell. */
  has(slot: number): boolean {
    return this.#head(slot) !== NONE;
  }

  /** The earliest open step of a series, or null. Costs in proportion to the open cells of the series. */
  earliest(slot: number): number | null {
    let earliest: number | null = null;
    for (let cell = this.#head(slot); cell !== NONE; cell = this.#after[cell] ?? NONE) {
      const step = this.#step[cell] ?? 0;
      if (earliest === null || step < earliest) earliest = step;
    }
    return earliest;
  }

  /**
   * Appends slot, step, and the counts of each open cell of a series, in the order of StepCounts. Not what
   * others counted: whoever reads this later has missed some of it, and takes those steps for incomplete.
   */
  save(slot: number, into: number[]): void {
    for (let cell = this.#head(slot); cell !== NONE; cell = this.#after[cell] ?? NONE) {
      if (this.#records[cell] === 0 && this.#foreign[cell] !== 0) continue;
      into.push(slot, this.#step[cell] ?? 0, this.#records[cell] ?? 0);
      into.push(this.#errors[cell] ?? 0, this.#fatals[cell] ?? 0);
      into.push(this.#latencyCount[cell] ?? 0, this.#latencyLogSum[cell] ?? 0);
    }
  }

  /** Frees all cells of a series. */
  release(slot: number): void {
    for (let cell = this.#head(slot); cell !== NONE; cell = this.#head(slot)) this.#remove(cell);
  }

  // Of no cell (-1) there is nothing to read, so that all are zeros.
  #read(cell: number, into: OpenStep): void {
    into.records = this.#records[cell] ?? 0;
    into.errors = this.#errors[cell] ?? 0;
    into.fatals = this.#fatals[cell] ?? 0;
    into.latencyCount = this.#latencyCount[cell] ?? 0;
    into.latencyLogSum = this.#latencyLogSum[cell] ?? 0;
    into.foreign = this.#foreign[cell] ?? 0;
    into.foreignErrors = this.#foreignErrors[cell] ?? 0;
  }

  #head(slot: number): number {
    return this.#first[slot] ?? NONE;
  }

  #find(slot: number, step: number): number {
    let cell = this.#buckets[this.#bucketOf(slot, step)] ?? NONE;
    while (cell !== NONE && (this.#slot[cell] !== slot || this.#step[cell] !== step)) {
      cell = this.#chain[cell] ?? NONE;
    }
    return cell;
  }

  #make(slot: number, step: number): number {
    if (this.length >= this.cellsMax) return NONE;
    if (slot >= this.#first.length) this.#growFirst(slot);
    let cell = this.#free;
    if (cell !== NONE) {
      this.#free = this.#chain[cell] ?? NONE;
    } else {
      if (this.#used === this.#slot.length) this.#grow();
      cell = this.#used;
      this.#used += 1;
    }
    this.length += 1;
    this.#slot[cell] = slot;
    this.#step[cell] = step;
    this.#records[cell] = 0;
    this.#errors[cell] = 0;
    this.#fatals[cell] = 0;
    this.#latencyCount[cell] = 0;
    this.#latencyLogSum[cell] = 0;
    this.#foreign[cell] = 0;
    this.#foreignErrors[cell] = 0;
    const bucket = this.#bucketOf(slot, step);
    this.#chain[cell] = this.#buckets[bucket] ?? NONE;
    this.#buckets[bucket] = cell;
    const head = this.#head(slot);
    this.#after[cell] = head;
    this.#before[cell] = NONE;
    if (head !== NONE) this.#before[head] = cell;
    this.#first[slot] = cell;
    return cell;
  }

  #remove(cell: number): void {
    const slot = this.#slot[cell] ?? 0;
    const bucket = this.#bucketOf(slot, this.#step[cell] ?? 0);
    let walk = this.#buckets[bucket] ?? NONE;
    if (walk === cell) this.#buckets[bucket] = this.#chain[cell] ?? NONE;
    else {
      while (this.#chain[walk] !== cell) walk = this.#chain[walk] ?? NONE;
      this.#chain[walk] = this.#chain[cell] ?? NONE;
    }
    const before = this.#before[cell] ?? NONE;
    const after = this.#after[cell] ?? NONE;
    if (before === NONE) this.#first[slot] = after;
    else this.#after[before] = after;
    if (after !== NONE) this.#before[after] = before;
    this.#chain[cell] = this.#free;
    this.#free = cell;
    this.length -= 1;
  }

  #bucketOf(slot: number, step: number): number {
    let hash = Math.imul(slot, 0x9e3779b1) ^ Math.imul(step, 0x85ebca6b);
    hash ^= hash >>> 15;
    hash = Math.imul(hash, 0x2c1b3c6d);
    return (hash ^ (hash >>> 13)) & (this.#buckets.length - 1);
  }

  #growFirst(slot: number): void {
    const larger = new Int32Array(Math.max(64, 2 ** Math.ceil(Math.log2(slot + 1)))).fill(NONE);
    larger.set(this.#first);
    this.#first = larger;
  }

  #grow(): void {
    const capacity = this.#slot.length * 2;
    this.#slot = grownInts(this.#slot, capacity);
    this.#step = grownInts(this.#step, capacity);
    this.#records = grownCounts(this.#records, capacity);
    this.#errors = grownCounts(this.#errors, capacity);
    this.#fatals = grownCounts(this.#fatals, capacity);
    this.#latencyCount = grownCounts(this.#latencyCount, capacity);
    this.#latencyLogSum = grownFloats(this.#latencyLogSum, capacity);
    this.#foreign = grownCounts(this.#foreign, capacity);
    this.#foreignErrors = grownCounts(this.#foreignErrors, capacity);
    this.#chain = grownInts(this.#chain, capacity);
    this.#before = grownInts(this.#before, capacity);
    this.#after = grownInts(this.#after, capacity);
    this.#buckets = new Int32Array(capacity).fill(NONE);
    // Grows only when no cell is free, so every cell below `#used` is in use.
    for (let cell = 0; cell < this.#used; cell += 1) {
      const bucket = this.#bucketOf(this.#slot[cell] ?? 0, this.#step[cell] ?? 0);
      this.#chain[cell] = this.#buckets[bucket] ?? NONE;
      this.#buckets[bucket] = cell;
    }
  }
}

function grownInts(column: Int32Array, capacity: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(capacity);
  larger.set(column);
  return larger;
}

function grownCounts(column: Uint32Array, capacity: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(capacity);
  larger.set(column);
  return larger;
}

function grownFloats(column: Float64Array, capacity: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(capacity);
  larger.set(column);
  return larger;
}
