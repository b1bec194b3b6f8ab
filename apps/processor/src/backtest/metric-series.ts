import type { Evidence } from "@tracer/core";
import { MetricDetector, surpriseOf } from "@tracer/detect";
import { MetricChart } from "./metric-chart.ts";

/** Alerts of one series that are kept with all they say; those beyond are only counted. */
export const SERIES_ALERTS_MAX = 1_000;
const SPARKLINE_ROWS = 30;
const CLOSEST_MAX = 3;

export interface MetricAlert {
  readonly atMs: number;
  readonly evidence: Evidence;
}

/** A row that was surprising, but not enough. */
export interface ClosestRow {
  readonly atMs: number;
  readonly surpriseNats: number;
}

/** One series of numbers under the detector, and what a report needs of it. */
export class MetricSeries {
  readonly name: string;
  readonly chart = new MetricChart();
  readonly alerts: MetricAlert[] = [];
  /** The largest surprises below the bar, in order of time. */
  closest: ClosestRow[] = [];
  rows = 0;
  alertCount = 0;
  /** Of the rows that were judged or learned; infinite while there is none. */
  firstMs = Number.POSITIVE_INFINITY;
  lastMs = Number.NEGATIVE_INFINITY;
  /** When it was first judged. */
  learnedMs: number | null = null;
  readonly #detector = new MetricDetector();
  readonly #scoreMin: number;
  readonly #bar: number;
  readonly #recent: number[] = [];

  /** A row alerts from `scoreMin` on, above 0 and below 1. */
  constructor(name: string, scoreMin: number) {
    this.name = name;
    this.#scoreMin = scoreMin;
    this.#bar = surpriseOf(scoreMin);
  }

  /** A row with a finite value. */
  add(timestampMs: number, value: number): void {
    const score = this.#detector.score(timestampMs, value);
    this.rows += 1;
    this.firstMs = Math.min(this.firstMs, timestampMs);
    this.lastMs = Math.max(this.lastMs, timestampMs);
    if (this.#recent.length >= SPARKLINE_ROWS) this.#recent.shift();
    this.#recent.push(value);
    this.chart.add(timestampMs, value, () => this.#detector.band());
    if (this.learnedMs === null && this.#detector.band() !== null) this.learnedMs = timestampMs;
    if (score >= this.#scoreMin) this.#alert(timestampMs);
    else if (surpriseOf(score) >= this.#bar / 2) this.#note(timestampMs, surpriseOf(score));
  }

  #alert(atMs: number): void {
    this.alertCount += 1;
    const explanation = this.#detector.explain();
    if (explanation === null || this.alerts.length >= SERIES_ALERTS_MAX) return;
    const { surpriseNats, ...numbers } = explanation;
    const evidence: Evidence = {
      ...numbers,
      unit: "number",
      peak: numbers.observed,
      evidence: surpriseNats,
      bar: this.#bar,
      baselineAgeSeconds: (atMs - this.firstMs) / 1000,
      sparkline: [...this.#recent],
    };
    this.alerts.push({ atMs, evidence });
  }

  #note(atMs: number, surpriseNats: number): void {
    const known = [...this.closest, { atMs, surpriseNats }];
    const least = Math.min(...known.map((each) => each.surpriseNats));
    const dropped =
      known.length > CLOSEST_MAX ? known.findIndex((each) => each.surpriseNats === least) : -1;
    this.closest = known.filter((_, index) => index !== dropped);
  }
}
