import type { Evidence, SeriesKey, Severity, Signal } from "@tracer/core";
import { type Transition, withEnding } from "../transition.ts";
import { MetricDetector, surpriseOf } from "./metric-detector.ts";

/** Values of a series are judged as their mean over this long. */
export const METRIC_STEP_MS = 300_000;
/** Steps that are learned only: a day. */
export const METRIC_LEARNING_STEPS = 288;
/** Surprise that opens a signal. Higher than for one file of numbers: hundreds of series are watched at once. */
export const METRIC_NATS_MIN = 13;
/**
 * For a series that never moved before: its first change has nothing to be ranked among, so little surprise is enough. It must be
 * half of what it was, and it must have been something: of a line at 0, any first value would do.
 */
const FIRST_MOVE_NATS_MIN = 6;
const FIRST_MOVE_SHARE_MIN = 0.5;
/** Steps inside what was expected that end a signal. */
const CALM_STEPS = 2;
/** After six hours the values are the new normal. */
const ACCEPT_STEPS = 72;
/** Nothing for so long ends a signal: nobody knows any more. */
const SILENT_MS = 1_800_000;
/** A series without a value for so long is forgotten. */
const IDLE_MS = 172_800_000;
/** How long a step is kept open for values that come late, by receipt time. */
const LATE_MS = 60_000;
const SPARKLINE_MINUTES = 30;

/** Slots of metric series: beyond every slot of the directory. */
export const METRIC_SLOT_FIRST = 2 ** 30;

export interface MetricBookOptions {
  /** Series held at once, about 40 KB each; values of others are counted in `overflowed`. */
  readonly seriesMax: number;
}

interface Open {
  readonly onsetMs: number;
  readonly decidedMs: number;
  readonly evidence: Evidence;
  readonly low: number;
  readonly high: number;
  peak: number;
  worst: number;
  observed: number;
  lastStepMs: number;
  calm: number;
}

interface Series {
  readonly slot: number;
  readonly id: string;
  readonly key: SeriesKey;
  readonly part: string;
  readonly detector: MetricDetector;
  /** The step that is open: its start, and the sum of its values. */
  stepMs: number;
  sum: number;
  values: number;
  steps: number;
  /** The value of every step so far; null: they differ, or there is none. */
  constant: number | null;
  firstMs: number;
  /** Receipt time of the newest value. */
  seenMs: number;
  open: Open | null;
  /** Means of the last steps, oldest first. */
  readonly recent: number[];
}

/**
 * Numeric series, by service and name, and the signals of kind `metric` on them. Pure: time is what it is told.
 * A series is learned for a day, then a mean over five minutes that is more surprising than anything in its past opens a
 * signal. It ends when the values are back, or after six hours, when they are the new normal.
 */
export class MetricBook {
  readonly seriesMax: number;
  /** Values that found no room. */
  overflowed = 0;
  /** Values that came after their step was judged. */
  late = 0;
  readonly #series = new Map<string, Series>();
  readonly #bySlot = new Map<number, Series>();
  readonly #open = new Set<Series>();
  #transitions: Transition[] = [];
  #slotEnd = METRIC_SLOT_FIRST;

  constructor({ seriesMax }: MetricBookOptions) {
    this.seriesMax = seriesMax;
  }

  get size(): number {
    return this.#series.size;
  }

  /** The names of a slot that this book gave out and still holds. */
  keyOf(slot: number): SeriesKey | undefined {
    return this.#bySlot.get(slot)?.key;
  }

  /** Adds a value of a series; times are ms since the epoch. False: there is no room for it, or it is late. */
  add(key: SeriesKey, part: string, timeMs: number, value: number, receiptMs: number): boolean {
    if (!Number.isFinite(value) || !Number.isFinite(timeMs)) return false;
    const series = this.#find(key, part, timeMs);
    if (series === null) return false;
    const stepMs = Math.floor(timeMs / METRIC_STEP_MS) * METRIC_STEP_MS;
    if (stepMs < series.stepMs) {
      this.late += 1;
      return false;
    }
    if (stepMs > series.stepMs) {
      this.#close(series);
      series.stepMs = stepMs;
    }
    series.sum += value;
    series.values += 1;
    series.seenMs = receiptMs;
    return true;
  }

  /** Lets receipt time pass: closes steps that no more values are waited for, ends what nobody tells of any more. */
  tick(receiptMs: number): void {
    for (const series of this.#series.values()) {
      if (series.stepMs + METRIC_STEP_MS + LATE_MS <= receiptMs) this.#close(series);
      const silentMs = receiptMs - series.seenMs;
      if (series.open !== null && silentMs > SILENT_MS) this.#end(series, "no_records");
      if (silentMs > IDLE_MS) {
        this.#series.delete(series.id);
        this.#bySlot.delete(series.slot);
      }
    }
  }

  takeTransitions(): Transition[] {
    const taken = this.#transitions;
    this.#transitions = [];
    return taken;
  }

