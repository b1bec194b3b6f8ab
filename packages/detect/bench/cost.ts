import v8 from "node:v8";
import vm from "node:vm";
import { CountDeltas, LevelIndex, STEP_MS } from "@tracer/core";
import { Detector } from "../src/index.ts";
import { quantile } from "./figures.ts";
import { START_MS } from "./generator.ts";
import { HOUR_STEPS } from "./habits.ts";
import { Random } from "./random.ts";

const WINDOW = 60;

/**
 * The plainest thing that can be called a detector: of every step of every service the deviation of a value
 * from the 60 values before it, by rolling sums. Nothing is remembered but the window.
 */
class RollingZScore {
  readonly #values: Float64Array;
  readonly #sums: Float64Array;
  readonly #squares: Float64Array;
  /** Scores over 4: something to do with the result. */
  alarms = 0;

  constructor(services: number) {
    this.#values = new Float64Array(services * WINDOW);
    this.#sums = new Float64Array(services);
    this.#squares = new Float64Array(services);
  }

  close(service: number, step: number, value: number): void {
    const known = Math.min(step, WINDOW);
    const sum = this.#sums[service] ?? 0;
    const squares = this.#squares[service] ?? 0;
    if (known > 1) {
      const mean = sum / known;
      const variance = (squares - sum * mean) / (known - 1);
      if (value - mean > 4 * Math.sqrt(Math.max(variance, 1e-9))) this.alarms += 1;
    }
    const index = service * WINDOW + (step % WINDOW);
    const evicted = this.#values[index] ?? 0;
    this.#values[index] = value;
    this.#sums[service] = sum + value - evicted;
    this.#squares[service] = squares + value * value - evicted * evicted;
  }
}

/** Rolling deviations of what the detector judges too: records, share of errors, mean ln(latency). Or of records alone. */
export class PlainZScore {
  readonly #services: number;
  readonly #cells: Int32Array;
  readonly #ofRecords: RollingZScore;
  readonly #ofShares: RollingZScore | null;
  readonly #ofLatency: RollingZScore | null;
  #steps = 0;

  constructor(services: number, { recordsOnly = false }: { recordsOnly?: boolean } = {}) {
    this.#services = services;
    this.#cells = new Int32Array(services);
    this.#ofRecords = new RollingZScore(services);
    this.#ofShares = recordsOnly ? null : new RollingZScore(services);
    this.#ofLatency = recordsOnly ? null : new RollingZScore(services);
  }

  get alarms(): number {
    return this.#ofRecords.alarms + (this.#ofShares?.alarms ?? 0) + (this.#ofLatency?.alarms ?? 0);
  }

  /** Takes all cells of one step; services without one count 0. */
  closeStep(deltas: CountDeltas): void {
    const cells = this.#cells.fill(-1);
    for (let cell = 0; cell < deltas.length; cell += 1) cells[deltas.slot[cell] ?? 0] = cell;
    for (let service = 0; service < this.#services; service += 1) {
      const cell = cells[service] ?? -1;
      const records = cell < 0 ? 0 : (deltas.records[cell] ?? 0);
      this.#ofRecords.close(service, this.#steps, records);
      if (records === 0) continue;
      this.#ofShares?.close(service, this.#steps, (deltas.errors[cell] ?? 0) / records);
      const latencies = deltas.latencyCount[cell] ?? 0;
      if (latencies === 0) continue;
      this.#ofLatency?.close(service, this.#steps, (deltas.latencyLogSum[cell] ?? 0) / latencies);
    }
    this.#steps += 1;
  }
}

export interface Cost {
  readonly services: number;
  /** Nanoseconds per service and step, medians over rounds of an hour. */
  readonly detectorNs: number;
  readonly plainNs: number;
  /** Of a plain score of the records alone, which sees a third of what the detector judges. */
  readonly plainRecordsNs: number;
  /** detectorNs ÷ plainNs. */
  readonly ratio: number;
}

const SERVICES = 2_000;
const GROUPS = 24;

