import { describe, expect, test } from "vitest";
import { type BandPoint, type BandSeries, bandChart } from "./band-chart.ts";
import { roundTicks, timeTicks } from "./scale.ts";

const START_MS = Date.UTC(2026, 0, 5);
const MINUTE_MS = 60_000;

function point(minute: number, value: number | null, band: Partial<BandPoint> = {}): BandPoint {
  const startMs = START_MS + minute * MINUTE_MS;
  return { startMs, value, expected: 10, low: 5, high: 15, ...band };
}

function series(points: readonly BandPoint[], rest: Partial<BandSeries> = {}): BandSeries {
  return { title: "t", unit: "records_per_minute", stepMs: MINUTE_MS, points, ...rest };
}

function pathOf(svg: string, name: string): string {
  return new RegExp(`class="band-chart-${name}"[^>]* d="([^"]*)"`).exec(svg)?.[1] ?? "";
}

/** Every number of every geometric attribute. */
function coordinatesOf(svg: string): string[] {
  const attributes = svg.matchAll(/ (?:d|x|y|width|height|viewBox)="([^"]*)"/g);
  return [...attributes].flatMap(([, value = ""]) => value.split(/[\sMLHVZhv]+/)).filter(Boolean);
}

describe("a band chart", () => {
  test("of nothing says so", () => {
    for (const points of [[], [point(0, null)], [point(0, Number.NaN)]]) {
      const svg = bandChart(series(points));
      expect(svg).toContain("No data");
      expect(svg).not.toContain("<path");
    }
  });

  test("of one point is a dot within the frame", () => {
    const path = pathOf(bandChart(series([point(0, 7)])), "value");
    expect(path).toMatch(/^M[\d.]+ [\d.]+h\.01$/);
  });

  test("a gap breaks the line and the band, and so does a point that is missing", () => {
    const bare = { expected: null, low: null, high: null };
    const points = [point(0, 1), point(1, 2), point(2, null, bare), point(3, 3), point(9, 4)];
    const svg = bandChart(series(points));
    expect(pathOf(svg, "value").match(/M/g)).toHaveLength(3);
    expect(pathOf(svg, "band").match(/M/g)).toHaveLength(3);
    expect(pathOf(svg, "expected").match(/M/g)).toHaveLength(3);
  });

  test("more is higher, later is further right", () => {
    const path = pathOf(bandChart(series([point(0, 1), point(1, 9)])), "value");
    const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = path.split(/[ML ]/).filter(Boolean).map(Number);
    expect(x1).toBeGreaterThan(x0);
    expect(y1).toBeLessThan(y0);
  });

  test("hostile text stays text", () => {
    const hostile = `"><script>alert(1)</script>'&\u0000\u001b[31m\u202e`;
    const mark = { fromMs: START_MS, toMs: null, severity: "error" as const, label: hostile };
    const svg = bandChart(series([point(0, 1)], { title: hostile, marks: [mark] }));
    expect(svg).not.toMatch(/<script|\p{Cc}|\p{Cf}/u);
    expect(svg).toContain("&lt;script&gt;alert(1)&lt;/script&gt;&#39;&amp;");
    expect(svg.match(/aria-label="[^"<>]*"/)).not.toBeNull();
  });

  test("whatever the values are, coordinates are finite and inside the picture", () => {
    const odd = [0, -1, 1e308, -1e308, Number.NaN, Number.POSITIVE_INFINITY, 5e-324, null];
    const units = ["share", "records_per_minute", "milliseconds", "number"] as const;
    for (const unit of units) {
      for (const value of odd) {
        const points = [point(0, value, { low: value, high: value }), point(1, 3)];
        const marks = [
          { fromMs: Number.NaN, toMs: Number.NaN, severity: "info" as const, label: "" },
          { fromMs: START_MS - 1e12, toMs: START_MS + 1e12, severity: "info" as const, label: "" },
        ];
        const svg = bandChart(series(points, { unit, marks }));
        const coordinates = coordinatesOf(svg).map(Number);
        expect(coordinates.length).toBeGreaterThan(10);
        expect(coordinates.every((each) => each >= 0 && each <= 720)).toBe(true);
        expect(svg).not.toMatch(/NaN|Infinity|undefined/);
      }
    }
  });

  test("a mark is drawn where it is, has a least width, and none outside", () => {
    const points = [point(0, 1), point(60, 1)];
    const mark = (fromMinute: number, toMinute: number) => ({
      fromMs: START_MS + fromMinute * MINUTE_MS,
      toMs: START_MS + toMinute * MINUTE_MS,
      severity: "critical" as const,
      label: "down",
    });
    const widthOf = (svg: string) => Number(/<rect[^>]* width="([\d.]+)"/.exec(svg)?.[1]);
    expect(widthOf(bandChart(series(points, { marks: [mark(10, 40)] })))).toBeGreaterThan(200);
    expect(widthOf(bandChart(series(points, { marks: [mark(10, 10)] })))).toBe(3);
    expect(bandChart(series(points, { marks: [mark(100, 110)] }))).not.toContain("<rect");
  });

  test("without axes is nothing but the lines and the band, from edge to edge", () => {
    const svg = bandChart(
      series([point(0, 1), point(1, 2)], { axes: false, width: 100, height: 20 }),
    );
    expect(svg).not.toMatch(/<text|band-chart-grid/);
    expect(pathOf(svg, "value")).toMatch(/^M25\.5 [\d.]+L74\.5 [\d.]+$/);
    expect(pathOf(svg, "band")).not.toBe("");
  });

  test("loads nothing", () => {
    const svg = bandChart(series([point(0, 1), point(1, 2)]));
    expect(svg).not.toMatch(/https?:|href|url\(|style=/);
  });
});

describe("ticks", () => {
  test("are round, and within their range", () => {
    expect(roundTicks(0, 1, 4)).toEqual([0, 0.5, 1]);
    expect(roundTicks(0, 107, 4)).toEqual([0, 50, 100]);
    expect(roundTicks(3, 3, 4)).toEqual([3]);
  });

  test("of time are few, and name the day at midnight", () => {
    const ticks = timeTicks(START_MS, START_MS + 36 * 3_600_000, 8);
    expect(ticks.map(({ label }) => label)).toContain("6 Jan");
    expect(ticks.map(({ label }) => label)).toContain("06:00");
    const century = timeTicks(START_MS, START_MS + 100 * 365 * 86_400_000, 8);
    expect(century.length).toBeLessThanOrEqual(9);
    expect(timeTicks(START_MS, START_MS, 8)).toHaveLength(1);
  });
});
