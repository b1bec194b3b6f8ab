/** Closed 60-second buckets kept per series. */
export const RING_BUCKETS = 60;
/** Alternatives tested for the share of errors, and for the volume. */
export const ERROR_TESTS = 3;
export const VOLUME_TESTS = 4;
/** Alternatives tested for latency. */
export const LATENCY_TESTS = 2;
/** Kinds and parts that can be open on a series: see SIGNAL_KEYS. */
const SIGNAL_KINDS = 4;
/** Hours of a weekday and of a day of the weekend, 5-minute blocks of a day, minutes of an hour. */
export const DAY_CLASSES = 2;
export const DAY_HOURS = 24;
export const DAY_BLOCKS = 288;
export const HOUR_MINUTES = 60;
/** Stands in the ring for a bucket of which nothing is known. */
export const BUCKET_MISSING = 0xffff_ffff;

/** Bits of the `flags` column. */
export const Flag = {
  /** The slot is in use. */
  known: 1,
  /** At least one of its steps is closed: its first step can no longer move back. */
  started: 2,
  /** Its newest record was once close to its receipt: ticks may close its steps. */
  live: 4,
  /** Nothing for hours and nothing open: not visited until the next record. */
  dormant: 8,
  /** Waits in the tick wheel. */
  scheduled: 16,
  /** A signal of this kind or part is open. */
  errorOpen: 32,
  surgeOpen: 64,
  dropOpen: 128,
  latencyOpen: 256,
} as const;

const CAPACITY_FIRST = 64;

/** One number per series, or `width` of them side by side. Never a float32: sums run in these. */
class FloatColumn {
  readonly name: string;
  readonly width: number;
  values = new Float64Array(0);

  constructor(name: string, width: number) {
    this.name = name;
    this.width = width;
  }

  at(index: number): number {
    return this.values[index] ?? 0;
  }

  set(index: number, value: number): void {
    this.values[index] = value;
  }

  add(index: number, value: number): void {
    this.values[index] = (this.values[index] ?? 0) + value;
  }

  grow(capacity: number): void {
    const larger = new Float64Array(capacity * this.width);
    larger.set(this.values);
    this.values = larger;
  }
}

/** As FloatColumn, for small codes: see seasonal.ts. */
class CodeColumn {
  readonly name: string;
  readonly width: number;
  values: Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

  constructor(name: string, width: number, bytes: 1 | 2) {
    this.name = name;
    this.width = width;
    this.values = bytes === 1 ? new Uint8Array(0) : new Uint16Array(0);
  }

  at(index: number): number {
    return this.values[index] ?? 0;
  }

  set(index: number, value: number): void {
    this.values[index] = value;
  }

  grow(capacity: number): void {
    const length = capacity * this.width;
    const { values } = this;
    this.values = values instanceof Uint8Array ? new Uint8Array(length) : new Uint16Array(length);
    this.values.set(values);
  }
}

/** As FloatColumn, for step numbers (`signed`) and counters. */
class IntColumn {
  readonly name: string;
  readonly width: number;
  readonly signed: boolean;
  values = new Int32Array(0);

  constructor(name: string, width: number, signed: boolean) {
    this.name = name;
    this.width = width;
    this.signed = signed;
  }

  at(index: number): number {
    return this.values[index] ?? 0;
  }

  set(index: number, value: number): void {
    this.values[index] = value;
  }

  grow(capacity: number): void {
    const larger = new Int32Array(capacity * this.width);
    larger.set(this.values);
    this.values = larger;
  }
}

/** As FloatColumn, for the counts in the rings: whole numbers below 2^32. */
class CountColumn {
  readonly name: string;
  readonly width: number;
  values = new Uint32Array(0);

  constructor(name: string, width: number) {
    this.name = name;
    this.width = width;
  }

  at(index: number): number {
    return this.values[index] ?? 0;
  }

  set(index: number, value: number): void {
    this.values[index] = value;
  }

  grow(capacity: number): void {
    const larger = new Uint32Array(capacity * this.width);
    larger.set(this.values);
    this.values = larger;
  }
}

export type Column = FloatColumn | IntColumn | CountColumn | CodeColumn;

/**
 * All that is remembered about every series, as named columns indexed by slot, so that a snapshot is a
 * dump and a series costs no object. A slot of zeros is a series that has seen nothing, and a snapshot of
 * before a column was there loads with zeros in it: a column whose zero means something else, or one that
 * changes its meaning, needs a new SNAPSHOT_VERSION.
 */
export class SeriesColumns {
  readonly all: Column[] = [];
  /** Slots below it may be in use. */
  length = 0;
  #capacity = 0;

