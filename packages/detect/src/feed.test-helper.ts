import { CountDeltas, LevelIndex, type Signal, STEP_MS } from "@tracer/core";
import { Detector } from "./detector.ts";
import type { DetectorOptions } from "./options.ts";
import type { Transition } from "./transition.ts";

/** A full hour, so that steps and buckets begin with it. */
export const NOON_MS = Date.UTC(2026, 0, 5, 12);
export const SECOND = 1_000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;
export const DAY = 86_400_000;
/** Midnight at the beginning of a Monday. */
export const MONDAY_MS = Date.UTC(2026, 0, 5);

/** Seeded uniform numbers in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function poisson(mean: number, random: () => number): number {
  if (mean > 30) {
    return Math.max(0, Math.round(mean + Math.sqrt(mean) * gaussian(random)));
  }
  const limit = Math.exp(-mean);
  let count = 0;
  for (let product = random(); product > limit; product *= random()) count += 1;
  return count;
}

export function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

export function binomial(trials: number, chance: number, random: () => number): number {
  let count = 0;
  for (let trial = 0; trial < trials; trial += 1) if (random() < chance) count += 1;
  return count;
}

export interface Traffic {
  readonly slot?: number;
  readonly perMinute: number;
  readonly errorShare?: number;
  readonly fatalShare?: number;
  /** Typical (median) latency in ms; without it records name none. */
  readonly latencyMs?: number;
  /** Deviation of ln(latency) of a record; 0.5 spreads it over a factor of three. */
  readonly latencySpread?: number;
}

/** Traffic at a time, of one service or of several. */
export type TrafficAt = (atMs: number) => readonly Traffic[];

/** A detector with a simulated clock and everything it has said so far. */
export class Feed {
  readonly detector: Detector;
  readonly transitions: Transition[] = [];
  random: () => number;
  late = 0;

  constructor({
    seed = 1,
    detector,
    ...options
  }: Partial<DetectorOptions> & { seed?: number; detector?: Detector } = {}) {
    this.detector = detector ?? new Detector(options);
    this.random = seeded(seed);
  }

  /** Records of `lengthMs` from `fromMs`, as chance has it, added to `deltas`. */
  fill(deltas: CountDeltas, fromMs: number, lengthMs: number, traffic: Traffic): void {
    const { slot = 0, perMinute, errorShare = 0, fatalShare = 0 } = traffic;
    const { latencyMs = Number.NaN, latencySpread = 0.5 } = traffic;
    // The mean of ln(latency) of `count` records: a record each would cost their number.
    const latency = (count: number) =>
      Number.isNaN(latencyMs)
        ? latencyMs
        : latencyMs * Math.exp((latencySpread / Math.sqrt(count)) * gaussian(this.random));
    const width = Math.min(STEP_MS, lengthMs);
    for (let atMs = fromMs; atMs < fromMs + lengthMs; atMs += width) {
      const records = poisson((perMinute * width) / MINUTE, this.random);
      const fatals = binomial(records, fatalShare, this.random);
      const errors = binomial(records - fatals, errorShare, this.random);
      const lastMs = atMs + width - 1;
      if (fatals > 0) deltas.add(slot, lastMs, LevelIndex.fatal, latency(fatals), fatals);
      if (errors > 0) deltas.add(slot, lastMs, LevelIndex.error, latency(errors), errors);
      const rest = records - fatals - errors;
      if (rest > 0) deltas.add(slot, lastMs, LevelIndex.info, latency(rest), rest);
    }
  }

  /** One body with history up to `untilMs`, received then. */
  history(untilMs: number, lengthMs: number, traffic: Traffic): void {
    const deltas = new CountDeltas();
    this.fill(deltas, untilMs - lengthMs, lengthMs, traffic);
    this.post(deltas, untilMs);
  }

  /** Live: a post of every service and a tick each second. */
  live(fromMs: number, lengthMs: number, ...services: Traffic[]): void {
    const deltas = new CountDeltas();
    for (let atMs = fromMs; atMs < fromMs + lengthMs; atMs += SECOND) {
      deltas.clear();
      for (const traffic of services) this.fill(deltas, atMs, SECOND, traffic);
      this.post(deltas, atMs + SECOND);
      this.tick(atMs + SECOND);
    }
  }

  /** Ticks each second without any post. */
  quiet(fromMs: number, lengthMs: number): void {
    for (let atMs = fromMs + SECOND; atMs <= fromMs + lengthMs; atMs += SECOND) this.tick(atMs);
  }

  /** As a backtest does: a batch for every step, and event time for everybody. */
  replay(fromMs: number, lengthMs: number, ...services: Traffic[]): void {
    this.follow(fromMs, lengthMs, () => services);
  }

  /** As `replay`, of traffic that changes with the time. */
  follow(fromMs: number, lengthMs: number, trafficAt: TrafficAt): void {
    const deltas = new CountDeltas();
    for (let atMs = fromMs; atMs < fromMs + lengthMs; atMs += STEP_MS) {
      deltas.clear();
      for (const traffic of trafficAt(atMs)) this.fill(deltas, atMs, STEP_MS, traffic);
      this.post(deltas, atMs + STEP_MS - 1);
      this.detector.tickTo(atMs + STEP_MS - 1);
      this.#take();
    }
  }

  /** Exact counts of one step. */
  step(
    atMs: number,
    counts: { slot?: number; records: number; errors?: number; fatals?: number },
  ): CountDeltas {
    const { slot = 0, records, errors = 0, fatals = 0 } = counts;
    const deltas = new CountDeltas();
    if (fatals > 0) deltas.add(slot, atMs, LevelIndex.fatal, Number.NaN, fatals);
    if (errors > fatals) deltas.add(slot, atMs, LevelIndex.error, Number.NaN, errors - fatals);
    if (records > errors) deltas.add(slot, atMs, LevelIndex.info, Number.NaN, records - errors);
    return deltas;
  }

  post(deltas: CountDeltas, receiptMs: number): void {
    this.late += this.detector.observe(deltas, receiptMs).late;
    this.#take();
  }

  tick(receiptMs: number): void {
    this.detector.tick(receiptMs);
    this.#take();
  }

  #take(): void {
    this.transitions.push(...this.detector.takeTransitions());
  }

  /** Signals of a state, by kind: "error" or "volume/drop". */
  said(state: Transition["state"]): string[] {
    return this.transitions
      .filter((each) => each.state === state)
      .map(({ signal }) => nameOf(signal));
  }

  first(state: Transition["state"], name: string): Transition {
    const found = this.transitions.find(
      (each) => each.state === state && nameOf(each.signal) === name,
    );
    if (found === undefined) throw new Error(`nothing ${state} for ${name}`);
    return found;
  }
}

export function nameOf({ kind, part }: Signal): string {
  return part === "" ? kind : `${kind}/${part}`;
}

/** Paths of the numbers in a value that are not finite, and of anything undefined. */
export function notFinite(value: unknown, path = ""): string[] {
  if (typeof value === "number") return Number.isFinite(value) ? [] : [path];
  if (typeof value === "string") return /NaN|Infinity|undefined/.test(value) ? [path] : [];
  if (value === undefined) return [path];
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, each]) => notFinite(each, `${path}.${key}`));
}
