import type { BandPoint } from "@tracer/core";
import type { MetricBand } from "@tracer/detect";
import { CHART_POINTS_MAX } from "./chart-grid.ts";

const WIDTH_MS_MIN = 1_000;
const COLUMNS = ["rows", "sum", "samples", "expected", "low", "high"] as const;
type Columns = Record<(typeof COLUMNS)[number], Float64Array>;

/** The past of one series of numbers on a time axis, in memory that does not grow with its rows. */
export class MetricChart {
  #widthMs = WIDTH_MS_MIN;
  #columns = newColumns(16);
  #originMs: number | null = null;
  #length = 0;
  #sampled = -1;

  /** `expect` is asked once for each point. Times must not be wrong by much: the axis goes from the first to the last. */
  add(timestampMs: number, value: number, expect: () => MetricBand | null): void {
    const point = this.#pointOf(timestampMs);
    bump(this.#columns.rows, point, 1);
    bump(this.#columns.sum, point, value);
    if (point <= this.#sampled) return;
    this.#sampled = point;
    const band = expect();
    if (band === null) return;
    bump(this.#columns.samples, point, 1);
    bump(this.#columns.expected, point, band.expected);
    bump(this.#columns.low, point, band.expectedLow);
    bump(this.#columns.high, point, band.expectedHigh);
  }

  /** At most `countMax` points, each as wide as the usual time between two rows or wider. */
  pointsOf(countMax: number): { points: BandPoint[]; widthMs: number } {
    const width = Math.max(this.#usualGap(), Math.ceil(this.#length / Math.max(1, countMax)));
    const points: BandPoint[] = [];
    for (let from = 0; from < this.#length; from += width) points.push(this.#point(from, width));
    return { points, widthMs: this.#widthMs * width };
  }

  #point(from: number, width: number): BandPoint {
    const { rows, sum, samples, expected, low, high } = this.#columns;
    const total = (column: Float64Array) => {
      let all = 0;
      for (let at = from; at < Math.min(from + width, this.#length); at += 1)
        all += column[at] ?? 0;
      return all;
    };
    const rowCount = total(rows);
    const sampleCount = total(samples);
    const mean = (column: Float64Array) => (sampleCount > 0 ? total(column) / sampleCount : null);
    return {
      startMs: (this.#originMs ?? 0) + from * this.#widthMs,
      value: rowCount > 0 ? total(sum) / rowCount : null,
      expected: mean(expected),
      low: mean(low),
      high: mean(high),
    };
  }

  /** Median distance between two points that hold rows. */
  #usualGap(): number {
    const gaps: number[] = [];
    let last = -1;
    for (let at = 0; at < this.#length; at += 1) {
      if (this.#columns.rows[at] === 0) continue;
      if (last >= 0) gaps.push(at - last);
      last = at;
    }
    gaps.sort((left, right) => left - right);
    return Math.max(1, gaps[gaps.length >> 1] ?? 1);
  }

  #pointOf(timestampMs: number): number {
    this.#originMs ??= Math.floor(timestampMs / WIDTH_MS_MIN) * WIDTH_MS_MIN;
    let point = Math.floor((timestampMs - this.#originMs) / this.#widthMs);
    while (point < 0 || point >= CHART_POINTS_MAX) {
      // Rows of a time before the first one: the axis moves, and gets coarser where it must.
      if (point < 0) this.#regroup(this.#originMs + point * this.#widthMs, this.#widthMs);
      if (this.#length > CHART_POINTS_MAX || point >= CHART_POINTS_MAX) {
        this.#regroup(this.#originMs, this.#widthMs * 2);
      }
      point = Math.floor((timestampMs - this.#originMs) / this.#widthMs);
    }
    if (point >= this.#columns.rows.length) this.#grow(point);
    this.#length = Math.max(this.#length, point + 1);
    return point;
  }

  #grow(point: number): void {
    const larger = newColumns(Math.min(CHART_POINTS_MAX, Math.max(point + 1, 2 * this.#length)));
    for (const name of COLUMNS) larger[name].set(this.#columns[name].subarray(0, this.#length));
    this.#columns = larger;
  }

  #regroup(originMs: number, widthMs: number): void {
    const old = { columns: this.#columns, originMs: this.#originMs ?? 0, widthMs: this.#widthMs };
    const moved = (at: number) =>
      Math.floor((old.originMs + at * old.widthMs - originMs) / widthMs);
    const length = this.#length === 0 ? 0 : moved(this.#length - 1) + 1;
    const columns = newColumns(Math.max(16, length));
    for (const name of COLUMNS) {
      for (let at = 0; at < this.#length; at += 1) {
        bump(columns[name], moved(at), old.columns[name][at] ?? 0);
      }
    }
    if (this.#sampled >= 0) this.#sampled = moved(this.#sampled);
    this.#columns = columns;
    this.#originMs = originMs;
    this.#widthMs = widthMs;
    this.#length = length;
  }
}

function newColumns(length: number): Columns {
  const empty = () => new Float64Array(length);
  return {
    rows: empty(),
    sum: empty(),
    samples: empty(),
    expected: empty(),
    low: empty(),
    high: empty(),
  };
}

function bump(values: Float64Array, at: number, by: number): void {
  values[at] = (values[at] ?? 0) + by;
}