  // Time. Steps are numbered from the Unix epoch.
  readonly flags = this.#int("flags");
  readonly firstStep = this.#step("firstStep");
  /** The first step that is not closed yet. */
  readonly nextStep = this.#step("nextStep");
  /** Newest event time, never after the receipt of its batch. */
  readonly newestMs = this.#float("newestMs");
  readonly receiptMs = this.#float("receiptMs");
  /** How long after the end of a step its records still arrive; see delivery-delay.ts. */
  readonly delayTopMs = this.#float("delayTopMs");
  readonly delaySecondMs = this.#float("delaySecondMs");
  readonly delayBeforeMs = this.#float("delayBeforeMs");
  readonly delaySamples = this.#int("delaySamples");
  /** Closed steps without a record, up to the last closed one. */
  readonly emptyRun = this.#int("emptyRun");
  readonly recordsTotal = this.#float("recordsTotal");

  // The bucket being filled by closed steps, and the ring of closed ones.
  readonly bucketRecords = this.#float("bucketRecords");
  readonly bucketErrors = this.#float("bucketErrors");
  readonly bucketSteps = this.#int("bucketSteps");
  readonly ringRecords = this.#count("ringRecords", RING_BUCKETS);
  readonly ringErrors = this.#count("ringErrors", RING_BUCKETS);
  readonly ringLength = this.#int("ringLength");
  readonly ewmaRecords = this.#float("ewmaRecords");
  readonly ewmaRecordsVariance = this.#float("ewmaRecordsVariance");
  readonly ewmaRecordsLearned = this.#int("ewmaRecordsLearned");
  readonly ewmaShare = this.#float("ewmaShare");
  readonly ewmaShareVariance = this.#float("ewmaShareVariance");
  readonly ewmaShareLearned = this.#int("ewmaShareLearned");

  // What errors are expected, and the evidence against it per alternative.
  readonly errorSum = this.#float("errorSum");
  readonly recordSum = this.#float("recordSum");
  readonly errorDispersion = this.#float("errorDispersion");
  readonly errorBlocks = this.#int("errorBlocks");
  readonly errorBlockSteps = this.#int("errorBlockSteps");
  readonly errorBlockExcess = this.#float("errorBlockExcess");
  readonly errorBlockVariance = this.#float("errorBlockVariance");
  readonly errorEvidence = this.#float("errorEvidence", ERROR_TESTS);
  /** The highest that the evidence was since its onset. */
  readonly errorTop = this.#float("errorTop", ERROR_TESTS);
  readonly errorOnset = this.#step("errorOnset", ERROR_TESTS);
  readonly errorSinceRecords = this.#float("errorSinceRecords", ERROR_TESTS);
  readonly errorSinceErrors = this.#float("errorSinceErrors", ERROR_TESTS);
  readonly errorSinceFatals = this.#float("errorSinceFatals", ERROR_TESTS);

  // What volume is expected per step, and the evidence against it per alternative.
  readonly levelSteps = this.#int("levelSteps");
  readonly level = this.#float("level");
  readonly levelSlow = this.#float("levelSlow");
  readonly volumeExcess = this.#float("volumeExcess");
  readonly volumeSquare = this.#float("volumeSquare");
  readonly volumeDispersion = this.#float("volumeDispersion");
  readonly volumeBlocks = this.#int("volumeBlocks");
  readonly volumeBlockSteps = this.#int("volumeBlockSteps");
  readonly volumeBlockRecords = this.#float("volumeBlockRecords");
  readonly volumeBlockExpected = this.#float("volumeBlockExpected");
  /** Steps with an open volume signal, less those without one: how long the new volume has been going on. */
  readonly volumeOpenSteps = this.#int("volumeOpenSteps");
  readonly volumeEvidence = this.#float("volumeEvidence", VOLUME_TESTS);
  readonly volumeTop = this.#float("volumeTop", VOLUME_TESTS);
  readonly volumeOnset = this.#step("volumeOnset", VOLUME_TESTS);
  readonly volumeCrossed = this.#step("volumeCrossed", VOLUME_TESTS);
  readonly volumeSinceRecords = this.#float("volumeSinceRecords", VOLUME_TESTS);
  readonly volumeSinceExpected = this.#float("volumeSinceExpected", VOLUME_TESTS);

