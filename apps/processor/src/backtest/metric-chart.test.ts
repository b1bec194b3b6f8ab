import { expect, test } from "vitest";
import { CHART_POINTS_MAX } from "./chart-grid.ts";
import { MetricChart } from "./metric-chart.ts";

const START_MS = Date.UTC(2026, 0, 5);
const none = () => null;

test("points are as wide as the time between rows, and a hole stays a hole", () => {
  const chart = new MetricChart();
  for (const minute of [0, 5, 10, 25, 30, 35])
    chart.add(START_MS + minute * 60_000, minute + 1, none);
  const { points, widthMs } = chart.pointsOf(1_000);
  expect(widthMs).toBe(300_000);
  expect(points.map(({ value }) => value)).toEqual([1, 6, 11, null, null, 26, 31, 36]);
  expect(points.map(({ startMs }) => (startMs - START_MS) / 60_000)).toEqual([
    0, 5, 10, 15, 20, 25, 30, 35,
  ]);
});

test.each([CHART_POINTS_MAX, CHART_POINTS_MAX + 1, 50_000])(
  "%s rows: all of them in the mean, in no more points than there may be",
  (rows) => {
    const chart = new MetricChart();
    for (let row = 0; row < rows; row += 1) chart.add(START_MS + row * 1_000, row, none);
    const { points, widthMs } = chart.pointsOf(CHART_POINTS_MAX);
    expect(points.length).toBeLessThanOrEqual(CHART_POINTS_MAX);
    expect(points.length * widthMs).toBeGreaterThanOrEqual(rows * 1_000);
    expect(points[0]?.value).toBe((widthMs / 1_000 - 1) / 2);
    expect(chart.pointsOf(10).points.length).toBeLessThanOrEqual(10);
  },
);

test("the band is asked for once a point, before and after the axis gets coarser", () => {
  const chart = new MetricChart();
  let asked = 0;
  const band = { expected: 5, expectedLow: 4, expectedHigh: 6 };
  const rows = CHART_POINTS_MAX * 4;
  for (let row = 0; row < rows; row += 1) {
    chart.add(START_MS + row * 1_000, 5, () => {
      asked += 1;
      return band;
    });
  }
  const { points } = chart.pointsOf(CHART_POINTS_MAX);
  expect(asked).toBeLessThan(rows / 1.5);
  expect(points.every(({ low, expected, high }) => low === 4 && expected === 5 && high === 6)).toBe(
    true,
  );
});

test("rows before the first one move the axis", () => {
  const chart = new MetricChart();
  for (const minute of [60, 61, 0, 1, 62]) chart.add(START_MS + minute * 60_000, minute, none);
  const { points } = chart.pointsOf(1_000);
  expect(points[0]).toMatchObject({ startMs: START_MS, value: 0 });
  expect(points.at(-1)?.value).toBe(62);
});
