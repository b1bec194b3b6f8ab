import { BUCKET_MS, type CountDeltas } from "@tracer/core";
import type { Explanation } from "@tracer/detect";

/** Points of a chart; beyond it, neighbours become one and all charts get coarser. */
export const CHART_POINTS_MAX = 2_000;
/** Services whose past is kept for a chart; an alert takes the place of one that had none. */
export const CHARTED_SERIES_MAX = 500;

const COLUMNS = [
  "records",
  "errors",
  "samples",
  "expected",
  "low",
  "high",
  "errorExpected",
  "errorLow",
  "errorHigh",
  "latencies",
  "latencyLogSum",
  "latencySamples",
  "latencyExpected",
  "latencyLow",
  "latencyHigh",
] as const;
type Column = (typeof COLUMNS)[number];

/** Columns of one service, a point each; the bands are sums over `samples`, those of latency over `latencySamples`. */
type Columns = Record<Column, Float64Array>;

interface Track {
  columns: Columns;
  /** Last point at whose beginning the expectation was asked for. */
  sampledPoint: number;
  hasAlert: boolean;
}

/** One point of a service's past. Rates are a minute, shares lie in [0, 1]; null: nothing is known. */
export interface ChartPoint {
  readonly startMs: number;
  readonly records: number | null;
  readonly expected: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly errorShare: number | null;
  readonly errorExpected: number | null;
  readonly errorLow: number | null;
  readonly errorHigh: number | null;
  /** Typical latency in ms, the geometric mean; null where no record named one. */
  readonly latencyMs: number | null;
  /** What was expected of it, once that is known. */
  readonly latencyExpected: number | null;
  readonly latencyLow: number | null;
  readonly latencyHigh: number | null;
}

/** What the detector expects, as far as a chart shows it. */
type Expected = Pick<Explanation, "kind" | "part" | "state" | "expected" | "low" | "high">;

/** What a point was expected to be, asked before it was learned. */
export type Expect = (slot: number) => readonly Expected[];

/** The past of many services on one time axis, in memory that does not grow with the input. */
export class ChartGrid {
  /** Width of a point. */
  widthMs = BUCKET_MS;
  readonly #tracks = new Map<number, Track>();
  /** Records of all services. */
  readonly #all: Track = newTrack(16);
  #originMs: number | null = null;
  #length = 0;