  // What latency is expected (of its natural logarithm), and the evidence against it per alternative.
  readonly latencyWeight = this.#float("latencyWeight");
  readonly latencySum = this.#float("latencySum");
  readonly latencySteps = this.#int("latencySteps");
  readonly latencySpread = this.#float("latencySpread");
  readonly latencyDrift = this.#float("latencyDrift");
  readonly latencyDispersion = this.#float("latencyDispersion");
  readonly latencyBlocks = this.#int("latencyBlocks");
  readonly latencyBlockSteps = this.#int("latencyBlockSteps");
  readonly latencyBlockDeviation = this.#float("latencyBlockDeviation");
  readonly latencyBlockPrecision = this.#float("latencyBlockPrecision");
  readonly latencyEvidence = this.#float("latencyEvidence", LATENCY_TESTS);
  readonly latencyTop = this.#float("latencyTop", LATENCY_TESTS);
  readonly latencyOnset = this.#step("latencyOnset", LATENCY_TESTS);
  readonly latencyCrossed = this.#step("latencyCrossed", LATENCY_TESTS);
  readonly latencySinceCount = this.#float("latencySinceCount", LATENCY_TESTS);
  readonly latencySinceSum = this.#float("latencySinceSum", LATENCY_TESTS);
  readonly bucketLatencies = this.#float("bucketLatencies");
  readonly bucketLatencySum = this.#float("bucketLatencySum");
  /** Mean ln(latency) of each closed bucket as a code: see buckets.ts. 0: none. */
  readonly ringLatency = this.#code("ringLatency", 2, RING_BUCKETS);

  // How near to its bar each kind came, as codes: in the bucket being filled, and in the last closed one.
  readonly fillingPeaks = this.#code("fillingPeaks", 1, SIGNAL_KINDS);
  readonly bucketPeaks = this.#code("bucketPeaks", 1, SIGNAL_KINDS);

  // What volume is usual at which time: see seasonal.ts.
  readonly hourProfile = this.#code("hourProfile", 2, DAY_CLASSES * DAY_HOURS);
  readonly hourRecords = this.#float("hourRecords");
  readonly hourSteps = this.#int("hourSteps");
  /** Records a step by the profile, of the level of now; 1 is as the profile says. One per class of day. */
  readonly seasonLevel = this.#float("seasonLevel", DAY_CLASSES);
  readonly blockFactor = this.#code("blockFactor", 1, DAY_BLOCKS);
  readonly minuteFactor = this.#code("minuteFactor", 1, HOUR_MINUTES);
  readonly minuteExpected = this.#float("minuteExpected");
  readonly blockRecords = this.#float("blockRecords");
  readonly blockExpected = this.#float("blockExpected");
  readonly blockSteps = this.#int("blockSteps");
  readonly hoursLearned = this.#int("hoursLearned");
  /** Records expected in the step in hand, and the least and the most that the time of day excuses. */
  readonly expectedRecords = this.#float("expectedRecords");
  readonly expectedLeast = this.#float("expectedLeast");
  readonly expectedMost = this.#float("expectedMost");

  /** Makes room for a slot. Doubles, so that adding series one by one stays linear. */
  reserve(slot: number): void {
    if (slot < this.length) return;
    this.length = slot + 1;
    if (slot < this.#capacity) return;
    let capacity = Math.max(this.#capacity, CAPACITY_FIRST);
    while (capacity <= slot) capacity *= 2;
    this.#capacity = capacity;
    for (const column of this.all) column.grow(capacity);
  }

  /** Forgets one series; its memory serves the next that gets the slot. */
  clear(slot: number): void {
    if (slot >= this.length) return;
    for (const column of this.all) {
      column.values.fill(0, slot * column.width, (slot + 1) * column.width);
    }
  }

  has(slot: number, flag: number): boolean {
    return (this.flags.at(slot) & flag) !== 0;
  }

  raise(slot: number, flag: number): void {
    this.flags.set(slot, this.flags.at(slot) | flag);
  }

  lower(slot: number, flag: number): void {
    this.flags.set(slot, this.flags.at(slot) & ~flag);
  }

  #float(name: string, width = 1): FloatColumn {
    const column = new FloatColumn(name, width);
    this.all.push(column);
    return column;
  }

  #int(name: string, width = 1): IntColumn {
    const column = new IntColumn(name, width, false);
    this.all.push(column);
    return column;
  }

  #step(name: string, width = 1): IntColumn {
    const column = new IntColumn(name, width, true);
    this.all.push(column);
    return column;
  }

  #code(name: string, bytes: 1 | 2, width: number): CodeColumn {
    const column = new CodeColumn(name, width, bytes);
    this.all.push(column);
    return column;
  }

  #count(name: string, width: number): CountColumn {
    const column = new CountColumn(name, width);
    this.all.push(column);
    return column;
  }
}
