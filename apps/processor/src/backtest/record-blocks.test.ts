import { TracerError } from "@tracer/core";
import { describe, expect, test } from "vitest";
import { layoutOf, RecordBlocks } from "./record-blocks.ts";

function blocksOf(text: string, chunkBytes: number, blockBytes = 64, blockBytesMax = 256) {
  const found: string[] = [];
  const onBlock = (bytes: Uint8Array) => {
    found.push(Buffer.from(bytes).toString());
  };
  const blocks = new RecordBlocks({ onBlock, blockBytes, blockBytesMax });
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += chunkBytes)
    blocks.add(bytes.subarray(at, at + chunkBytes));
  blocks.end();
  return { found, overlong: blocks.overlong, layout: blocks.layout };
}

const LINES = Array.from({ length: 40 }, (_, index) => `{"n":${index}}`).join("\n");

describe("blocks of records", () => {
  test("cut lines at their ends, lose nothing, and do not depend on how the bytes came", () => {
    const { found } = blocksOf(LINES, 7);
    expect(found.join("")).toBe(LINES);
    expect(found.length).toBeGreaterThan(3);
    expect(found.slice(0, -1).every((block) => block.endsWith("}\n"))).toBe(true);
    for (const chunkBytes of [1, 64, 1_000])
      expect(blocksOf(LINES, chunkBytes).found).toEqual(found);
  });

  test("an array stays whole up to the limit, and is refused beyond it", () => {
    const array = (bytes: number) => `[${'{"a":1},'.repeat(bytes / 8 - 1)}{"a":2}`.slice(0, bytes);
    const fits = array(255);
    expect(blocksOf(fits, 50).found).toEqual([fits]);
    expect(() => blocksOf(array(256), 50)).toThrow(TracerError);
  });

  test("a line beyond the limit is skipped and counted; its neighbours are not", () => {
    const line = (bytes: number) => `{"a":"${"x".repeat(bytes - 9)}"}\n`;
    expect(blocksOf(`{"n":1}\n${line(240)}{"n":2}\n`, 50)).toMatchObject({ overlong: 0 });
    const { found, overlong } = blocksOf(`{"n":1}\n${line(400)}{"n":2}\n`, 50);
    expect(overlong).toBe(1);
    expect(found.join("")).toBe('{"n":1}\n{"n":2}\n');
  });

  test("objects over several lines are cut between them", () => {
    const text = Array.from({ length: 20 }, (_, n) => JSON.stringify({ n, b: "x" }, null, 2)).join(
      "\n",
    );
    const { found, layout } = blocksOf(text, 30);
    expect(layout).toBe("objects");
    expect(found.length).toBeGreaterThan(3);
    expect(found.map((block) => block.match(/\{/g)?.length)).toEqual(
      found.map((block) => block.match(/\}/g)?.length),
    );
  });

  test("a line of text that begins with a bracket stands alone", () => {
    const { found } = blocksOf('[12:00] starting\n[12:01] up\n{"n":1}\n{"n":2}\n', 9, 1_024);
    expect(found).toEqual(["12:00] starting\n", "12:01] up\n", '{"n":1}\n{"n":2}\n']);
  });
});

test.each([
  ['{"a":1}\n{"a":2}', "lines"],
  ['{"a":1}', "lines"],
  ['{"a":1\n{"a":2}', "lines"],
  ["Starting\n{}", "lines"],
  ["[12:00] up", "lines"],
  ['[{"a":1}]', "whole"],
  ["\ufeff [\n", "whole"],
  ['{\n  "a": 1\n}', "objects"],
  ['{"logs": [\n  {"a": 1}', "whole"],
  ['{"logs":[{"a":1}]}\n', "lines"],
  ["timestamp,value\n1,2", "metric_csv"],
  ['"time";"value"\r\n1;2', "metric_csv"],
])("%j is laid out as %s", (text, layout) => {
  expect(layoutOf(Buffer.from(text))).toBe(layout);
});

test("numbers are cut at line ends; a bracket there is no array", () => {
  const rows = Array.from({ length: 40 }, (_, row) => `2026-01-05 00:00:${10 + (row % 50)},${row}`);
  const text = ["timestamp,value", ...rows, "[1],2"].join("\n");
  const { found, layout } = blocksOf(text, 33, 128, 256);
  expect(layout).toBe("metric_csv");
  expect(found.join("")).toBe(text);
  expect(found.length).toBeGreaterThan(3);
  expect(found.slice(0, -1).every((block) => block.endsWith("\n"))).toBe(true);
});
