import { describe, expect, test } from "vitest";
import { METRIC_SERIES_MAX, MetricCollector } from "./metric-collector.ts";
import type { CsvShape } from "./metric-csv.ts";
import { SERIES_ALERTS_MAX } from "./metric-series.ts";

const START_MS = Date.UTC(2026, 0, 5);
const MINUTE_MS = 60_000;
const YEAR_MS = 365 * 24 * 3_600_000;

function shape(names: readonly string[] | null, columns = names?.length ?? 1): CsvShape {
  return { delimiter: ",", names, columns };
}

describe("names of series", () => {
  const namesOf = (...files: [string, CsvShape][]) => {
    const collector = new MetricCollector({ scoreMin: 0.5 });
    for (const [index, [name, each]] of files.entries()) {
      const file = collector.file(name, index + 1, each);
      file.add(
        START_MS,
        Float64Array.from({ length: each.columns }, () => 1),
      );
      file.end();
    }
    return [...collector.series].map(([name, { rows }]) => [name, rows]);
  };

  test("a column is called what its header says, and goes on in the next file", () => {
    expect(namesOf(["jan.csv", shape(["cpu", "load"])], ["feb.csv.gz", shape(["cpu"])])).toEqual([
      ["cpu", 2],
      ["load", 1],
    ]);
  });

  test("a value is called after its file, and is not that of another folder's file", () => {
    expect(
      namesOf(
        ["a/cpu.csv.zst", shape(["value"])],
        ["b/cpu.csv", shape(["value"])],
        ["-", shape(null)],
      ),
    ).toEqual([
      ["cpu", 1],
      ["b/cpu", 1],
      ["-", 1],
    ]);
  });

  test("columns without a header, of the same name, of no visible name", () => {
    expect(namesOf(["a.csv", shape(null, 2)])).toEqual([
      ["a column 2", 1],
      ["a column 3", 1],
    ]);
    expect(namesOf(["a.csv", shape(["cpu", "cpu"])])).toEqual([
      ["cpu", 1],
      ["cpu'", 1],
    ]);
  });

  test("as many series as there may be; columns beyond are counted", () => {
    const collector = new MetricCollector({ scoreMin: 0.5 });
    const names = Array.from({ length: METRIC_SERIES_MAX }, (_, at) => `c${at}`);
    collector.file("a.csv", 1, shape(names));
    expect(collector).toMatchObject({ columnsUnread: 0 });
    const file = collector.file("b.csv", 2, shape(["c0", "one more"]));
    file.add(START_MS, Float64Array.of(1, 2));
    file.end();
    expect(collector.columnsUnread).toBe(1);
    expect(collector.series.get("c0")?.rows).toBe(1);
  });
});

describe("time", () => {
  test("one row dated wrongly, ahead, behind or not at all, moves no other", () => {
    const collector = new MetricCollector({ scoreMin: 0.5 });
    const file = collector.file("a.csv", 1, shape(["cpu"]));
    const times = [YEAR_MS, 0, 1, 2, 2 + YEAR_MS / MINUTE_MS, 3, -YEAR_MS / MINUTE_MS, 4];
    for (const minute of times) file.add(START_MS + minute * MINUTE_MS, Float64Array.of(1));
    file.add(Number.NaN, Float64Array.of(1));
    file.add(START_MS + 5 * MINUTE_MS, Float64Array.of(Number.NaN));
    file.add(Number.NaN, Float64Array.of(Number.NaN));
    file.end();
    expect(collector).toMatchObject({
      ...{ rows: 9, future: 2, late: 1, withoutTime: 1, withoutValue: 1, rejected: 1 },
      problems: [{ input: 1, record: 11, reason: "neither a time nor a value can be read" }],
    });
    const series = collector.series.get("cpu");
    expect([series?.rows, series?.firstMs, series?.lastMs]).toEqual([
      ...[9, START_MS, START_MS + 4 * MINUTE_MS],
    ]);
  });

  test("a gap of years that everything after it confirms is believed", () => {
    const collector = new MetricCollector({ scoreMin: 0.5 });
    const file = collector.file("a.csv", 1, shape(["cpu"]));
    for (const minute of [0, 1]) file.add(START_MS + minute * MINUTE_MS, Float64Array.of(1));
    for (const minute of [0, 1])
      file.add(START_MS + YEAR_MS + minute * MINUTE_MS, Float64Array.of(1));
    file.end();
    expect(collector).toMatchObject({ rows: 4, future: 0, late: 0 });
    expect(collector.series.get("cpu")?.lastMs).toBe(START_MS + YEAR_MS + MINUTE_MS);
  });
});

test("alerts beyond those that are kept are counted", () => {
  const collector = new MetricCollector({ scoreMin: 1e-9 }); // Nearly every rise is one.
  const file = collector.file("a.csv", 1, shape(["cpu"]));
  for (let row = 0; row < 200 * SERIES_ALERTS_MAX; row += 1) {
    const series = collector.series.get("cpu");
    if ((series?.alertCount ?? 0) > SERIES_ALERTS_MAX + 1) break;
    const value = row % 50 === 0 ? 1.02 ** (row / 50) : Math.sin(row) * 0.01;
    file.add(START_MS + row * MINUTE_MS, Float64Array.of(value));
  }
  file.end();
  const series = collector.series.get("cpu");
  expect(series?.alertCount).toBeGreaterThan(SERIES_ALERTS_MAX);
  expect(series?.alerts).toHaveLength(SERIES_ALERTS_MAX);
  expect(series?.alerts.every(({ evidence }) => evidence.sparkline.length === 30)).toBe(true);
});
