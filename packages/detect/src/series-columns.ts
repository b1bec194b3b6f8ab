import {
  ByteColumn,
  type Column,
  CountColumn,
  FloatColumn,
  IntColumn,
  ShortColumn,
  SmallFloatColumn,
} from "./columns.ts";
import { StepTime } from "./step-time.ts";

/** Closed 60-second buckets kept per series. */
export const RING_BUCKETS = 60;
/** Closed buckets of which the mean latency is kept: as many as a sparkline shows. */
export const LATENCY_BUCKETS = 30;
/** Alternatives tested for the share of errors, and for the volume. */
export const ERROR_TESTS = 3;
export const VOLUME_TESTS = 4;
/** Alternatives tested for latency. */
export const LATENCY_TESTS = 2;
/** Kinds and parts that can be open on a series: see SIGNAL_KEYS. */
export const SIGNAL_KINDS = 4;
/** Hours of a weekday and of a day of the weekend, 5-minute blocks of a day, minutes of an hour. */
export const DAY_CLASSES = 2;
export const DAY_HOURS = 24;
export const DAY_BLOCKS = 288;
export const HOUR_MINUTES = 60;
/** Stands in the ring for a bucket of which nothing is known. */
export const BUCKET_MISSING = 0xffff;

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

/**
 * All that is remembered about every series, as named columns indexed by slot, so that a snapshot is a
 * dump and a series costs no object. A slot of zeros is a series that has seen nothing, and a snapshot of
 * before a column was there loads with zeros in it: a column whose zero means something else, or one that
 * changes its meaning, needs a new SNAPSHOT_VERSION.
 */
export class SeriesColumns {
  readonly all: Column[] = [];
  /** The calendar of the step in hand. */
  readonly stepTime = new StepTime();
  /** Slots below it may be in use. */
  length = 0;
  #capacity = 0;

  // Time. Steps are numbered from the Unix epoch.
  readonly flags = this.#short("flags");
  readonly firstStep = this.#step("firstStep");
  /** The first step that is not closed yet. */
  readonly nextStep = this.#step("nextStep");
  /** Newest event time, never after the receipt of its batch. */
  readonly newestMs = this.#float("newestMs");
  readonly receiptMs = this.#float("receiptMs");
  /** How long after the end of a step its records still arrive; see delivery-delay.ts. */
  readonly delayTopMs = this.#int("delayTopMs");
  readonly delaySecondMs = this.#int("delaySecondMs");
  readonly delayBeforeMs = this.#int("delayBeforeMs");
  readonly delaySamples = this.#byte("delaySamples");
  /** Closed steps without a record, up to the last closed one. */
  readonly emptyRun = this.#short("emptyRun");
  readonly recordsTotal = this.#count("recordsTotal");

  // The bucket being filled by closed steps, and the ring of closed ones.
  readonly bucketRecords = this.#count("bucketRecords");
  readonly bucketErrors = this.#count("bucketErrors");
  readonly bucketSteps = this.#byte("bucketSteps");
  readonly ringRecords = this.#short("ringRecords", RING_BUCKETS);
  /** Records of the ring are kept in units of 2 to this power: see buckets.ts. */
  readonly ringShift = this.#byte("ringShift");
  readonly ringErrors = this.#short("ringErrors", RING_BUCKETS);
  readonly ringLength = this.#byte("ringLength");
  readonly ewmaRecords = this.#float("ewmaRecords");
  readonly ewmaRecordsVariance = this.#small("ewmaRecordsVariance");
  readonly ewmaRecordsLearned = this.#short("ewmaRecordsLearned");
  readonly ewmaShare = this.#float("ewmaShare");
  readonly ewmaShareVariance = this.#small("ewmaShareVariance");
  readonly ewmaShareLearned = this.#short("ewmaShareLearned");