/** Both over the same batches, turn by turn, after `warmUpHours` of steps. */
export function measureCost({
  rounds,
  warmUpHours,
}: {
  rounds: number;
  warmUpHours: number;
}): Cost {
  const random = new Random("cost");
  const rates = Array.from({ length: SERVICES }, () => random.logBetween(0.05, 500));
  const groups = Array.from({ length: GROUPS }, () => groupOf(random, rates));
  const detector = new Detector({ seriesMax: SERVICES });
  const plain = new PlainZScore(SERVICES);
  const plainRecords = new PlainZScore(SERVICES, { recordsOnly: true });
  const detectorNs: number[] = [];
  const plainNs: number[] = [];
  const plainRecordsNs: number[] = [];
  let step = 0;
  const hour = () => {
    let spentDetector = 0n;
    let spentPlain = 0n;
    let spentRecords = 0n;
    for (let end = step + HOUR_STEPS; step < end; step += 1) {
      const startMs = START_MS + step * STEP_MS;
      const group = groups[Math.floor(random.uniform() * GROUPS)];
      if (group === undefined) continue;
      group.stepStartMs.fill(startMs, 0, group.length);
      group.newestMs.fill(startMs, 0, group.length);
      const before = process.hrtime.bigint();
      plainRecords.closeStep(group);
      const began = process.hrtime.bigint();
      plain.closeStep(group);
      const between = process.hrtime.bigint();
      detector.observe(group, startMs);
      detector.tickTo(startMs + STEP_MS);
      detector.takeTransitions();
      spentDetector += process.hrtime.bigint() - between;
      spentPlain += between - began;
      spentRecords += began - before;
    }
    return [spentDetector, spentPlain, spentRecords].map(
      (spent) => Number(spent) / (SERVICES * HOUR_STEPS),
    );
  };
  for (let done = 0; done < warmUpHours; done += 1) hour();
  for (let round = 0; round < rounds; round += 1) {
    const [ofDetector = 0, ofPlain = 0, ofRecords = 0] = hour();
    detectorNs.push(ofDetector);
    plainNs.push(ofPlain);
    plainRecordsNs.push(ofRecords);
  }
  const medianDetector = quantile(detectorNs, 0.5) ?? Number.NaN;
  const medianPlain = quantile(plainNs, 0.5) ?? Number.NaN;
  return {
    services: SERVICES,
    detectorNs: medianDetector,
    plainNs: medianPlain,
    plainRecordsNs: quantile(plainRecordsNs, 0.5) ?? Number.NaN,
    ratio: medianDetector / medianPlain,
  };
}

function groupOf(random: Random, rates: readonly number[]): CountDeltas {
  const deltas = new CountDeltas();
  for (const [slot, rate] of rates.entries()) {
    const records = random.poisson(rate);
    const errors = Math.min(records, random.poisson(rate * 0.01));
    const latencyMs = Math.exp(4 + (0.5 / Math.sqrt(records + 1)) * random.normal());
    if (errors > 0) deltas.add(slot, START_MS, LevelIndex.error, latencyMs, errors);
    if (records > errors) deltas.add(slot, START_MS, LevelIndex.info, latencyMs, records - errors);
  }
  return deltas;
}

/** A power of two, so that what doubles when it is full is full. */
const SERVICES_HELD = 32_768;

const STEPS_HELD = 60;
const LATENESS_STEPS = 2;

export interface Bytes {
  /** What is remembered of a service: its share of a snapshot without open steps. */
  readonly remembered: number;
  /** All memory, with two open steps each, what finds them, and the room that arrays have left to grow. */
  readonly held: number;
}

/** Bytes that the detector keeps for each of many services. */
export function measureBytes(): Bytes {
  v8.setFlagsFromString("--expose-gc");
  const collect: unknown = vm.runInNewContext("gc");
  const settle = () => {
    if (typeof collect === "function") collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const deltas = new CountDeltas();
  for (let slot = 0; slot < SERVICES_HELD; slot += 1) {
    deltas.add(slot, START_MS, LevelIndex.info, 20, 3);
    if (slot % 5 === 0) deltas.add(slot, START_MS, LevelIndex.error, 20, 1);
  }
  settle(); // Buffers of what ran before are given back a little later.
  const before = settle();
  const detector = new Detector({ seriesMax: SERVICES_HELD });
  for (let step = 0; step < STEPS_HELD; step += 1) {
    const startMs = START_MS + step * STEP_MS;
    deltas.stepStartMs.fill(startMs, 0, deltas.length);
    deltas.newestMs.fill(startMs, 0, deltas.length);
    detector.observe(deltas, startMs);
    detector.tickTo(startMs + STEP_MS);
  }
  detector.takeTransitions();
  const held = (settle() - before) / SERVICES_HELD;
  detector.tickTo(START_MS + (STEPS_HELD + LATENESS_STEPS) * STEP_MS);
  detector.takeTransitions();
  let remembered = 0;
  for (let slot = 0; slot < SERVICES_HELD; ) {
    const { bytes, slotEnd } = detector.saveSlots(slot);
    remembered += bytes.length;
    slot = slotEnd;
  }
  return { remembered: remembered / SERVICES_HELD, held };
}
