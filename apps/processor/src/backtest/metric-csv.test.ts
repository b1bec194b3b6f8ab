import { describe, expect, test } from "vitest";
import { CsvRows, csvShapeOf } from "./metric-csv.ts";

describe("what is a metric CSV", () => {
  test.each([
    ["timestamp,value\n2026-01-05 00:00:00,1\n", ",", ["value"]],
    ["\uFEFFtimestamp,value\r\n2026-01-05 00:00:00,1\r\n", ",", ["value"]],
    ["timestamp,value\n", ",", ["value"]], // Nothing in it, but nothing else either.
    [
      '"time";"cpu";"queue depth"\n1767571200;0.5;\n1767571260;NaN;3\n',
      ";",
      ["cpu", "queue depth"],
    ],
    ["@timestamp\tload\n2026-01-05T00:00:00Z\t1e3\n", "\t", ["load"]],
    ["2026-01-05 00:00:00,1\n2026-01-05 00:01:00,2\n", ",", null],
    ["1767571200000,1,2\n1767571260000,,-3\n176757", ",", null],
  ])("%j", (text, delimiter, names) => {
    expect(csvShapeOf(text)).toMatchObject({ delimiter, names });
  });

  test.each([
    "",
    '{"time":"2026-01-05","level":"info"}\n',
    "2026-01-05 12:00:00,123 INFO started\n2026-01-05 12:00:01,5 INFO up\n",
    "timestamp,level,message\n2026-01-05 12:00:00,info,up\n",
    "timestamp,status,message\n2026-01-05 12:00:00,200,ok\n",
    "timestamp,cpu\n",
    "time,\n1,2\n",
    "a,b\n1,2\n",
  ])("and what is none: %j", (text) => {
    expect(csvShapeOf(text)).toBeNull();
  });
});

function rowsOf(text: string): [number, number[]][] {
  const shape = csvShapeOf(text);
  if (shape === null) throw new Error("no metric CSV");
  const found: [number, number[]][] = [];
  const rows = new CsvRows(shape, (timestampMs, values) => {
    found.push([timestampMs, [...values]]);
  });
  rows.read(Buffer.from(text));
  return found;
}

test("rows: CRLF, quotes, gaps, further fields, blank lines, a header again, no line end", () => {
  const text =
    'time,a,b\r\n1767571200,1, 2 \r\n\r\n"1767571260","3",\r\ntime,a,b\r\n1767571320,,4\r\n1767571320,,4,9\r\nx,5\r\n1767571380,-1e3,0x10';
  expect(rowsOf(text)).toEqual([
    [1_767_571_200_000, [1, 2]],
    [1_767_571_260_000, [3, Number.NaN]],
    [1_767_571_320_000, [Number.NaN, 4]],
    [1_767_571_320_000, [Number.NaN, 4]],
    [Number.NaN, [5, Number.NaN]],
    [1_767_571_380_000, [-1_000, 16]],
  ]);
});
