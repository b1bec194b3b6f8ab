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
 * The plainest thing that can be called a detector: of every step of every service the deviation of its
 * count from the 60 steps before it, by rolling sums. Nothing is remembered but the window.
 */
export class PlainZScore {
  readonly #counts: Float64Array;
  readonly #sums: Float64Array;
  readonly #squares: Float64Array;
  readonly #services: number;
  readonly #now: Float64Array;
  #steps = 0;
  /** Scores over 4: something to do with the result. */
  alarms = 0;

  constructor(services: number) {
    this.#services = services;
    this.#counts = new Float64Array(services * WINDOW);
    this.#sums = new Float64Array(services);
    this.#squares = new Float64Array(services);
    this.#now = new Float64Array(services);
  }

  /** Takes all cells of one step; services without one count 0. */
  closeStep(deltas: CountDeltas): void {
    const now = this.#now.fill(0);
    const { slot, records } = deltas;
    for (let cell = 0; cell < deltas.length; cell += 1) {
      now[slot[cell] ?? 0] = records[cell] ?? 0;
    }
    const place = this.#steps % WINDOW;
    const known = Math.min(this.#steps, WINDOW);
    for (let service = 0; service < this.#services; service += 1) {
      const count = now[service] ?? 0;
      const sum = this.#sums[service] ?? 0;
      const squares = this.#squares[service] ?? 0;
      if (known > 1) {
        const mean = sum / known;
        const variance = (squares - sum * mean) / (known - 1);
        if (count - mean > 4 * Math.sqrt(Math.max(variance, 1e-9))) this.alarms += 1;
      }
      const index = service * WINDOW + place;
      const evicted = this.#counts[index] ?? 0;
      this.#counts[index] = count;
      this.#sums[service] = sum + count - evicted;
      this.#squares[service] = squares + count * count - evicted * evicted;
    }
    this.#steps += 1;
  }
}

export interface Cost {
  readonly services: number;
  /** Nanoseconds per service and step, medians over rounds of an hour. */
  readonly detectorNs: number;
  readonly plainNs: number;
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
  const detectorNs: number[] = [];
  const plainNs: number[] = [];
  let step = 0;
  const hour = () => {
    let spentDetector = 0n;
    let spentPlain = 0n;
    for (let end = step + HOUR_STEPS; step < end; step += 1) {
      const startMs = START_MS + step * STEP_MS;
      const group = groups[Math.floor(random.uniform() * GROUPS)];
      if (group === undefined) continue;
      group.stepStartMs.fill(startMs, 0, group.length);
      group.newestMs.fill(startMs, 0, group.length);
      const began = process.hrtime.bigint();
      plain.closeStep(group);
      const between = process.hrtime.bigint();
      detector.observe(group, startMs);
      detector.tickTo(startMs + STEP_MS);
      detector.takeTransitions();
      spentDetector += process.hrtime.bigint() - between;
      spentPlain += between - began;
    }
    return [spentDetector, spentPlain].map((spent) => Number(spent) / (SERVICES * HOUR_STEPS));
  };
  for (let done = 0; done < warmUpHours; done += 1) hour();
  for (let round = 0; round < rounds; round += 1) {
    const [ofDetector = 0, ofPlain = 0] = hour();
    detectorNs.push(ofDetector);
    plainNs.push(ofPlain);
  }
  const medianDetector = quantile(detectorNs, 0.5) ?? Number.NaN;
  const medianPlain = quantile(plainNs, 0.5) ?? Number.NaN;
  return {
    services: SERVICES,
    detectorNs: medianDetector,
    plainNs: medianPlain,
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

/** Bytes that the detector keeps for each of many services, on the heap and in typed arrays. */
export function measureBytes(): number {
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
  const bytes = settle() - before;
  return detector.slotEnd === SERVICES_HELD ? bytes / SERVICES_HELD : Number.NaN;
}