  // What errors are expected, and the evidence against it per alternative.
  readonly errorSum = this.#float("errorSum");
  readonly recordSum = this.#float("recordSum");
  readonly errorDispersion = this.#small("errorDispersion");
  readonly errorBlocks = this.#short("errorBlocks");
  readonly errorBlockSteps = this.#short("errorBlockSteps");
  readonly errorBlockExcess = this.#small("errorBlockExcess");
  readonly errorBlockVariance = this.#small("errorBlockVariance");
  readonly errorEvidence = this.#small("errorEvidence", ERROR_TESTS);
  /** The highest that the evidence was since its onset. */
  readonly errorTop = this.#small("errorTop", ERROR_TESTS);
  readonly errorOnset = this.#step("errorOnset", ERROR_TESTS);
  readonly errorSinceRecords = this.#count("errorSinceRecords", ERROR_TESTS);
  readonly errorSinceErrors = this.#count("errorSinceErrors", ERROR_TESTS);
  readonly errorSinceFatals = this.#count("errorSinceFatals", ERROR_TESTS);

  // What volume is expected per step, and the evidence against it per alternative.
  readonly levelSteps = this.#short("levelSteps");
  readonly level = this.#float("level");
  readonly levelSlow = this.#small("levelSlow");
  readonly volumeExcess = this.#small("volumeExcess");
  readonly volumeSquare = this.#small("volumeSquare");
  readonly volumeDispersion = this.#small("volumeDispersion");
  readonly volumeBlocks = this.#short("volumeBlocks");
  readonly volumeBlockSteps = this.#short("volumeBlockSteps");
  readonly volumeBlockRecords = this.#count("volumeBlockRecords");
  readonly volumeBlockExpected = this.#small("volumeBlockExpected");
  /** Steps with an open volume signal, less those without one: how long the new volume has been going on. */
  readonly volumeOpenSteps = this.#short("volumeOpenSteps");
  readonly volumeEvidence = this.#small("volumeEvidence", VOLUME_TESTS);
  readonly volumeTop = this.#small("volumeTop", VOLUME_TESTS);
  readonly volumeOnset = this.#step("volumeOnset", VOLUME_TESTS);
  readonly volumeCrossed = this.#short("volumeCrossed", VOLUME_TESTS);
  readonly volumeSinceRecords = this.#count("volumeSinceRecords", VOLUME_TESTS);
  readonly volumeSinceExpected = this.#small("volumeSinceExpected", VOLUME_TESTS);

  // What latency is expected (of its natural logarithm), and the evidence against it per alternative.
  readonly latencyWeight = this.#small("latencyWeight");
  readonly latencySum = this.#small("latencySum");
  readonly latencySteps = this.#short("latencySteps");
  readonly latencySpread = this.#small("latencySpread");
  readonly latencyDrift = this.#small("latencyDrift");
  readonly latencyDispersion = this.#small("latencyDispersion");
  readonly latencyBlocks = this.#short("latencyBlocks");
  readonly latencyBlockSteps = this.#short("latencyBlockSteps");
  readonly latencyBlockDeviation = this.#small("latencyBlockDeviation");
  readonly latencyBlockPrecision = this.#small("latencyBlockPrecision");
  readonly latencyEvidence = this.#small("latencyEvidence", LATENCY_TESTS);
  readonly latencyTop = this.#small("latencyTop", LATENCY_TESTS);
  readonly latencyOnset = this.#step("latencyOnset", LATENCY_TESTS);
  readonly latencyCrossed = this.#short("latencyCrossed", LATENCY_TESTS);
  readonly latencySinceCount = this.#count("latencySinceCount", LATENCY_TESTS);
  readonly latencySinceSum = this.#small("latencySinceSum", LATENCY_TESTS);
  /** How much slower each hour of the day is used to be, and the most of the hour in hand: see latency-hours.ts. */
  readonly latencyHours = this.#byte("latencyHours", DAY_HOURS);
  readonly latencyHourMost = this.#byte("latencyHourMost");
  readonly bucketLatencies = this.#count("bucketLatencies");
  readonly bucketLatencySum = this.#small("bucketLatencySum");
  /** Mean ln(latency) of each closed bucket as a code: see buckets.ts. 0: none. */
  readonly ringLatency = this.#short("ringLatency", LATENCY_BUCKETS);

