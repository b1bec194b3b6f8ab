import { LevelIndex } from "@tracer/core";
import { expect, test } from "vitest";
import { Random } from "./random.ts";
import { Vocabulary } from "./vocabulary.ts";

/** The line without what changes from one to the next. */
function bare(line: string): string {
  return line.replace(/[0-9a-f]*\d[0-9a-f]*/g, "#").replace(/[-.:/"=]+/g, " ");
}

test("a few kinds make most lines, and a new kind is none of them", () => {
  const vocabulary = new Vocabulary(new Random("words"));
  const lines = Array.from({ length: 2_000 }, () => vocabulary.line(LevelIndex.error));
  expect(new Set(lines).size).toBeGreaterThan(1_000);
  const skeleton = vocabulary.newKind(LevelIndex.error);
  expect(vocabulary.newKind(LevelIndex.error)).not.toBe(skeleton);
  const [head = ""] = skeleton.split("{");
  const line = vocabulary.fill(skeleton);
  expect(line).not.toMatch(/[{}]/);
  expect(line.startsWith(head)).toBe(true);
  expect(lines.map(bare)).not.toContain(bare(line));
});

test("the same name, the same words", () => {
  const said = (name: string) => {
    const vocabulary = new Vocabulary(new Random(name));
    return Array.from({ length: 20 }, () => vocabulary.line(LevelIndex.info));
  };
  expect(said("a")).toEqual(said("a"));
  expect(said("a")).not.toEqual(said("b"));
});

test("nothing is said at levels that no alert is about", () => {
  const vocabulary = new Vocabulary(new Random("words"));
  expect(() => vocabulary.line(LevelIndex.debug)).toThrow("level 1");
});
