import { BUCKET_MS, CountDeltas, LevelIndex } from "@tracer/core";
import { expect, test } from "vitest";
import { CHART_POINTS_MAX, CHARTED_SERIES_MAX, ChartGrid } from "./chart-grid.ts";
import { coarser } from "./html-charts.ts";

const START_MS = Date.UTC(2026, 0, 5);
const EXPECT = () => [
  { kind: "error", part: "", state: "calm", expected: 0.1, low: 0, high: 0.2 } as const,
  { kind: "volume", part: "drop", state: "calm", expected: 6, low: 4, high: 8 } as const,
];

function add(grid: ChartGrid, slot: number, minute: number, records: number, errors = 0): void {
  const deltas = new CountDeltas();
  const atMs = START_MS + minute * BUCKET_MS;
  deltas.add(slot, atMs, LevelIndex.info, Number.NaN, records - errors);
  if (errors > 0) deltas.add(slot, atMs, LevelIndex.error, Number.NaN, errors);
  grid.add(deltas, EXPECT);
}

test("a point a minute, with what was expected; silence is 0, and missing data is nothing", () => {
  const grid = new ChartGrid();
  add(grid, 1, 0, 10, 1);
  add(grid, 2, 1, 5);
  add(grid, 1, 3, 20);
  const points = grid.pointsOf(1);
  expect(points.map(({ records }) => records)).toEqual([10, 0, null, 20]);
  expect(points.map(({ errorShare }) => errorShare)).toEqual([0.1, null, null, 0]);
  expect(points.map(({ high }) => high)).toEqual([8, 8, 8, 8]);
  expect(grid.pointsOf(2).map(({ startMs }) => startMs)).toEqual([1, 2, 3].map(minuteMs));
});

function minuteMs(minute: number): number {
  return START_MS + minute * BUCKET_MS;
}

test("latency is typical, not average; its band is shown once it is known, and no latency is a gap", () => {
  const grid = new ChartGrid();
  const point = (minute: number, state: "learning" | "calm", ...latencies: number[]) => {
    const deltas = new CountDeltas();
    for (const each of latencies) deltas.add(0, minuteMs(minute), LevelIndex.info, each);
    grid.add(deltas, () => [
      ...EXPECT(),
      { kind: "latency", part: "", state, expected: 20, low: 10, high: 40 } as const,
    ]);
  };
  point(0, "learning", 10, 1_000);
  point(1, "calm", Number.NaN);
  point(2, "calm", 50);
  const points = grid.pointsOf(0);
  const shown = points.map((each) => [Math.round(each.latencyMs ?? -1), each.latencyHigh]);
  expect(shown).toEqual([
    [100, null],
    [-1, 40],
    [50, 40],
  ]);
  const [merged, ...others] = coarser(points, 1);
  expect(others).toEqual([]);
  expect(merged?.latencyExpected).toBe(20);
  expect(merged?.latencyMs).toBeCloseTo(Math.sqrt(100 * 50), 6);
});

test("beyond the most points neighbours become one: rates and bands stay what they were", () => {
  const grid = new ChartGrid();
  for (let minute = 0; minute < CHART_POINTS_MAX; minute += 1) add(grid, 0, minute, 10, 2);
  expect([grid.widthMs, grid.pointsOf(0).length]).toEqual([BUCKET_MS, CHART_POINTS_MAX]);
  add(grid, 0, CHART_POINTS_MAX, 20, 4);
  add(grid, 0, CHART_POINTS_MAX + 1, 20, 4);
  const points = grid.pointsOf(0);
  expect([grid.widthMs, points.length]).toEqual([2 * BUCKET_MS, CHART_POINTS_MAX / 2 + 1]);
  expect(points[0]).toMatchObject({ records: 10, errorShare: 0.2, expected: 6, low: 4, high: 8 });
  expect(points.at(-1)).toMatchObject({ records: 20, errorShare: 0.2, expected: 6 });
  add(grid, 0, 1e7, 1);
  expect(grid.pointsOf(0).length).toBeLessThanOrEqual(CHART_POINTS_MAX);
});

test("an older beginning moves the axis and keeps what is there", () => {
  const grid = new ChartGrid();
  add(grid, 0, 0, 10);
  add(grid, 1, -3, 7);
  expect(grid.pointsOf(1).map(({ records }) => records)).toEqual([7, null, null, 0]);
  expect(grid.pointsOf(0)).toMatchObject([{ startMs: START_MS, records: 10, high: 8 }]);
});

test("beyond the most services a new one has no chart, unless it has an alert", () => {
  const grid = new ChartGrid();
  for (let slot = 0; slot <= CHARTED_SERIES_MAX; slot += 1) add(grid, slot, 0, 1);
  expect(grid.pointsOf(CHARTED_SERIES_MAX - 1)).toHaveLength(1);
  expect(grid.pointsOf(CHARTED_SERIES_MAX)).toHaveLength(0);
  grid.markAlert(CHARTED_SERIES_MAX);
  add(grid, CHARTED_SERIES_MAX, 1, 1);
  expect(grid.pointsOf(CHARTED_SERIES_MAX)).toHaveLength(1);
});

test("charts are thinned to what a page can hold, shares weighted by their records", () => {
  const grid = new ChartGrid();
  add(grid, 0, 0, 90);
  add(grid, 0, 1, 10, 10);
  add(grid, 0, 2, 30);
  const points = grid.pointsOf(0);
  expect(coarser(points, 3)).toHaveLength(3);
  expect(coarser(points, 2)).toMatchObject([{ records: 50, errorShare: 0.1 }, { records: 30 }]);
});