  // How near to its bar each kind came, as codes: in the bucket being filled, and in the last closed one.
  readonly fillingPeaks = this.#byte("fillingPeaks", SIGNAL_KINDS);
  readonly bucketPeaks = this.#byte("bucketPeaks", SIGNAL_KINDS);

  // What volume is usual at which time: see seasonal.ts.
  readonly hourProfile = this.#short("hourProfile", DAY_CLASSES * DAY_HOURS);
  readonly hourRecords = this.#count("hourRecords");
  readonly hourSteps = this.#short("hourSteps");
  /** Records a step by the profile, of the level of now; 1 is as the profile says. One per class of day. */
  readonly seasonLevel = this.#small("seasonLevel", DAY_CLASSES);
  readonly blockFactor = this.#byte("blockFactor", DAY_BLOCKS);
  readonly minuteFactor = this.#byte("minuteFactor", HOUR_MINUTES);
  readonly minuteExpected = this.#small("minuteExpected");
  readonly blockRecords = this.#count("blockRecords");
  readonly blockExpected = this.#small("blockExpected");
  readonly blockSteps = this.#byte("blockSteps");
  readonly hoursLearned = this.#short("hoursLearned");
  /** Records expected in the step in hand, and the least and the most that the time of day excuses. */
  readonly expectedRecords = this.#small("expectedRecords");
  readonly expectedLeast = this.#small("expectedLeast");
  readonly expectedMost = this.#small("expectedMost");

  /** Makes room for a slot. Doubles, so that adding series one by one stays linear. */
  reserve(slot: number): void {
    if (slot < this.length) return;
    this.length = slot + 1;
    if (slot < this.#capacity) return;
    let capacity = Math.max(this.#capacity, CAPACITY_FIRST);
    while (capacity <= slot) capacity *= 2;
    this.#capacity = capacity;
    for (const column of this.all) column.resize(capacity);
  }

  /** Forgets one series; its memory serves the next that gets the slot. */
  clear(slot: number): void {
    if (slot >= this.length) return;
    for (const column of this.all) {
      column.values.fill(0, slot * column.width, (slot + 1) * column.width);
    }
  }

  /** Gives memory back when three quarters of it are behind the last slot in use. */
  trim(): void {
    let length = this.length;
    while (length > 0 && this.flags.at(length - 1) === 0) length -= 1;
    if (this.#capacity <= CAPACITY_FIRST || length * 4 > this.#capacity) return;
    this.length = length;
    this.#capacity = CAPACITY_FIRST;
    while (this.#capacity < length * 2) this.#capacity *= 2;
    for (const column of this.all) column.resize(this.#capacity);
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

  #add<Kind extends Column>(column: Kind): Kind {
    this.all.push(column);
    return column;
  }

  #float(name: string, width = 1): FloatColumn {
    return this.#add(new FloatColumn(name, width));
  }

  #small(name: string, width = 1): SmallFloatColumn {
    return this.#add(new SmallFloatColumn(name, width));
  }

  #int(name: string, width = 1): IntColumn {
    return this.#add(new IntColumn(name, width, false));
  }

  #step(name: string, width = 1): IntColumn {
    return this.#add(new IntColumn(name, width, true));
  }

  #count(name: string, width = 1): CountColumn {
    return this.#add(new CountColumn(name, width));
  }

  #short(name: string, width = 1): ShortColumn {
    return this.#add(new ShortColumn(name, width));
  }

  #byte(name: string, width = 1): ByteColumn {
    return this.#add(new ByteColumn(name, width));
  }
}