  /** Adds counts that the detector has not seen yet. */
  add(deltas: CountDeltas, expect: Expect): void {
    for (let cell = 0; cell < deltas.length; cell += 1) {
      const slot = deltas.slot[cell] ?? 0;
      const point = this.#pointOf(deltas.stepStartMs[cell] ?? 0);
      bump(this.#all, "records", point, deltas.records[cell] ?? 0);
      const track = this.#trackOf(slot);
      if (track === null) continue;
      bump(track, "records", point, deltas.records[cell] ?? 0);
      bump(track, "errors", point, deltas.errors[cell] ?? 0);
      const latencies = deltas.latencyCount[cell] ?? 0;
      if (latencies > 0) {
        bump(track, "latencies", point, latencies);
        bump(track, "latencyLogSum", point, deltas.latencyLogSum[cell] ?? 0);
      }
      if (point <= track.sampledPoint) continue;
      track.sampledPoint = point;
      sample(track, point, expect(slot));
    }
  }

  /** Keeps a service's chart to the end, from here on at the least. */
  markAlert(slot: number): void {
    if (!this.#tracks.has(slot) && this.#tracks.size >= CHARTED_SERIES_MAX) {
      for (const [other, { hasAlert }] of this.#tracks) {
        if (hasAlert) continue;
        this.#tracks.delete(other);
        break;
      }
    }
    const track = this.#trackOf(slot);
    if (track !== null) track.hasAlert = true;
  }

  /** Points of a service from its first to the end of the input; empty when none were kept. */
  pointsOf(slot: number): ChartPoint[] {
    const track = this.#tracks.get(slot);
    if (track === undefined) return [];
    const { records } = track.columns;
    const points: ChartPoint[] = [];
    let last: ChartPoint | null = null;
    for (let point = 0; point < this.#length; point += 1) {
      const known = (records[point] ?? 0) > 0;
      if (last === null && !known) continue;
      last = this.#view(track.columns, point, last);
      points.push(last);
    }
    return points;
  }

  #view(columns: Columns, point: number, last: ChartPoint | null): ChartPoint {
    const samples = columns.samples[point] ?? 0;
    const mean = (column: Column) => (columns[column][point] ?? 0) / samples;
    const records = columns.records[point] ?? 0;
    const errors = columns.errors[point] ?? 0;
    // Where nobody sent anything the data is missing; where others did, it is a silence.
    const heard = (this.#all.columns.records[point] ?? 0) > 0;
    const minutes = this.widthMs / BUCKET_MS;
    const band =
      samples > 0
        ? {
            expected: mean("expected"),
            low: mean("low"),
            high: mean("high"),
            errorExpected: mean("errorExpected"),
            errorLow: mean("errorLow"),
            errorHigh: mean("errorHigh"),
          }
        : {
            expected: last?.expected ?? null,
            low: last?.low ?? null,
            high: last?.high ?? null,
            errorExpected: last?.errorExpected ?? null,
            errorLow: last?.errorLow ?? null,
            errorHigh: last?.errorHigh ?? null,
          };
    return {
      startMs: (this.#originMs ?? 0) + point * this.widthMs,
      records: heard ? records / minutes : null,
      errorShare: records > 0 ? errors / records : null,
      ...band,
      ...latencyOf(columns, point, last),
    };
  }

  #trackOf(slot: number): Track | null {
    const known = this.#tracks.get(slot);
    if (known !== undefined) return known;
    if (this.#tracks.size >= CHARTED_SERIES_MAX) return null;
    const track = newTrack(this.#all.columns.records.length);
    this.#tracks.set(slot, track);
    return track;
  }

  #pointOf(stepStartMs: number): number {
    this.#originMs ??= Math.floor(stepStartMs / BUCKET_MS) * BUCKET_MS;
    let point = Math.floor((stepStartMs - this.#originMs) / this.widthMs);
    while (point < 0 || point >= CHART_POINTS_MAX) {
      if (point < 0 && this.#length - point <= CHART_POINTS_MAX) {
        this.#remap(this.#originMs + point * this.widthMs, this.widthMs);
      } else {
        this.#remap(this.#originMs, this.widthMs * 2);
      }
      point = Math.floor((stepStartMs - this.#originMs) / this.widthMs);
    }
    if (point >= this.#length) this.#length = point + 1;
    const { length } = this.#all.columns.records;
    if (point >= length) {
      const larger = Math.min(CHART_POINTS_MAX, Math.max(point + 1, length * 2));
      this.#rebuild(larger, (each) => each);
    }
    return point;
  }

  #remap(originMs: number, widthMs: number): void {
    const old = { originMs: this.#originMs ?? 0, widthMs: this.widthMs };
    const moved = (point: number) =>
      Math.floor((old.originMs + point * old.widthMs - originMs) / widthMs);
    this.#length = this.#length === 0 ? 0 : moved(this.#length - 1) + 1;
    this.#originMs = originMs;
    this.widthMs = widthMs;
    const { length } = this.#all.columns.records;
    this.#rebuild(Math.min(CHART_POINTS_MAX, Math.max(length, this.#length)), moved);
  }

  #rebuild(length: number, moved: (point: number) => number): void {
    for (const track of [this.#all, ...this.#tracks.values()]) {
      const before = track.columns;
      track.columns = newTrack(length).columns;
      if (track.sampledPoint >= 0) track.sampledPoint = moved(track.sampledPoint);
      for (const column of COLUMNS) {
        before[column].forEach((value, point) => {
          if (value !== 0) bump(track, column, moved(point), value);
        });
      }
    }
  }
}

function newTrack(length: number): Track {
  const empty = () => new Float64Array(length);
  const columns = {
    ...{ records: empty(), errors: empty(), samples: empty() },
    ...{ expected: empty(), low: empty(), high: empty() },
    ...{ errorExpected: empty(), errorLow: empty(), errorHigh: empty() },
    ...{ latencies: empty(), latencyLogSum: empty(), latencySamples: empty() },
    ...{ latencyExpected: empty(), latencyLow: empty(), latencyHigh: empty() },
  };
  return { columns, sampledPoint: -1, hasAlert: false };
}

type Latency = Pick<ChartPoint, "latencyMs" | "latencyExpected" | "latencyLow" | "latencyHigh">;

function latencyOf(columns: Columns, point: number, last: ChartPoint | null): Latency {
  const samples = columns.latencySamples[point] ?? 0;
  const count = columns.latencies[point] ?? 0;
  const mean = (column: Column) => (columns[column][point] ?? 0) / samples;
  return {
    latencyMs: count > 0 ? Math.exp((columns.latencyLogSum[point] ?? 0) / count) : null,
    latencyExpected: samples > 0 ? mean("latencyExpected") : (last?.latencyExpected ?? null),
    latencyLow: samples > 0 ? mean("latencyLow") : (last?.latencyLow ?? null),
    latencyHigh: samples > 0 ? mean("latencyHigh") : (last?.latencyHigh ?? null),
  };
}

function bump(track: Track, column: Column, point: number, by: number): void {
  const values = track.columns[column];
  values[point] = (values[point] ?? 0) + by;
}

function sample(track: Track, point: number, explanations: readonly Expected[]): void {
  const volume = explanations.find(({ kind }) => kind === "volume");
  const error = explanations.find(({ kind }) => kind === "error");
  if (volume === undefined || error === undefined) return;
  bump(track, "samples", point, 1);
  bump(track, "expected", point, volume.expected);
  bump(track, "low", point, volume.low);
  bump(track, "high", point, volume.high);
  bump(track, "errorExpected", point, error.expected);
  bump(track, "errorLow", point, error.low);
  bump(track, "errorHigh", point, error.high);
  const latency = explanations.find(({ kind }) => kind === "latency");
  if (latency === undefined || UNKNOWN.includes(latency.state)) return;
  bump(track, "latencySamples", point, 1);
  bump(track, "latencyExpected", point, latency.expected);
  bump(track, "latencyLow", point, latency.low);
  bump(track, "latencyHigh", point, latency.high);
}

/** States in which what is expected of a latency says nothing yet. */
const UNKNOWN: readonly Explanation["state"][] = ["learning", "not_judged"];