  openSignals(): Signal[] {
    return [...this.#open].flatMap((series) => signalOf(series) ?? []);
  }

  #find(key: SeriesKey, part: string, timeMs: number): Series | null {
    const id = JSON.stringify([key.project, key.environment, key.service, part]);
    const known = this.#series.get(id);
    if (known !== undefined) return known;
    if (this.#series.size >= this.seriesMax) {
      this.overflowed += 1;
      return null;
    }
    const stepMs = Math.floor(timeMs / METRIC_STEP_MS) * METRIC_STEP_MS;
    const series: Series = {
      ...{ slot: this.#slotEnd, id, key, part, detector: new MetricDetector() },
      ...{
        stepMs,
        sum: 0,
        values: 0,
        steps: 0,
        constant: null,
        firstMs: stepMs,
        seenMs: timeMs,
        open: null,
      },
      recent: [],
    };
    this.#slotEnd += 1;
    this.#series.set(id, series);
    this.#bySlot.set(series.slot, series);
    return series;
  }

  #close(series: Series): void {
    if (series.values === 0) return;
    const value = series.sum / series.values;
    series.sum = 0;
    series.values = 0;
    const surprise = surpriseOf(series.detector.score(series.stepMs, value));
    const { constant } = series;
    const isFirstMove =
      constant !== null && Math.abs(value - constant) >= FIRST_MOVE_SHARE_MIN * Math.abs(constant);
    const bar = isFirstMove && constant !== 0 ? FIRST_MOVE_NATS_MIN : METRIC_NATS_MIN;
    series.constant = series.steps === 0 || value === constant ? value : null;
    series.steps += 1;
    series.recent.push(value);
    if (series.recent.length > SPARKLINE_MINUTES) series.recent.shift();
    const endMs = series.stepMs + METRIC_STEP_MS;
    if (series.open !== null) this.#judge(series, series.open, value, endMs);
    else if (series.steps > METRIC_LEARNING_STEPS && surprise >= bar) {
      this.#begin(series, value, { surprise, bar, endMs });
    }
    series.stepMs = endMs; // Values of the step that was judged are late from here on.
  }

  #begin(
    series: Series,
    value: number,
    { surprise, bar, endMs }: { surprise: number; bar: number; endMs: number },
  ): void {
    const told = series.detector.explain();
    if (told === null) return;
    const { sentence, sampleSize, expected, expectedLow, expectedHigh, ratio, z, ewma } = told;
    const evidence: Evidence = {
      ...{ unit: "number", observed: value, peak: value, expected, expectedLow, expectedHigh },
      ...{ ratio, z, ewma, rateOfChange: told.rateOfChange, evidence: surprise },
      bar,
      ...{ sampleSize, sentence, sparkline: [] },
      baselineAgeSeconds: Math.max(0, (series.stepMs - series.firstMs) / 1_000),
    };
    series.open = {
      ...{ onsetMs: series.stepMs, decidedMs: endMs, lastStepMs: endMs, evidence },
      ...{ low: expectedLow, high: expectedHigh, worst: value, observed: value, calm: 0 },
      peak: Math.abs(value - expected),
    };
    this.#open.add(series);
    this.#tell(series, "opened", "evidence");
  }

  #judge(series: Series, open: Open, value: number, endMs: number): void {
    open.lastStepMs = endMs;
    open.observed = value;
    const distance = Math.abs(value - open.evidence.expected);
    if (distance > open.peak) {
      open.peak = distance;
      open.worst = value;
    }
    open.calm = value >= open.low && value <= open.high ? open.calm + 1 : 0;
    if (open.calm >= CALM_STEPS) this.#end(series, null);
    else if (endMs - open.onsetMs > ACCEPT_STEPS * METRIC_STEP_MS) this.#end(series, "accepted");
  }

  #end(series: Series, ending: "accepted" | "no_records" | null): void {
    const signal = signalOf(series);
    if (signal !== null) {
      const told = ending === null ? signal : withEnding(signal, ending);
      this.#transitions.push({ state: "resolved", reason: ending ?? "evidence", signal: told });
    }
    series.open = null;
    this.#open.delete(series);
  }

  #tell(series: Series, state: "opened", reason: "evidence"): void {
    const signal = signalOf(series);
    if (signal !== null) this.#transitions.push({ state, reason, signal });
  }
}

const SEVERITY: Severity = "warning";

function signalOf({ slot, part, open, recent }: Series): Signal | null {
  if (open === null) return null;
  const { onsetMs, decidedMs, lastStepMs, evidence, worst, observed, peak } = open;
  // A value for each minute of the steps that are remembered; the last thirty are shown.
  const minutes = recent.flatMap((mean) => Array<number>(METRIC_STEP_MS / 60_000).fill(mean));
  return {
    ...{ slot, kind: "metric", part, severity: SEVERITY, onsetMs, decidedMs, lastStepMs, peak },
    evidence: { ...evidence, observed, peak: worst, sparkline: minutes.slice(-SPARKLINE_MINUTES) },
  };
}
